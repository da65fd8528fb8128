// SPDX-License-Identifier: Apache-2.0
//
// A lab of the test's own (deploy/lab/run-in-lab): SFU and clients each in a network namespace.
// What a lab needs and is not here (root, a built tree) is found out first: a reason to skip.
//
// From the command line of every test that uses it:
//   --workers N      forwarding workers (1)
//   --ice KIND       lite or full (lite)
//   --family N       4 or 6: the address family media may use (4)
//   --wire KIND      af_packet or af_xdp (af_packet)
import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { Skip } from "./outcome.mjs";
import { WireWatch } from "./wire.mjs";

const TREE = fileURLToPath(new URL("../../..", import.meta.url));

// Runs in the lab: tells where things are, then waits until this process closes the pipe or dies.
const HOLD = 'echo "$LAB_STATE $LAB_SFU4 $LAB_SFU6 $LAB_API_PORT $LAB_MEDIA_PORT" >&4; cat <&3';

const ALLOWED = {
  workers: ["1", "2", "3", "4"],
  ice: ["lite", "full"],
  family: ["4", "6"],
  wire: ["af_packet", "af_xdp"],
};

function settings() {
  const options = {};
  for (const [name, [usual]] of Object.entries(ALLOWED)) {
    options[name] = { type: "string", default: usual };
  }
  const { values } = parseArgs({ options });
  for (const [name, allowed] of Object.entries(ALLOWED)) {
    if (!allowed.includes(values[name])) {
      throw new Error(`--${name} "${values[name]}" is not one of ${allowed.join(", ")}`);
    }
  }
  return { ...values, workers: Number(values.workers) };
}

function requirements(family) {
  if (process.getuid() !== 0) throw new Skip("network namespaces need root");
  const build = process.env.LAB_BUILD || "build";
  for (const part of [
    `${build}/dataplane/sluice-dataplane`,
    `${build}/controlplane/sluice-controlplane`,
    "controlplane/web/dist/app.js",
  ]) {
    if (!existsSync(`${TREE}/${part}`)) throw new Skip(`${part} is not built`);
  }
  const switchOf6 = "/proc/sys/net/ipv6/conf/all/disable_ipv6";
  if (family === "6" && !(existsSync(switchOf6) && readFileSync(switchOf6, "utf8")[0] === "0")) {
    throw new Skip("this machine has no IPv6");
  }
}

export class Lab {
  #holder = null; // run-in-lab

  // Brings up a lab with `clients` client namespaces; it is taken down when the trial ends.
  static async up(trial, { clients, ...given }) {
    const chosen = { ...settings(), ...given };
    requirements(chosen.family);
    const lab = new Lab();
    lab.name = `bt${process.pid % 1_000_000}`;
    lab.settings = chosen;
    trial.defer(() => lab.down());
    await lab.#start(clients);
    const { workers, ice, family, wire } = chosen;
    const shape = `${workers} workers on ${wire}, ICE ${ice}, media over IPv${family}`;
    trial.say(`lab ${lab.name}: ${shape}`);
    for (let i = 1; i <= clients; i++) lab.#onlyFamily(i);
    return lab;
  }

  async #start(clients) {
    const { workers, wire } = this.settings;
    const flags = this.#controlFlags().flatMap((flag) => ["--control", flag]);
    const options = ["--name", this.name, "--clients", clients, "--workers", workers];
    const args = [...options, "--wire", wire, ...flags, "--", "sh", "-c", HOLD];
    // The lab's own words go to standard error: standard output is the test's.
    this.#holder = spawn(`${TREE}/deploy/lab/run-in-lab`, args.map(String), {
      stdio: ["ignore", 2, 2, "pipe", "pipe"],
    });
    const lines = createInterface({ input: this.#holder.stdio[4] });
    const [line] = await Promise.race([once(lines, "line"), once(this.#holder, "exit")]);
    if (typeof line !== "string") throw new Error("the lab did not come up: see its words above");
    const [state, sfu4, sfu6, apiPort, mediaPort] = line.split(" ");
    Object.assign(this, { state, sfu4, sfu6, mediaPort: Number(mediaPort) });
    this.url = `https://${sfu4}:${apiPort}/`;
    this.media = this.settings.family === "6" ? `[${sfu6}]:${mediaPort}` : `${sfu4}:${mediaPort}`;
  }

  #controlFlags() {
    return this.settings.ice === "full" ? ["--ice=full"] : [];
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

  // Runs nftables rules in a client's namespace.
  nft(i, rules) {
    execFileSync("ip", ["netns", "exec", this.client(i), "nft", "-f", "-"], { input: rules });
  }

  // Media over the other address family goes nowhere, so ICE has to choose this one.
  #onlyFamily(i) {
    const other = this.settings.family === "6" ? "ipv4" : "ipv6";
    this.nft(
      i,
      `table inet family {
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
    return this.#ctl("start", "controlplane", ...this.#controlFlags());
  }

  // What crosses the wire port, seen from the network's side of it.
  async watchWire(trial) {
    const watch = await WireWatch.start({
      namespace: `${this.name}-lan`,
      device: "far0",
      port: this.mediaPort,
      addresses: [this.sfu4, this.sfu6],
    });
    trial.defer(() => watch.stop());
    return watch;
  }

  // The last lines of a process's log, for a failing test.
  log(name, lines = 20) {
    const file = `${this.state}/${name}.log`;
    return existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(-lines).join("\n") : "";
  }

  async down() {
    if (!this.#holder || this.#holder.exitCode !== null) return;
    const ended = once(this.#holder, "exit");
    this.#holder.stdio[3].end();
    await ended;
  }
}
