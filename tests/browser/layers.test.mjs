#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// Ada's camera is sent in several sizes: as simulcast (VP8, H.264) and in the spatial layers of one
// encoding (VP9, AV1). Grace gets the size she asks for, lower and higher, while Kay keeps the
// largest; nobody's picture stands still.
//
// tries: 2
// timeout: 240
// lab: --clients 3
import { growth } from "./lib/growth.mjs";
import { Lab } from "./lib/lab.mjs";
import { pause, run, until } from "./lib/outcome.mjs";
import { meet } from "./lib/participant.mjs";

// AV1 has fewer frames: its encoder has to keep up on two cores.
const VARIANTS = [
  { name: "VP8 simulcast", video: "960x540@15", params: { codec: "VP8", simulcast: 3 } },
  { name: "H.264 simulcast", video: "960x540@15", params: { codec: "H264", simulcast: 3 } },
  { name: "VP9 SVC", video: "960x540@15", params: { codec: "VP9", svc: "L3T3_KEY" } },
  { name: "AV1 SVC", video: "960x540@10", params: { codec: "AV1", svc: "L3T3_KEY" } },
];
// The smallest first.
const widthsOf = ({ video }) => [4, 2, 1].map((scale) => parseInt(video) / scale);
const LARGEST_SECONDS = 30; // until the publisher's own estimate allows the largest
const SWITCH_SECONDS = 8;
const FREEZE_SECONDS = 1;

const videoOf = async (person) =>
  (await person.stats()).inbound.find((t) => t.kind === "video" && t.framesDecoded > 0);

const sees = (person, width, seconds) =>
  until(`${person.name} sees ${width} columns`, seconds, async () => {
    const video = await videoOf(person);
    return video?.frameWidth === width && video;
  });

const ask = (person, track, spatial) =>
  person.page.evaluate(
    ([track, spatial]) =>
      window.sluice.setLayers(track, { maximum: { spatial, temporal: 3 } }),
    [track, spatial],
  );

async function askedSizes(trial, grace, kay, label, widths) {
  const { track } = await videoOf(grace);
  const before = await kay.stats();
  for (const spatial of [...widths.keys(), 0]) {
    const asked = Date.now();
    await ask(grace, track, spatial);
    await sees(grace, widths[spatial], SWITCH_SECONDS);
    trial.measured(`${label}: ${widths[spatial]} columns after ${Date.now() - asked} ms`);
    await pause(1_000);
  }
  const video = growth(before, await kay.stats()).find((t) => t.kind === "video");
  trial.check((await videoOf(kay)).frameWidth === widths.at(-1), `${label}: Kay keeps the largest`);
  trial.check(video.framesDecoded > 0, `${label}: Kay decoded ${video.framesDecoded} frames`);
}

async function variant(trial, lab, each, number) {
  const { name, video, params } = each;
  const widths = widthsOf(each);
  const place = { url: lab.url, room: `layers-${number}` };
  const [ada] = await meet(trial, {
    ...place,
    names: ["Ada"],
    namespaces: lab.clients(1),
    video,
    params,
  });
  const [grace, kay] = await meet(trial, {
    ...place,
    names: ["Grace", "Kay"],
    namespaces: lab.clients(3).slice(1),
    video: "0",
  });
  try {
    await Promise.all([grace, kay].map((person) => sees(person, widths.at(-1), LARGEST_SECONDS)));
    const before = await Promise.all([grace.stats(), kay.stats()]);
    await askedSizes(trial, grace, kay, name, widths);
    const after = await Promise.all([grace.stats(), kay.stats()]);
    for (const i of [0, 1]) {
      const frozen = growth(before[i], after[i]).find((t) => t.kind === "video").totalFreezesDuration;
      trial.check(frozen < FREEZE_SECONDS, `${name}: ${[grace, kay][i].name} stood still for ${frozen} s`);
    }
    const limited = (await ada.stats()).outbound
      .map((rtp) => rtp.qualityLimitationReason)
      .filter(Boolean);
    // Else what arrives says little of the SFU: the run is void.
    trial.check(
      limited.length > 0 && limited.every((reason) => reason === "none"),
      `${name}: the publisher was limited by ${limited.join(", ")}`,
    );
  } catch (error) {
    trial.say(`Ada: ${JSON.stringify((await ada.stats()).outbound)}`);
    trial.say(`Grace: ${JSON.stringify((await grace.stats()).inbound)}`);
    throw error;
  } finally {
    await Promise.all([ada, grace, kay].map((person) => person.close()));
  }
}

await run("layers", async (trial) => {
  const lab = await Lab.up(trial, { clients: 3 });
  for (const [i, each] of VARIANTS.entries()) await variant(trial, lab, each, i);
});
