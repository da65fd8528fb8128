#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// Three Chromiums in namespaces of their own meet in one room for 30 s from 3 s after the last
// first frame; over IPv4, then again over IPv6. Everyone decodes video and hears audio of both
// others, speaks to the one UDP port only, and what each received is what the dataplane says it
// sent, per SSRC, within 1 %, what the client's own kernel had no room for (a browser that gets no
// processor) and repairs left out.
//
// tries: 2
// timeout: 400
// lab: --clients 3
// lab: --clients 3 --workers 2
// lab: --clients 3 --control --ice=full
import { growth } from "./lib/growth.mjs";
import { Lab } from "./lib/lab.mjs";
import { pause, run, until } from "./lib/outcome.mjs";
import { allHaveMedia, meet } from "./lib/participant.mjs";

const NAMES = ["Ada", "Grace", "Radia"];
const SECONDS = 30;
const LEAST_FRAMES = SECONDS; // a picture that moves, also where three encoders share two cores
const TOLERANCE = 0.01;

function checkMedia(trial, person, grown) {
  for (const track of grown) {
    const label = `${person.name} from ${track.from}, ${track.kind}`;
    if (track.kind === "video") {
      const text = `${label}: ${track.framesDecoded} frames decoded, ${track.packetsLost} lost`;
      trial.check(track.framesDecoded >= LEAST_FRAMES, text);
    } else {
      const energy = track.totalAudioEnergy.toFixed(3);
      const text = `${label}: ${track.packetsReceived} packets, energy ${energy}`;
      trial.check(track.totalAudioEnergy > 0 && track.packetsReceived > 0, text);
    }
  }
  const kinds = grown.map((track) => track.kind).sort().join(" ");
  trial.check(kinds === "audio audio video video", `${person.name} has ${kinds}`);
}

function checkTransports(trial, expected, person, stats) {
  for (const side of ["publish", "subscribe"]) {
    const { selectedPair, srtpCipher } = stats[side];
    const remote = selectedPair?.remote.split(" ")[0];
    const text = `${person.name} ${side}: remote candidate ${remote}, ${srtpCipher}`;
    trial.check(remote === expected && srtpCipher, text);
  }
}

// What left a publisher and what of it the dataplane has seen: tells a starved browser from loss.
async function tellUplinks(trial, people) {
  const { inboundRtp, drops } = await people[0].statistics();
  const dropped = drops.filter((d) => d.packets > 0).map((d) => `${d.name} ${d.packets}`);
  trial.measured(`dropped by the dataplane: ${dropped.join(", ") || "nothing"}`);
  for (const person of people) {
    const { outbound } = await person.stats();
    for (const rtp of outbound) {
      const there = inboundRtp.find((i) => i.ssrc === rtp.ssrc);
      trial.measured(
        `${person.name} sent ${rtp.packetsSent} packets of ${rtp.kind}, the dataplane received ` +
          `${there?.packetsReceived ?? 0}; lost ${there?.packetsLost ?? 0}, ` +
          `frames encoded ${rtp.framesEncoded}, key frames asked for ${rtp.pliCount}`,
      );
    }
  }
}

// Without repairs: Chromium counts padding in the RTX stream among them.
const receivedOf = (track) => track.packetsReceived - track.retransmittedPacketsReceived;
const sentOf = (rtp) => (rtp ? rtp.packetsSent - rtp.retransmittedPacketsSent : 0);

const received = (stats) => stats.inbound.reduce((sum, track) => sum + receivedOf(track), 0);
const sent = (statistics) => statistics.outboundRtp.reduce((sum, rtp) => sum + sentOf(rtp), 0);

// Both sides stand still when neither has counted anything for a second.
async function standStill(people) {
  let before = "";
  await until("both sides stand still", 20, async () => {
    const stats = await Promise.all(people.map((p) => p.stats()));
    const now = `${stats.map(received).join(" ")} ${sent(await people[0].statistics())}`;
    const still = now === before;
    before = now;
    return still;
  }, 1000);
}

async function checkBooks(trial, people, droppedBy) {
  await Promise.all(people.map((p) => p.stopSending()));
  await standStill(people);
  await tellUplinks(trial, people);
  const { outboundRtp, transports } = await people[0].statistics();
  const states = transports.map((t) => t.dtlsState);
  trial.check(states.length >= 2 * people.length && states.every((s) => s === "connected"),
    `DTLS of ${states.length} transports is ${[...new Set(states)].join(", ")}`);
  for (const [i, person] of people.entries()) {
    const name = await person.ownName();
    const { inbound } = await person.stats();
    const dropped = droppedBy(i);
    for (const track of inbound) {
      const rtp = outboundRtp.find((o) => o.participant === name && o.ssrc === track.ssrc);
      const there = sentOf(rtp);
      const here = receivedOf(track);
      const text = `${person.name}, SSRC ${track.ssrc} (${track.kind}): dataplane sent ${there}, ` +
        `Chromium received ${here}, its kernel dropped ${dropped} of all`;
      trial.check(rtp?.mid === track.mid, `${person.name}, SSRC ${track.ssrc}: mid ${rtp?.mid}`);
      const within = TOLERANCE * there;
      trial.check(there > 0 && here - there <= within && there - here <= within + dropped, text);
    }
  }
}

async function meetOver(trial, lab, family) {
  const dropped = NAMES.map((_, i) => lab.datagramsDropped(i + 1));
  NAMES.forEach((_, i) => lab.useFamily(i + 1, family));
  const people = await meet(trial, {
    url: lab.url,
    room: `over-ipv${family}`,
    names: NAMES,
    namespaces: lab.clients(NAMES.length),
  });
  await allHaveMedia(people, 60);
  trial.say(`IPv${family}: everyone has everyone's first frame`);
  await pause(3_000);
  const before = await Promise.all(people.map((p) => p.stats()));
  await pause(SECONDS * 1000);
  const after = await Promise.all(people.map((p) => p.stats()));
  people.forEach((person, i) => {
    checkMedia(trial, person, growth(before[i], after[i]));
    checkTransports(trial, lab.media(family), person, after[i]);
  });
  await checkBooks(trial, people, (i) => lab.datagramsDropped(i + 1) - dropped[i]);
  if (trial.failures.length) {
    for (const person of people) {
      trial.say(`${person.name}'s journal\n${(await person.journal()).join("\n")}`);
    }
  }
  await Promise.all(people.map((p) => p.close()));
}

await run("three_meet", async (trial) => {
  const lab = await Lab.up(trial, { clients: NAMES.length });
  for (const family of lab.families) await meetOver(trial, lab, family);
  if (!lab.families.includes(6)) trial.say("this machine has no IPv6: IPv4 only");
});
