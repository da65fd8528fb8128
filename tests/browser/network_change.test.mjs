#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// A client's network changes. Requests that break while it joins are asked again, and one whose answer
// alone got lost makes no second participant; the stream of events is opened again; when its address
// is gone for good, what it publishes and what it hears goes over the new one after an ICE restart of
// each transport, in the same session.
//
// timeout: 180
// lab: --clients 2
import { execFileSync } from "node:child_process";
import { growth } from "./lib/growth.mjs";
import { Lab } from "./lib/lab.mjs";
import { run, until } from "./lib/outcome.mjs";
import { allHaveMedia, meet } from "./lib/participant.mjs";

// What a page sees of a network that breaks: the answer to Join is lost, and Publish fails twice.
function breakRequests() {
  const whole = window.fetch;
  const left = { Join: 1, Publish: 2 };
  window.fetch = async (url, options) => {
    const method = String(url).split("/").pop();
    if (!left[method]) return whole(url, options);
    left[method]--;
    if (method === "Join") await whole(url, options).then((answer) => answer.arrayBuffer());
    throw new TypeError("Failed to fetch");
  };
}

function addresses(lab) {
  const [link] = JSON.parse(
    execFileSync("ip", ["-n", lab.client(1), "-j", "addr", "show", "dev", "eth0", "scope", "global"]),
  ).filter((l) => l.ifname === "eth0");
  return link.addr_info
    .filter((a) => a.local) // ip leaves an empty object for each it filters out
    .map((a) => ({ address: a.local, length: a.prefixlen }));
}

function change(lab, verb, { address, length }) {
  const option = verb === "add" && address.includes(":") ? ["nodad"] : [];
  const where = [`${address}/${length}`, "dev", "eth0"];
  execFileSync("ip", ["-n", lab.client(1), "addr", verb, ...where, ...option]);
}

const asked = async (person) =>
  (await person.journal()).filter((line) => line.includes("asking again")).length;

async function checkStream(trial, lab, moved) {
  const openings = () => moved.page.evaluate(() => window.sluice.watchOpenings);
  const before = await openings();
  change(lab, "add", { address: "192.0.2.9", length: 24 });
  await until("the stream of events to be opened again", 20, async () => (await openings()) > before);
  await moved.waitState("joined");
  trial.check((await moved.roster()).length === 1, "another address: the page is still in the room");
}

async function checkMove(trial, lab, moved, other) {
  for (const old of addresses(lab)) {
    change(lab, "del", old);
    if (old.address !== "192.0.2.9") {
      change(lab, "add", { ...old, address: old.address.replace(/[^.:]+$/, "99") });
    }
  }
  const name = await moved.ownName();
  const local = async () => (await moved.stats()).publish?.selectedPair?.local ?? "";
  await until("a pair from the new address", 40, async () => /99\]?:/.test(await local()));
  trial.check(true, `its address is gone: it publishes from ${await local()}`);
  const before = await other.stats();
  await until("pictures from the new address", 20, async () => {
    const tracks = growth(before, await other.stats());
    return tracks.some((t) => t.kind === "video" && t.framesDecoded > 5);
  });
  trial.check((await moved.roster()).length === 1, "and is seen, without having left the room");
  await checkHearing(trial, moved);
  const state = await moved.state();
  trial.check(state === "joined" && (await moved.ownName()) === name, `its session is ${state}`);
}

async function checkHearing(trial, moved) {
  const local = async () => (await moved.stats()).subscribe?.selectedPair?.local ?? "";
  await until("a pair to hear on from the new address", 40, async () =>
    /99\]?:/.test(await local()),
  );
  const before = await moved.stats();
  await until("pictures at the new address", 20, async () => {
    const tracks = growth(before, await moved.stats());
    return tracks.some((t) => t.kind === "video" && t.framesDecoded > 5);
  });
  trial.check(true, `it sees the other at ${await local()}`);
  const lines = await moved.journal();
  trial.check(!lines.some((l) => l.includes("media-lost")), "without a word of lost media");
}

await run("network_change", async (trial) => {
  const lab = await Lab.up(trial, { clients: 2 });
  const [moved, other] = await meet(trial, {
    url: lab.url,
    room: "change",
    names: ["Ada", "Grace"],
    namespaces: lab.clients(2),
    video: "320x180@10",
    script: breakRequests,
  });
  await allHaveMedia([moved, other], 60);
  for (const person of [moved, other]) {
    trial.check((await asked(person)) === 3, `${person.name} asked again for each that broke`);
    trial.check((await person.roster()).length === 1, `${person.name} sees the other once`);
  }
  await checkStream(trial, lab, moved);
  await checkMove(trial, lab, moved, other);
});
