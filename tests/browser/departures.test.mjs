#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// Three ways to go. One closes its tab and disappears everywhere at once; one whose packets just
// stop and one whose browser is killed disappear within 35 s (consent expires after 30). The one
// who stays sees the picture of whoever is still there all the while.
//
// tries: 2
// timeout: 300
// lab: --clients 4
import { growth } from "./lib/growth.mjs";
import { Lab } from "./lib/lab.mjs";
import { run } from "./lib/outcome.mjs";
import { allHaveMedia, meet } from "./lib/participant.mjs";

const CLOSED_SECONDS = 5;
const VANISHED_SECONDS = 35;

// How long until `who` is in nobody's roster any more, on the page and as a tile.
async function timeOfGone(watchers, who, seconds) {
  const started = Date.now();
  const gone = (name) => {
    const tiles = [...document.querySelectorAll(".tile-name")].map((e) => e.textContent);
    return !window.sluice.roster().some((r) => r.displayName === name) && !tiles.includes(name);
  };
  const options = { timeout: (seconds + 15) * 1000, polling: 100 };
  await Promise.all(watchers.map((w) => w.page.waitForFunction(gone, who, options)));
  return (Date.now() - started) / 1000;
}

function checkTime(trial, what, took, limit) {
  const text = `${what}: gone everywhere after ${took.toFixed(1)} s (limit ${limit} s)`;
  trial.check(took <= limit, text);
}

await run("departures", async (trial) => {
  const lab = await Lab.up(trial, { clients: 4 });
  const [stays, closes, vanishes, late] = await meet(trial, {
    url: lab.url,
    room: "departures",
    names: ["Ada", "Grace", "Radia", "Edith"],
    namespaces: lab.clients(4),
    video: "320x180@10",
  });
  await allHaveMedia([stays, closes, vanishes, late], 90);

  await closes.closeTab();
  const closed = await timeOfGone([stays, vanishes, late], "Grace", CLOSED_SECONDS);
  checkTime(trial, "closed tab", closed, CLOSED_SECONDS);

  const before = await stays.stats();
  lab.cut(3);
  const cut = await timeOfGone([stays, late], "Radia", VANISHED_SECONDS);
  checkTime(trial, "packets stopped", cut, VANISHED_SECONDS);
  const ofEdith = (t) => t.from === "Edith" && t.kind === "video";
  const grown = growth(before, await stays.stats()).find(ofEdith)?.framesDecoded ?? 0;
  trial.check(grown > cut * 2, `the one who stays decoded ${grown} frames of the other meanwhile`);

  lab.killClient(4);
  const killed = await timeOfGone([stays], "Edith", VANISHED_SECONDS);
  checkTime(trial, "browser killed", killed, VANISHED_SECONDS);
});
