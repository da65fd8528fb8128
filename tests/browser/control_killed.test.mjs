#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// Media goes on without a control plane. Three meet; after 60 s the control plane is killed with
// SIGKILL; for another 60 s no video stands still for more than 500 ms, consent is answered, and no
// ICMP error leaves. Started again, it attaches, and a new room works beside the old media.
//
// Whose a pause is, lib/blame.mjs tells; the 60 s before the kill are judged as well.
//
// tries: 2
// timeout: 420
// lab: --clients 5
// lab: --clients 5 --workers 2
import { FROZEN_MS, judge, observe } from "./lib/blame.mjs";
import { MachineWatch } from "./lib/gaps.mjs";
import { growth } from "./lib/growth.mjs";
import { Lab } from "./lib/lab.mjs";
import { pause, run } from "./lib/outcome.mjs";
import { allHaveMedia, meet } from "./lib/participant.mjs";

const NAMES = ["Ada", "Grace", "Radia"];
const SECONDS = 60;
const stretch = () => pause(SECONDS * 1000);

function checkFlow(trial, label, people, stretch) {
  people.forEach((person, i) => {
    const grown = growth(stretch.before[i], stretch.after[i]);
    const seen = grown.filter((t) => t.kind === "video" && t.framesDecoded > SECONDS * 2);
    const heard = grown.filter((t) => t.kind === "audio" && t.totalAudioEnergy > 0);
    const text = `${label}: ${person.name} sees ${seen.length} and hears ${heard.length} others`;
    trial.check(seen.length === 2 && heard.length === 2, text);
  });
}

// RFC 7675: without answers to its checks a browser stops sending within 30 s.
function checkConsent(trial, people, stretch) {
  people.forEach((person, i) => {
    for (const side of ["publish", "subscribe"]) {
      const [then, now] = [stretch.before[i][side], stretch.after[i][side]];
      const answers =
        (now.selectedPair?.responsesReceived ?? 0) - (then.selectedPair?.responsesReceived ?? 0);
      const text = `${person.name} ${side}: ${answers} checks answered, ${now.connectionState}`;
      trial.check(answers > 0 && now.connectionState === "connected", text);
    }
  });
}

async function checkAfterRestart(trial, lab, people) {
  await lab.startControlPlane();
  await Promise.all(people.map((p) => p.waitState("session-unknown", 20)));
  trial.check(true, "the old pages say that their session is not known any more");
  const fresh = await meet(trial, {
    url: lab.url,
    room: "afterwards",
    names: ["Edith", "Hedy"],
    namespaces: [lab.client(4), lab.client(5)],
    video: "320x180@10",
  });
  await allHaveMedia(fresh, 60);
  trial.check(true, "a new room works");
  const { orphanCount } = await fresh[0].page.evaluate(() => window.sluice.node());
  trial.check(orphanCount > 0, `the node shows ${orphanCount} orphans`);
  const before = await Promise.all(people.map((p) => p.stats()));
  await pause(5_000);
  const after = await Promise.all(people.map((p) => p.stats()));
  people.forEach((person, i) => {
    const moving = growth(before[i], after[i]).filter((t) => t.framesDecoded > 0);
    trial.check(moving.length === 2, `${person.name} still sees ${moving.length} others`);
  });
}

await run("control_killed", async (trial) => {
  const lab = await Lab.up(trial, { clients: 5 });
  const machine = new MachineWatch();
  trial.defer(() => machine.stop());
  const wire = await lab.watchWire(trial);
  const people = await meet(trial, {
    url: lab.url,
    room: "killed",
    names: NAMES,
    namespaces: lab.clients(3),
    video: "320x180@15",
  });
  await allHaveMedia(people, 60);
  await pause(3_000);

  const before = await observe(people, wire, machine, stretch);
  judge(trial, "before", people, before);
  checkFlow(trial, "before", people, before);

  await lab.killControlPlane();
  trial.say("the control plane is killed");
  const errorsBefore = (await wire.read()).icmp_errors.length;
  const without = await observe(people, wire, machine, stretch);
  const charged = judge(trial, "without", people, without);
  trial.check(charged.length === 0, `${charged.length} pauses over ${FROZEN_MS} ms are ours`);
  checkFlow(trial, "without", people, without);
  checkConsent(trial, people, without);
  const errors = without.wire.icmp_errors.length - errorsBefore;
  trial.check(errors === 0, `${errors} ICMP errors left the SFU`);
  for (const person of people) {
    const state = await person.state();
    trial.check(state === "signalling-lost", `${person.name}'s page says ${state}`);
  }

  await checkAfterRestart(trial, lab, people);
});
