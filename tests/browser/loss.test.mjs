#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// 5 % of the packets are lost on the way up from the publisher and 5 % on the way down to the
// viewer (nftables in their namespaces), and each of the two is 100 ms there and back away from the
// SFU. NACK and RTX repair both: the viewer decodes at least 97 % of the frames that were encoded.
//
// tries: 2
// timeout: 150
// lab: --clients 2
import { growth } from "./lib/growth.mjs";
import { Lab } from "./lib/lab.mjs";
import { pause, run } from "./lib/outcome.mjs";
import { allHaveMedia, meet } from "./lib/participant.mjs";

const ONE_IN = 20; // packets is lost
const ONE_WAY_MS = 50;
const SECONDS = 30;
const DECODED_PERCENT = 97;

// On the client's interface, so that a sender does not notice.
const loses = (direction, match) => `table netdev loss {
    chain ${direction} {
      type filter hook ${direction} device eth0 priority 0
      udp ${match} numgen random mod ${ONE_IN} 0 drop
    }
  }\n`;

const framesEncoded = async (person) =>
  (await person.stats()).outbound.find((rtp) => rtp.kind === "video").framesEncoded;

await run("loss", async (trial) => {
  const lab = await Lab.up(trial, { clients: 2 });
  await lab.delay(trial, 1, ONE_WAY_MS);
  await lab.delay(trial, 2, ONE_WAY_MS);
  const [ada, grace] = await meet(trial, {
    url: lab.url,
    room: "loss",
    names: ["Ada", "Grace"],
    namespaces: lab.clients(2),
    video: "320x180@15",
  });
  await allHaveMedia([ada, grace], 60);
  lab.nft(1, loses("egress", `dport ${lab.mediaPort}`));
  lab.nft(2, loses("ingress", `sport ${lab.mediaPort}`));
  await pause(3_000);
  const trips = [(await ada.stats()).publish, (await grace.stats()).subscribe].map(
    (side) => side.selectedPair.currentRoundTripTime * 1000,
  );
  trial.check(Math.min(...trips) >= 2 * ONE_WAY_MS, `round trips of ${trips.join(" and ")} ms`);
  const before = await Promise.all([framesEncoded(ada), grace.stats()]);
  await pause(SECONDS * 1000);
  const after = await Promise.all([framesEncoded(ada), grace.stats()]);

  const encoded = after[0] - before[0];
  const video = growth(before[1], after[1]).find((t) => t.kind === "video");
  const percent = (100 * video.framesDecoded) / encoded;
  trial.measured(`${encoded} frames encoded, ${video.framesDecoded} decoded: ${percent.toFixed(1)} %`);
  const { inboundRtp } = await ada.statistics();
  const up = inboundRtp.find((rtp) => rtp.kind === "video" && rtp.packetsLost > 0);
  trial.check(up?.packetsLost > encoded / 100, `packets lost on the way up: ${up?.packetsLost}`);
  trial.check(percent >= DECODED_PERCENT, `at least ${DECODED_PERCENT} % of the frames are decoded`);
});
