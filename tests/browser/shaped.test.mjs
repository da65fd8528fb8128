#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// Ada publishes simulcast in three sizes. Grace's way down is shaped to 500 kbit/s on the client's
// side of the bridge: within 5 s she follows a smaller size, while Kay keeps the largest; neither
// picture stands still for more than a second. The control plane is killed meanwhile. Once the limit
// is lifted, Grace is back at the largest within 20 s, still without a control plane.
//
// tries: 2
// timeout: 200
// lab: --clients 3
import { readGaps, startGaps } from "./lib/gaps.mjs";
import { Lab } from "./lib/lab.mjs";
import { pause, run, until } from "./lib/outcome.mjs";
import { meet } from "./lib/participant.mjs";

const LARGEST = 960; // columns
const LARGEST_SECONDS = 30; // until the browser's own estimate allows it
const SHAPED_BITS = 500_000;
const DOWN_SECONDS = 5;
const STAY_SECONDS = 15;
const UP_SECONDS = 20;
const FROZEN_MS = 1_000;

const videoOf = async (person) =>
  (await person.stats()).inbound.find((t) => t.kind === "video" && t.framesDecoded > 0);

async function widthIs(person, holds, what, seconds) {
  const began = Date.now();
  const video = await until(`${person.name}: ${what}`, seconds, async () => {
    const seen = await videoOf(person);
    return seen && holds(seen.frameWidth) && seen;
  });
  return { ms: Date.now() - began, width: video.frameWidth };
}

const isLargest = (width) => width === LARGEST;

async function checkGaps(trial, people, label) {
  for (const person of people) {
    const { tracks, late } = await readGaps(person);
    const longest = Math.max(...tracks.map((t) => t.longest));
    const text = `${label}: ${person.name}'s picture stood still for ${longest} ms at most`;
    trial.check(tracks.length === 1 && longest - late <= FROZEN_MS, text);
  }
}

async function limitedBy(ada) {
  const video = (await ada.stats()).outbound.filter((rtp) => rtp.kind === "video");
  return video.map((rtp) => rtp.qualityLimitationReason).filter((reason) => reason !== "none");
}

await run("shaped", async (trial) => {
  const lab = await Lab.up(trial, { clients: 3 });
  const place = { url: lab.url, room: "shaped" };
  const [ada] = await meet(trial, {
    ...place,
    names: ["Ada"],
    namespaces: lab.clients(1),
    video: "960x540@15",
    params: { codec: "VP8", simulcast: 3 },
  });
  const viewers = await meet(trial, {
    ...place,
    names: ["Grace", "Kay"],
    namespaces: lab.clients(3).slice(1),
    video: "0",
  });
  const [grace, kay] = viewers;
  await Promise.all(viewers.map((v) => widthIs(v, isLargest, "the largest", LARGEST_SECONDS)));
  await pause(3_000);

  await Promise.all(viewers.map(startGaps));
  lab.shape(2, SHAPED_BITS);
  const down = await widthIs(grace, (width) => width < LARGEST, "a smaller size", DOWN_SECONDS);
  trial.measured(`${down.width} columns ${down.ms} ms after the limit of ${SHAPED_BITS} bit/s`);
  await lab.killControlPlane();
  trial.say("the control plane is killed");
  await pause(STAY_SECONDS * 1000);
  const { frameWidth } = await videoOf(grace);
  trial.check(frameWidth < LARGEST, `Grace stays below the largest: ${frameWidth} columns`);
  trial.check(isLargest((await videoOf(kay)).frameWidth), "Kay keeps the largest");
  await checkGaps(trial, viewers, "limited");

  await Promise.all(viewers.map(startGaps));
  lab.unshape(2);
  const up = await widthIs(grace, isLargest, "the largest again", UP_SECONDS);
  trial.measured(`${LARGEST} columns ${up.ms} ms after the limit was lifted`);
  await checkGaps(trial, viewers, "lifted");
  const reasons = await limitedBy(ada);
  trial.check(reasons.length === 0, `the publisher was not limited${reasons.map((r) => ` (${r})`)}`);
});
