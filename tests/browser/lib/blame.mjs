// SPDX-License-Identifier: Apache-2.0
//
// Whose a pause of the picture is: a pause counts against the SFU only if its own egress of that
// SSRC paused too, longer than what the publisher sent it (both seen on the wire, wire_watch.py),
// and the machine did not. Everything measured is printed.
import { overlaps, readGaps, startGaps } from "./gaps.mjs";

export const FROZEN_MS = 500;
const NOTED_MS = 200; // shorter pauses wire_watch.py does not list: a source may have paused so long
const ADDED_MS = 200; // what the egress pauses longer than its source is the SFU's

// One stretch of time, while `happens` runs: what the pages, the wire and the machine noted in it.
export async function observe(people, wire, machine, happens) {
  const from = Date.now();
  const before = await Promise.all(people.map((p) => p.stats()));
  await Promise.all(people.map(startGaps));
  await happens();
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
    const added = pause.ms - Math.max(ingress, NOTED_MS);
    if (!found.machine && added >= ADDED_MS) found.ours = true;
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
export function judge(trial, label, people, stretch) {
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
