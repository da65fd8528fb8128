// SPDX-License-Identifier: Apache-2.0
//
// The lab a test runs in: SFU and clients each in a network namespace (deploy/lab/run-in-lab).
// Under tests/run it is there already, in the shape the test's `lab:` lines name. Run by hand, a
// test makes one for itself; its arguments go to run-in-lab: `--workers 2`, `--control --ice=full`.
// What a lab needs and is not here (root, a built tree) is a reason to skip.
import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { delayPort } from "./delay.mjs";
import { Skip } from "./outcome.mjs";
import { WireWatch } from "./wire.mjs";

const TREE = fileURLToPath(new URL("../../..", import.meta.url));

// Runs in the lab: tells its environment, then waits until this process closes the pipe or dies.
const HOLD = "env | grep ^LAB_ >&4; echo >&4; cat <&3";

function requirements() {
  if (process.getuid() !== 0) throw new Skip("network namespaces need root");
  const build = resolve(process.env.LAB_BUILD || `${TREE}/build`);
  for (const part of [
    `${build}/dataplane/sluice-dataplane`,
    `${build}/controlplane/sluice-controlplane`,
    `${TREE}/controlplane/web/dist/app.js`,
  ]) {
    if (!existsSync(part)) throw new Skip(`${relative(TREE, part)} is not built`);
  }
}

function hasIpv6() {
  const file = "/proc/sys/net/ipv6/conf/all/disable_ipv6";
  return existsSync(file) && readFileSync(file, "utf8").trim() === "0";
}

// Starts run-in-lab and resolves to it and the environment a command in it sees.
async function hold(clients) {
  const args = ["--clients", String(clients), ...process.argv.slice(2), "--", "sh", "-c", HOLD];
  // The lab's own words go to standard error: standard output is the test's.
  const holder = spawn(`${TREE}/deploy/lab/run-in-lab`, args, {
    stdio: ["ignore", 2, 2, "pipe", "pipe"],
  });
  const environment = {};
  for await (const line of createInterface({ input: holder.stdio[4] })) {
    if (line === "") return { holder, environment };
    const [name, ...value] = line.split("=");
    environment[name] = value.join("=");
  }
  throw new Error("the lab did not come up: see its words above");
}

export class Lab {
  #holder = null; // run-in-lab, where the test made the lab

  // The lab around the test, or one of its own, taken down when the trial ends.
  static async up(trial, { clients }) {
    const lab = new Lab();
    let environment = process.env;
    if (!environment.LAB_NAME) {
      requirements();
      const held = await hold(clients);
      environment = held.environment;
      lab.#holder = held.holder;
      trial.defer(() => lab.#release());
    }
    lab.#adopt(environment);
    trial.say(`lab ${lab.name}, workers ${environment.LAB_WORKERS}, ICE ${lab.ice}`);
    return lab;
  }

  #adopt(environment) {
    this.name = environment.LAB_NAME;
    this.state = environment.LAB_STATE;
    this.sfu = { 4: environment.LAB_SFU4, 6: environment.LAB_SFU6 };
    this.mediaPort = Number(environment.LAB_MEDIA_PORT);
    this.url = `${environment.LAB_URL}/`;
    const command = readFileSync(`${this.state}/controlplane.command`, "utf8");
    this.ice = /--ice=(\w+)/.exec(command)?.[1] ?? "lite";
  }

  #ctl(...words) {
    return promisify(execFile)(`${TREE}/deploy/lab/ctl`, [this.name, ...words]);
  }

  client(i) {
    return `${this.name}-c${i}`;
  }

  // The namespaces of the first `count` clients.
  clients(count) {
    return Array.from({ length: count }, (_, i) => this.client(i + 1));
  }

  // The address families media can be tried over here.
  get families() {
    return hasIpv6() ? [4, 6] : [4];
  }

  // Where clients send media, as a candidate shows it.
  media(family) {
    const host = family === 6 ? `[${this.sfu[6]}]` : this.sfu[4];
    return `${host}:${this.mediaPort}`;
  }

  // Runs nftables rules in the namespace of client `i`.
  nft(i, rules) {
    execFileSync("ip", ["netns", "exec", this.client(i), "nft", "-f", "-"], { input: rules });
  }

  // Datagrams that reached the namespace of client `i` and found no room in a socket's buffer.
  datagramsDropped(i) {
    const nstat = ["netns", "exec", this.client(i), "nstat", "-asz", "--json"];
    const { kernel } = JSON.parse(execFileSync("ip", nstat, { encoding: "utf8" }));
    return kernel.UdpRcvbufErrors + kernel.Udp6RcvbufErrors;
  }

  // What the network sends to client `i` gets no more than `bits` per second, queued for at most
  // 300 ms: on the bridge's side, where the client's kernel and the SFU do not notice.
  shape(i, bits) {
    const limit = ["rate", `${bits}bit`, "burst", "1600", "latency", "300ms"];
    this.#qdisc(i, "replace", "tbf", ...limit);
  }

  unshape(i) {
    this.#qdisc(i, "del");
  }

  #qdisc(i, verb, ...rest) {
    execFileSync("tc", ["-n", `${this.name}-lan`, "qdisc", verb, "dev", `c${i}`, "root", ...rest]);
  }

  // What client `i` and the network send each other comes `milliseconds` later, in both directions,
  // until the trial ends. From before its first connection: its bridge port changes.
  async delay(trial, i, milliseconds) {
    const place = { namespace: `${this.name}-lan`, port: `c${i}`, milliseconds };
    const relay = await delayPort(place);
    trial.defer(() => relay.stdin.end());
  }

  // Media of client `i` over the other address family goes nowhere: ICE has to choose this one.
  useFamily(i, family) {
    const other = family === 6 ? "ipv4" : "ipv6";
    this.nft(
      i,
      `table inet family
      delete table inet family
      table inet family {
        chain out {
          type filter hook output priority 0;
          meta nfproto ${other} udp dport ${this.mediaPort} drop
        }
      }\n`,
    );
  }

  // Packets of client `i` just stop, in both directions.
  cut(i) {
    execFileSync("ip", ["-n", this.client(i), "link", "set", "eth0", "down"]);
  }

  // SIGKILL for all in the namespace of client `i`: its browser gets no chance to say goodbye.
  killClient(i) {
    const pids = execFileSync("ip", ["netns", "pids", this.client(i)], { encoding: "utf8" });
    for (const pid of pids.split("\n").filter(Boolean)) {
      try {
        process.kill(Number(pid), "SIGKILL");
      } catch (error) {
        if (error.code !== "ESRCH") throw error; // its parent's end took it along
      }
    }
  }

  killControlPlane() {
    return this.#ctl("kill", "controlplane");
  }

  startControlPlane() {
    return this.#ctl("start", "controlplane", `--ice=${this.ice}`);
  }

  // What crosses the wire port, seen from the network's side of it.
  async watchWire(trial) {
    const watch = await WireWatch.start({
      namespace: `${this.name}-lan`,
      device: "far0",
      port: this.mediaPort,
      addresses: [this.sfu[4], this.sfu[6]],
    });
    trial.defer(() => watch.stop());
    return watch;
  }

  async #release() {
    if (this.#holder.exitCode !== null) return;
    const ended = once(this.#holder, "exit");
    this.#holder.stdio[3].end();
    await ended;
  }
}
