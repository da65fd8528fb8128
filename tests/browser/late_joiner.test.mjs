#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// Two talk; a third presses Join with its devices open already, and within 2 s has decoded a frame
// of both and has packets of their audio.
//
// tries: 2
// timeout: 180
// lab: --clients 3
// lab: --clients 3 --wire af_xdp
import { Lab } from "./lib/lab.mjs";
import { run } from "./lib/outcome.mjs";
import { allHaveMedia, meet, Participant } from "./lib/participant.mjs";

const LIMIT_MS = 2_000;

// Presses Join and resolves to the milliseconds until everything of `others` is there. Measured in
// the page, which alone knows without delay.
function joinAndTime(page, others) {
  return page.evaluate(async (count) => {
    const started = performance.now();
    document.getElementById("join").click();
    for (;;) {
      const { inbound } = await window.sluice.stats();
      const seen = inbound.filter((t) => t.kind === "video" && t.framesDecoded > 0).length;
      const heard = inbound.filter((t) => t.kind === "audio" && t.packetsReceived > 0).length;
      const ms = performance.now() - started;
      if ((seen >= count && heard >= count) || ms > 20_000) return { ms, seen, heard };
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }, others);
}

await run("late_joiner", async (trial) => {
  const lab = await Lab.up(trial, { clients: 3 });
  const place = { url: lab.url, room: "late", video: "320x180@15" };
  const early = await meet(trial, {
    ...place,
    names: ["Ada", "Grace"],
    namespaces: lab.clients(2),
  });
  const namespace = lab.client(3);
  const late = await Participant.open({ ...place, name: "Radia", namespace, join: false });
  trial.defer(() => late.close());
  await allHaveMedia(early, 60);
  await late.page.waitForFunction(() => document.getElementById("preview").videoWidth > 0);

  const { ms, seen, heard } = await joinAndTime(late.page, early.length);
  const text = `the late joiner sees ${seen} and hears ${heard} after ${Math.round(ms)} ms`;
  trial.measured(text);
  if (!trial.check(ms <= LIMIT_MS && seen === 2 && heard === 2, text)) {
    trial.say(`the late joiner's journal\n${(await late.journal()).join("\n")}`);
  }
  await Promise.all(early.map((p) => p.waitMedia(2, 10)));
  trial.check(true, "the others see and hear the late joiner");
});
