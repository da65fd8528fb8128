#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// A call goes on while everything outside is attacked: untrue and broken STUN, DTLS, RTP and RTCP
// at the media port, from strangers and in the victims' own name (lib/attacker.py), and bad SDP and
// broken framing at the API (tests/system/hostile_test.py). Each ends under its name; nobody is
// answered; no picture pauses by our doing and the dataplane counts no loss.
//
// tries: 2
// timeout: 300
// lab: --clients 3
// lab: --clients 3 --workers 2
import { execFile, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { FROZEN_MS, judge, observe } from "./lib/blame.mjs";
import { MachineWatch } from "./lib/gaps.mjs";
import { growth } from "./lib/growth.mjs";
import { Lab } from "./lib/lab.mjs";
import { pause, run } from "./lib/outcome.mjs";
import { allHaveMedia, meet } from "./lib/participant.mjs";

const ATTACKER = fileURLToPath(new URL("lib/attacker.py", import.meta.url));
const API_TEST = fileURLToPath(new URL("../system/hostile_test.py", import.meta.url));
const ATTACKS = ["media", "stun", "noise", "dtls", "ports"];

class Attacker {
  #process;
  #lines;

  static async start(trial, lab) {
    const attacker = new Attacker();
    const where = ["netns", "exec", `${lab.name}-lan`, "/usr/bin/python3", ATTACKER];
    const words = [lab.name, "far0", String(lab.mediaPort), lab.sfu[4], lab.sfu[6]];
    attacker.#process = spawn("ip", [...where, ...words], { stdio: ["pipe", "pipe", "inherit"] });
    trial.defer(() => attacker.#process.stdin.end());
    attacker.#lines = createInterface({ input: attacker.#process.stdout })[Symbol.asyncIterator]();
    trial.say(`the attacker's seed is ${(await attacker.#next()).seed}`);
    return attacker;
  }

  async #next() {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("attacker.py ended by itself");
    return JSON.parse(value);
  }

  begin(attack) {
    this.#process.stdin.write(`${attack}\n`);
  }

  run(attack) {
    this.begin(attack);
    return this.#next();
  }

  // Ends one that goes on until told.
  end() {
    this.#process.stdin.write("\n");
    return this.#next();
  }
}

async function dropsOf(person) {
  const { drops } = await person.statistics();
  return Object.fromEntries(drops.map((d) => [d.name, Number(d.packets)]));
}

// What was sent is found under its name, at least as often, and nobody was answered.
function checkAttack(trial, attack, result, before, after) {
  for (const [name, sent] of Object.entries(result.sent)) {
    if (name === "") continue; // may end under several names
    const counted = after[name] - before[name];
    trial.check(counted >= sent, `${attack}: ${sent} sent, ${counted} counted as ${name}`);
  }
  trial.check(result.answers === 0, `${attack}: ${result.answers} frames went to the attacker`);
}

async function attackAll(trial, attacker, person) {
  for (const attack of ATTACKS) {
    const before = await dropsOf(person);
    const result = await attacker.run(attack);
    await pause(300); // counters are published every 100 ms
    checkAttack(trial, attack, result, before, await dropsOf(person));
  }
}

async function attackApi(trial) {
  const { stderr } = await promisify(execFile)("/usr/bin/python3", [API_TEST]);
  trial.check(/^OK/m.test(stderr), "the API answers bad input in words");
}

// What the dataplane has not received of what the publishers sent.
async function lostOnTheWayIn(person) {
  const { inboundRtp } = await person.statistics();
  return inboundRtp.reduce((sum, rtp) => sum + Number(rtp.packetsLost), 0);
}

function checkCall(trial, people, stretch) {
  people.forEach((person, i) => {
    const grown = growth(stretch.before[i], stretch.after[i]);
    const video = grown.filter((t) => t.kind === "video");
    const frames = video.reduce((sum, t) => sum + t.framesDecoded, 0);
    const lost = grown.reduce((sum, t) => sum + t.packetsLost, 0);
    const states = ["publish", "subscribe"].map((side) => stretch.after[i][side].connectionState);
    const text = `${person.name}: ${frames} frames decoded, ${lost} packets lost, ${states}`;
    trial.check(frames > 100 && states.every((s) => s === "connected"), text);
  });
}

await run("hostile", async (trial) => {
  const lab = await Lab.up(trial, { clients: 3 });
  const machine = new MachineWatch();
  trial.defer(() => machine.stop());
  const wire = await lab.watchWire(trial);
  const attacker = await Attacker.start(trial, lab);
  attacker.begin("hellos");
  const people = await meet(trial, {
    url: lab.url,
    room: "hostile",
    names: ["Ada", "Grace"],
    namespaces: lab.clients(2),
    video: "320x180@15",
  });
  await allHaveMedia(people, 60);
  const hellos = await attacker.end();
  trial.check(hellos.answers === 0 && hellos.sent.UNCHECKED_TUPLE > 0,
    `all have met beside ${hellos.sent.UNCHECKED_TUPLE} foreign hellos, ${hellos.answers} answered`);
  const learnt = await attacker.run("learn");
  trial.say(`the attacker knows ${learnt.flows} tuples`);

  const lostBefore = await lostOnTheWayIn(people[0]);
  const stretch = await observe(people, wire, machine, async () => {
    await attackAll(trial, attacker, people[0]);
    await attackApi(trial);
  });
  const lost = (await lostOnTheWayIn(people[0])) - lostBefore;
  trial.check(lost === 0, `${lost} packets lost by the dataplane's count`);
  const charged = judge(trial, "attacked", people, stretch);
  trial.check(charged.length === 0, `${charged.length} pauses over ${FROZEN_MS} ms are ours`);
  checkCall(trial, people, stretch);
  const errors = stretch.wire.icmp_errors.length;
  trial.check(errors === 0, `${errors} ICMP errors left`);
});
