#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// Ada publishes her voice with redundancy (RFC 2198). Grace takes it so; Kay's answer leaves RED
// out, and she gets the primary blocks alone. Both lose the same share of packets on the way down:
// who has the redundancy conceals less.
//
// tries: 2
// timeout: 150
// lab: --clients 3
import { growth } from "./lib/growth.mjs";
import { Lab } from "./lib/lab.mjs";
import { pause, run, until } from "./lib/outcome.mjs";
import { meet } from "./lib/participant.mjs";

const LOST_IN = 8; // packets, one
const SECONDS = 20;

// Before every answer of this page.
const WITHOUT_RED = () => {
  const answer = RTCPeerConnection.prototype.createAnswer;
  RTCPeerConnection.prototype.createAnswer = function (...options) {
    const served = RTCRtpReceiver.getCapabilities("audio").codecs;
    for (const transceiver of this.getTransceivers()) {
      if (transceiver.receiver.track.kind !== "audio") continue;
      transceiver.setCodecPreferences(served.filter((c) => c.mimeType !== "audio/red"));
    }
    return answer.apply(this, options);
  };
};

const LOSES = (port) => `table netdev loss {
    chain ingress {
      type filter hook ingress device eth0 priority 0
      udp sport ${port} numgen random mod ${LOST_IN} 0 drop
    }
  }\n`;

const audioOf = (stats) => stats.inbound.find((t) => t.kind === "audio");

const hears = (person) =>
  until(`${person.name} hears Ada`, 20, async () => {
    return audioOf(await person.stats())?.totalAudioEnergy > 0;
  });

async function over(people, seconds) {
  const before = await Promise.all(people.map((p) => p.stats()));
  await pause(seconds * 1000);
  const after = await Promise.all(people.map((p) => p.stats()));
  return people.map((_, i) => growth(before[i], after[i]).find((t) => t.kind === "audio"));
}

const share = (audio) => audio.concealedSamples / audio.totalSamplesReceived;

await run("red", async (trial) => {
  const lab = await Lab.up(trial, { clients: 3 });
  const place = { url: lab.url, room: "red", video: "0" };
  const [ada] = await meet(trial, {
    ...place,
    names: ["Ada"],
    namespaces: [lab.client(1)],
    params: { red: 1 },
  });
  const [grace] = await meet(trial, {
    ...place,
    names: ["Grace"],
    namespaces: [lab.client(2)],
    params: { audio: 0 },
  });
  const [kay] = await meet(trial, {
    ...place,
    names: ["Kay"],
    namespaces: [lab.client(3)],
    params: { audio: 0 },
    script: WITHOUT_RED,
  });
  await Promise.all([hears(grace), hears(kay)]);

  // Chromium's statistics name Opus for both, so bytes tell.
  const [red, plain] = await over([grace, kay], 5);
  trial.check(red.packetsLost === 0 && plain.packetsLost === 0, "nothing is lost");
  const ratio = red.bytesReceived / red.packetsReceived / (plain.bytesReceived / plain.packetsReceived);
  trial.measured(`a packet with RED has ${ratio.toFixed(2)} times the bytes`);
  trial.check(ratio > 1.5, "Kay's packets have no redundancy");
  trial.check(red.totalAudioEnergy > 0 && plain.totalAudioEnergy > 0, "both hear Ada");

  for (const client of [2, 3]) lab.nft(client, LOSES(lab.mediaPort));
  const [with_, without] = await over([grace, kay], SECONDS);
  trial.measured(
    `one packet in ${LOST_IN} lost: concealed ${(100 * share(with_)).toFixed(1)} % with RED, ` +
      `${(100 * share(without)).toFixed(1)} % without`,
  );
  trial.check(without.packetsLost > 0 && with_.packetsLost > 0, "both lose packets");
  trial.check(share(with_) < share(without) / 2, "RED conceals less than half");
  const { inboundRtp } = await ada.statistics();
  trial.check(inboundRtp.every((rtp) => Number(rtp.packetsLost) <= 0), "no loss shows on the way up");
});
