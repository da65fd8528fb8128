// SPDX-License-Identifier: Apache-2.0
//
// How long video stood still. Inside the page a sampler reads framesDecoded of every received track
// ten times a second; here a thread of its own watches how late its timer comes, which tells when
// the machine, and not the SFU, paused. Times are the wall clock's: one machine, one clock.
import { Worker } from "node:worker_threads";

const SAMPLE_MS = 100;
const NOTED_MS = 300; // shorter pauses are not listed, only the longest is

// Starts the sampler in a participant's page; again, it starts anew.
export function startGaps(participant) {
  return participant.page.evaluate(
    ([every, noted]) => {
      clearInterval(window.sluiceGaps?.timer);
      const gaps = { tracks: {}, late: 0, timer: 0 };
      let due = Date.now() + every;
      let busy = false;
      const sample = async () => {
        gaps.late = Math.max(gaps.late, Date.now() - due);
        due = Date.now() + every;
        if (busy) return;
        busy = true;
        const { inbound } = await window.sluice.stats();
        busy = false;
        const now = Date.now();
        for (const { track, kind, ssrc, offeredSsrc, framesDecoded, displayName } of inbound) {
          if (kind !== "video") continue;
          const fresh = { track, from: displayName, frames: framesDecoded, since: now };
          const seen = (gaps.tracks[track] ??= { ...fresh, longest: 0, list: [] });
          seen.ssrc = ssrc || offeredSsrc;
          const paused = now - seen.since;
          seen.longest = Math.max(seen.longest, paused);
          if (framesDecoded === seen.frames) continue;
          if (paused >= noted) seen.list.push({ from: seen.since, to: now, ms: paused });
          Object.assign(seen, { frames: framesDecoded, since: now });
        }
      };
      gaps.timer = setInterval(() => void sample(), every);
      window.sluiceGaps = gaps;
    },
    [SAMPLE_MS, NOTED_MS],
  );
}

// What was found since startGaps: per track the longest pause and the noted ones; a pause that has
// not ended is noted too. `late` is how late the page's own timer came.
export async function readGaps(participant) {
  const found = await participant.page.evaluate(([noted]) => {
    const now = Date.now();
    const { tracks, late } = window.sluiceGaps;
    return {
      late,
      tracks: Object.values(tracks).map((seen) => {
        const open = { from: seen.since, to: now, ms: now - seen.since };
        return { ...seen, list: open.ms >= noted ? [...seen.list, open] : seen.list };
      }),
    };
  }, [NOTED_MS]);
  return { ...found, at: participant.name };
}

const MACHINE = `
  const { parentPort } = require("node:worker_threads");
  const EVERY = 10, NOTED = 100;
  let pauses = [], longest = 0, last = Date.now();
  setInterval(() => {
    const now = Date.now(), ms = now - last - EVERY;
    if (ms > longest) longest = ms;
    if (ms >= NOTED) pauses.push({ from: last, to: now, ms });
    last = now;
  }, EVERY);
  parentPort.on("message", () => { parentPort.postMessage({ pauses, longest }); });
`;

export class MachineWatch {
  #worker = new Worker(MACHINE, { eval: true });

  constructor() {
    this.#worker.unref();
  }

  // { longest, pauses: [{ from, to, ms }] } since the start.
  read() {
    return new Promise((resolve) => {
      this.#worker.once("message", resolve);
      this.#worker.postMessage("read");
    });
  }

  stop() {
    return this.#worker.terminate();
  }
}

export const overlaps = (a, b) => a.from < b.to && b.from < a.to;
