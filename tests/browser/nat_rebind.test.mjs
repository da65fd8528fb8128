#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// A client's source ports change in mid-call, as when a NAT forgets a mapping: nftables in the
// client's namespace rewrites both transports' ports, out and in. Within a second of the first
// check from a new port media flows again, in both directions, on the wire; the pictures follow.
//
// tries: 2
// timeout: 180
// lab: --clients 2
// lab: --clients 2 --workers 2
import { Lab } from "./lib/lab.mjs";
import { pause, run, until } from "./lib/outcome.mjs";
import { allHaveMedia, meet } from "./lib/participant.mjs";

const LIMIT_MS = 1_000;
const PICTURE_SECONDS = 10;
const SHIFT = 1009; // new port = old port + SHIFT, downwards where that would overflow

const shifted = (port) => (port + SHIFT > 65535 ? port - SHIFT : port + SHIFT);
const portOf = (address) => Number(address.split(" ")[0].split(":").pop());
const hostOf = (address) => address.split(" ")[0].replace(/:\d+$/, "");

// Stateless on purpose: a NAT that has just forgotten what it knew. The old mappings are dead.
function rebindRules(ports, mediaPort) {
  const pairs = ports.map((port) => [port, shifted(port)]);
  const out = pairs.map(([p, q]) => `udp dport ${mediaPort} udp sport ${p} udp sport set ${q}`);
  const dead = pairs.map(([p]) => `udp sport ${mediaPort} udp dport ${p} drop`);
  const back = pairs.map(([p, q]) => `udp sport ${mediaPort} udp dport ${q} udp dport set ${p}`);
  return `table inet rebind {
    chain out { type filter hook output priority 100; ${out.join("; ")}; }
    chain in { type filter hook prerouting priority -300; ${[...dead, ...back].join("; ")}; }
  }\n`;
}

// The first check from `peer`, and from then on what the wire saw.
async function awaitCheck(trial, wire, peer, since) {
  const at = await until(`a check from ${peer}`, 30, async () => {
    const { peers } = await wire.read();
    return peers[peer]?.stun_received;
  });
  trial.say(`first check from ${peer} ${Math.round(at - since)} ms after the change`);
  return at;
}

// Towards the client: the first RTP to its new port.
async function checkDown(trial, wire, peer, since) {
  const check = await awaitCheck(trial, wire, peer, since);
  const back = await until(`RTP to ${peer}`, 10, async () => {
    const { peers } = await wire.read();
    return peers[peer]?.rtp_sent;
  });
  const ms = Math.round(back - check);
  trial.measured(`to the client: media is back ${ms} ms after the check`);
  trial.check(ms <= LIMIT_MS, `to the client: media is back ${ms} ms after the check`);
}

// From the client: the end of the pause in what the other gets of it, the last of its streams'.
async function checkUp(trial, wire, peer, since, ssrcs) {
  const check = await awaitCheck(trial, wire, peer, since);
  const streams = await until("RTP of every track to the other", 10, async () => {
    const sent = (await wire.read()).streams.filter((s) => s.direction === "sent");
    const own = sent.filter((s) => ssrcs.includes(s.ssrc));
    return own.length === ssrcs.length && own.every((s) => s.last > check) ? own : null;
  });
  const ends = streams.flatMap((s) => s.pauses.map((p) => p.to)).filter((to) => to > since);
  const ms = Math.round(Math.max(check, ...ends) - check);
  trial.measured(`from the client: media is back ${ms} ms after the check`);
  trial.check(ms <= LIMIT_MS, `from the client: media is back ${ms} ms after the check`);
}

async function tracksFrom(person, displayName) {
  const { inbound } = await person.stats();
  return inbound.filter((t) => t.displayName === displayName);
}

// The picture moves again: decoding waits for a key frame, which is asked for with some patience.
async function checkPicture(trial, person, displayName) {
  const started = Date.now();
  const frames = async () => {
    const tracks = await tracksFrom(person, displayName);
    return tracks.find((t) => t.kind === "video")?.framesDecoded ?? 0;
  };
  const before = await frames();
  await until(`${person.name} sees ${displayName}`, PICTURE_SECONDS, async () => {
    return (await frames()) > before + 5;
  });
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  trial.check(true, `${person.name} sees ${displayName} move again after ${seconds} s more`);
}

await run("nat_rebind", async (trial) => {
  const lab = await Lab.up(trial, { clients: 2 });
  const wire = await lab.watchWire(trial);
  const [moved, other] = await meet(trial, {
    url: lab.url,
    room: "rebind",
    names: ["Ada", "Grace"],
    namespaces: lab.clients(2),
    video: "640x480@15",
  });
  await allHaveMedia([moved, other], 60);
  await pause(3_000);

  const stats = await moved.stats();
  const up = stats.publish.selectedPair.local;
  const down = stats.subscribe.selectedPair.local;
  const ssrcs = (await tracksFrom(other, "Ada")).map((t) => t.ssrc);
  lab.nft(1, rebindRules([portOf(up), portOf(down)], lab.mediaPort));
  const since = Date.now();
  trial.say(`ports ${portOf(up)} and ${portOf(down)} are rewritten from now on`);

  const moves = (address) => `${hostOf(address)}:${shifted(portOf(address))}`;
  await Promise.all([
    checkDown(trial, wire, moves(down), since),
    checkUp(trial, wire, moves(up), since, ssrcs),
  ]);
  await checkPicture(trial, moved, "Grace");
  await checkPicture(trial, other, "Ada");
});
