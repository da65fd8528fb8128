#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// Ada publishes simulcast in three sizes, of a picture whose largest takes more than twice as much as
// Grace's way down is shaped to on the client's side of the bridge, 500 kbit/s. Within 5 s she
// follows a smaller size, while Kay keeps the top; neither picture stands still for more than a
// second. The control plane is killed meanwhile. Once the limit is lifted Grace is back at the top
// within 20 s, still without a control plane.
//
// tries: 2
// timeout: 200
// lab: --clients 3
import { BUSY_CAMERA } from "./lib/busy_camera.mjs";
import { readGaps, startGaps } from "./lib/gaps.mjs";
import { Lab } from "./lib/lab.mjs";
import { pause, run, until } from "./lib/outcome.mjs";
import { meet } from "./lib/participant.mjs";

const LARGEST = 960; // columns
const LARGEST_SECONDS = 30; // until the browser's own estimate allows it
const SHAPED_BITS = 500_000;
const BUSY_BITS = 2 * SHAPED_BITS; // what the top has to take, or the limit is none
const BUSY_SECONDS = 30; // until the browser gives the picture that much
const DOWN_SECONDS = 5;
const STAY_SECONDS = 15;
const STAYS_SHARE = 0.8; // of the seconds: what the path carries is tried out now and then
const UP_SECONDS = 20;
const FROZEN_MS = 1_000;

const videoOf = async (person) =>
  (await person.stats()).inbound.find((t) => t.kind === "video" && t.framesDecoded > 0);

const isTop = (video) => video.frameWidth === LARGEST && video.framesPerSecond >= 12;
const isLower = (video) => video.frameWidth < LARGEST;
const said = (video) => `${video.frameWidth} columns, ${video.framesPerSecond} frames a second`;

async function follows(person, holds, what, seconds) {
  const began = Date.now();
  const video = await until(`${person.name}: ${what}`, seconds, async () => {
    const seen = await videoOf(person);
    return seen && holds(seen) && seen;
  });
  return `${said(video)} after ${Date.now() - began} ms`;
}

// Until the top takes as much as the test is about.
async function busy(viewer) {
  let last = { bytes: (await videoOf(viewer)).bytesReceived, at: Date.now() };
  const rate = await until("a busy picture at the top", BUSY_SECONDS, async () => {
    await pause(1_000);
    const now = { bytes: (await videoOf(viewer)).bytesReceived, at: Date.now() };
    const bits = ((now.bytes - last.bytes) * 8_000) / (now.at - last.at);
    last = now;
    return bits >= BUSY_BITS && bits;
  });
  return `the top takes ${Math.round(rate / 1_000)} kbit/s`;
}

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
    script: BUSY_CAMERA,
  });
  const viewers = await meet(trial, {
    ...place,
    names: ["Grace", "Kay"],
    namespaces: lab.clients(3).slice(1),
    video: "0",
  });
  const [grace] = viewers;
  await Promise.all(viewers.map((v) => follows(v, isTop, "the top", LARGEST_SECONDS)));
  trial.measured(await busy(viewers[1]));

  await Promise.all(viewers.map(startGaps));
  lab.shape(2, SHAPED_BITS);
  const down = await follows(grace, isLower, "a lower layer", DOWN_SECONDS);
  trial.measured(`limited to ${SHAPED_BITS} bit/s: ${down}`);
  await lab.killControlPlane();
  trial.say("the control plane is killed");
  const seen = [];
  for (let second = 0; second < STAY_SECONDS; second++) {
    await pause(1_000);
    seen.push(await videoOf(grace));
  }
  const lower = seen.filter(isLower).length;
  trial.check(lower >= STAYS_SHARE * STAY_SECONDS,
    `Grace is at a lower layer in ${lower} of ${STAY_SECONDS} s: ${seen.map(said).join("; ")}`);
  const top = await videoOf(viewers[1]);
  trial.check(isTop(top), `Kay keeps the top: ${said(top)}`);
  await checkGaps(trial, viewers, "limited");

  await Promise.all(viewers.map(startGaps));
  lab.unshape(2);
  await pause(2_000);
  const up = await follows(grace, isTop, "the top again", UP_SECONDS);
  trial.measured(`without a limit: ${up}`);
  await checkGaps(trial, viewers, "lifted");
  const reasons = await limitedBy(ada);
  trial.check(reasons.length === 0, `the publisher was not limited${reasons.map((r) => ` (${r})`)}`);
});
