#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// Media goes on without a control plane. Three meet; after 60 s the control plane is killed with
// SIGKILL; for another 60 s no video stands still for more than 500 ms, consent is answered, and no
// ICMP error leaves. Started again, it attaches, and a new room works beside the old media.
//
// A pause of the picture counts against the SFU only if its own egress of that SSRC paused too,
// longer than what the publisher sent it (both seen on the wire, wire_watch.py), and the machine did
// not. Everything measured is printed, for the 60 s before the kill as well.
//
// timeout: 420
// lab: --clients 5
// lab: --clients 5 --workers 2
import { MachineWatch, overlaps, readGaps, startGaps } from "./lib/gaps.mjs";
import { growth } from "./lib/growth.mjs";
import { Lab } from "./lib/lab.mjs";
import { pause, run } from "./lib/outcome.mjs";
import { allHaveMedia, meet } from "./lib/participant.mjs";

const NAMES = ["Ada", "Grace", "Radia"];
const SECONDS = 60;
const FROZEN_MS = 500;
const ADDED_MS = 200; // what the egress pauses longer than its source is the SFU's

// One stretch of time: what the pages, the wire and the machine noted in it.
async function observe(people, wire, machine) {
  const from = Date.now();
  const before = await Promise.all(people.map((p) => p.stats()));
  await Promise.all(people.map(startGaps));
  await pause(SECONDS * 1000);
  const pages = await Promise.all(people.map(readGaps));
  const after = await Promise.all(people.map((p) => p.stats()));
  const to = Date.now();
  return { from, to, pages, before, after, wire: await wire.read(), machine: await machine.read() };
}

// Pauses of one stream on the wire within the stretch, the one that has not ended included.
function pausesOf(stretch, direction, ssrc) {
  const pauses = stretch.wire.streams
    .filter((s) => s.direction === direction && s.ssrc === ssrc)
    .flatMap((s) => [...s.pauses, { from: s.last, to: stretch.to, ms: stretch.to - s.last }]);
  return pauses.filter((p) => overlaps(p, stretch));
}

const longest = (pauses) => Math.round(Math.max(0, ...pauses.map((p) => p.ms)));
const during = (pauses, gap) => pauses.filter((p) => overlaps(p, gap));

// The SSRC a publisher sends its picture with.
function sourceOf(stretch, people, displayName) {
  const i = people.findIndex((p) => p.name === displayName);
  return stretch.after[i].outbound.find((o) => o.kind === "video").ssrc;
}

// Who is to be blamed for a pause of the picture: how long the egress paused during it, how long
// that egress' source did, how long the machine.
function verdict(stretch, track, source, gap) {
  const egress = during(pausesOf(stretch, "sent", track.ssrc), gap);
  const found = { egress: longest(egress), source: 0, machine: 0, ours: false };
  found.machine = longest(during(stretch.machine.pauses, gap));
  for (const pause of egress) {
    const ingress = longest(during(pausesOf(stretch, "received", source), pause));
    found.source = Math.max(found.source, ingress);
    if (!found.machine && pause.ms - ingress >= ADDED_MS) found.ours = true;
  }
  return found;
}

// Prints one track's pauses; returns those charged to the SFU.
function judgeTrack(trial, label, stretch, page, track, source) {
  const egress = longest(pausesOf(stretch, "sent", track.ssrc));
  const ingress = longest(pausesOf(stretch, "received", source));
  trial.measured(
    `${label}: ${page.at} from ${track.from}: longest pause of the picture ${track.longest} ms, ` +
      `of the egress ${egress} ms, of its source ${ingress} ms; page timer late ${page.late} ms`,
  );
  const frozen = track.list.filter((gap) => gap.ms > FROZEN_MS);
  return frozen.filter((gap) => {
    const found = verdict(stretch, track, source, gap);
    const at = ((gap.from - stretch.from) / 1000).toFixed(1);
    trial.measured(
      `${label}:   ${gap.ms} ms from +${at} s: egress paused ${found.egress} ms, its source ` +
        `${found.source} ms, machine ${found.machine} ms: ${found.ours ? "OURS" : "not ours"}`,
    );
    return found.ours;
  });
}

// Prints the stretch; returns the pauses that are charged to the SFU.
function judge(trial, label, people, stretch) {
  const charged = stretch.pages.flatMap((page) =>
    page.tracks.flatMap((track) => {
      const source = sourceOf(stretch, people, track.from);
      return judgeTrack(trial, label, stretch, page, track, source);
    }),
  );
  const pauses = during(stretch.machine.pauses, stretch);
  trial.measured(`${label}: longest pause of the machine ${longest(pauses)} ms`);
  return charged;
}

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

  const before = await observe(people, wire, machine);
  judge(trial, "before", people, before);
  checkFlow(trial, "before", people, before);

  await lab.killControlPlane();
  trial.say("the control plane is killed");
  const errorsBefore = (await wire.read()).icmp_errors.length;
  const without = await observe(people, wire, machine);
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
