#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// Sends headless Chromiums into one room and says what each of them saw and heard. Exit status 0
// only if everyone decoded video and heard audio of all others the whole time.
//
//   node tests/browser/check.mjs --url https://198.18.0.1:8443/ [--seconds 20] [--participants 3]
import { parseArgs } from "node:util";
import { pause, run } from "./lib/outcome.mjs";
import { allHaveMedia, meet } from "./lib/participant.mjs";
import { growth } from "./lib/growth.mjs";

const NAMES = ["Ada", "Grace", "Radia", "Edith", "Hedy", "Joan"];

function options() {
  const { values } = parseArgs({
    options: {
      url: { type: "string" },
      seconds: { type: "string", default: "20" },
      participants: { type: "string", default: "3" },
      video: { type: "string", default: "640x480@30" },
    },
  });
  const participants = Number(values.participants);
  const seconds = Number(values.seconds);
  if (!values.url) usage("--url is missing: the address of the page");
  if (!(participants >= 2 && participants <= NAMES.length)) {
    usage(`--participants "${values.participants}" is not 2 to ${NAMES.length}`);
  }
  if (!(seconds >= 1)) usage(`--seconds "${values.seconds}" is not a number of seconds`);
  return { url: values.url, seconds, names: NAMES.slice(0, participants), video: values.video };
}

function usage(text) {
  console.error(`check: ${text}`);
  process.exit(2);
}

// As in IANA's registry of SRTP protection profiles, without the prefix all of them have.
const suiteOf = (cipher) => (cipher || "none").replace(/^SRTP_/, "");

function lineOf(name, grown, after) {
  const video = grown.filter((t) => t.kind === "video");
  const audio = grown.filter((t) => t.kind === "audio");
  return [
    name.padEnd(6),
    `frames decoded ${video.map((t) => t.framesDecoded).join(" + ") || "none"}`,
    `audio packets ${audio.map((t) => t.packetsReceived).join(" + ") || "none"}`,
    `candidate ${after.subscribe?.selectedPair?.remote ?? "none"}`,
    `suite ${suiteOf(after.subscribe?.srtpCipher)}`,
  ].join(" | ");
}

function sawAndHeard(grown, others) {
  const seen = grown.filter((t) => t.kind === "video" && t.framesDecoded > 0);
  const heard = grown.filter((t) => t.kind === "audio" && t.totalAudioEnergy > 0);
  return seen.length === others && heard.length === others;
}

await run("check", async (trial) => {
  const { url, seconds, names, video } = options();
  const room = `check-${process.pid}`;
  const people = await meet(trial, { url, room, names, video });
  await allHaveMedia(people, 45);
  const before = await Promise.all(people.map((p) => p.stats()));
  await pause(seconds * 1000);
  const after = await Promise.all(people.map((p) => p.stats()));
  people.forEach((person, i) => {
    const grown = growth(before[i], after[i]);
    trial.check(sawAndHeard(grown, people.length - 1), lineOf(person.name, grown, after[i]));
  });
});
