#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// Ada's camera is sent in three sizes to one viewer. As long as Grace wants only the smallest, Ada's
// page encodes no other; when she wants the largest, it comes back. With the control plane gone
// nobody could ask, so everything is sent.
//
// tries: 2
// timeout: 120
// lab: --clients 2
import { Lab } from "./lib/lab.mjs";
import { pause, run, until } from "./lib/outcome.mjs";
import { meet } from "./lib/participant.mjs";

const LARGEST_SECONDS = 30; // until the publisher's own estimate allows the largest
const STOP_SECONDS = 12;
const BACK_SECONDS = 15; // a keyframe, and both estimates

const videoOf = async (person) =>
  (await person.stats()).inbound.find((t) => t.kind === "video" && t.framesDecoded > 0);

const sees = (person, width, seconds) =>
  until(`${person.name} sees ${width} columns`, seconds, async () => {
    const video = await videoOf(person);
    return video?.frameWidth === width && video;
  });

const ask = (person, track, spatial) =>
  person.page.evaluate(
    ([track, spatial]) => window.sluice.setLayers(track, { maximum: { spatial, temporal: 3 } }),
    [track, spatial],
  );

// Frames encoded so far, by rid.
const encoded = async (person) =>
  Object.fromEntries(
    (await person.stats()).outbound
      .filter((o) => o.kind === "video")
      .map((o) => [o.rid, o.framesEncoded]),
  );

// The rids that encoded something within a second.
async function running(person) {
  const before = await encoded(person);
  await pause(1_000);
  const after = await encoded(person);
  return Object.keys(after)
    .filter((rid) => after[rid] > (before[rid] ?? 0))
    .sort()
    .join(" ");
}

async function runs(trial, person, rids, seconds) {
  const from = Date.now();
  await until(`${person.name} encodes ${rids}`, seconds, async () => (await running(person)) === rids);
  trial.measured(`${person.name} encodes ${rids} after ${Date.now() - from} ms`);
}

await run("wanted", async (trial) => {
  const lab = await Lab.up(trial, { clients: 2 });
  const place = { url: lab.url, room: "wanted" };
  const [ada] = await meet(trial, {
    ...place,
    names: ["Ada"],
    namespaces: lab.clients(1),
    video: "960x540@15",
    params: { codec: "VP8", simulcast: 3 },
  });
  const [grace] = await meet(trial, {
    ...place,
    names: ["Grace"],
    namespaces: lab.clients(2).slice(1),
    video: "0",
  });
  const { track } = await sees(grace, 960, LARGEST_SECONDS);

  await ask(grace, track, 0);
  await runs(trial, ada, "q", STOP_SECONDS);
  await sees(grace, 240, BACK_SECONDS);
  const small = (await videoOf(grace)).framesDecoded;

  const asked = Date.now();
  await ask(grace, track, 2);
  const large = await sees(grace, 960, BACK_SECONDS);
  trial.measured(`the largest is seen ${Date.now() - asked} ms after it was asked for`);
  trial.check(large.framesDecoded > small, "the smallest was seen meanwhile");

  await ask(grace, track, 0);
  await runs(trial, ada, "q", STOP_SECONDS);
  await lab.killControlPlane();
  await runs(trial, ada, "f h q", BACK_SECONDS);
});
