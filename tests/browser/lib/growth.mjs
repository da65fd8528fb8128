// SPDX-License-Identifier: Apache-2.0
//
// What came between two snapshots of window.sluice.stats(), per received track.

const COUNTERS = [
  "packetsReceived",
  "packetsLost",
  "bytesReceived",
  "framesDecoded",
  "framesDropped",
  "keyFramesDecoded",
  "freezeCount",
  "totalFreezesDuration",
  "totalAudioEnergy",
  "totalSamplesReceived",
  "concealedSamples",
  "pliCount",
];

export function growth(before, after) {
  return after.inbound.map((now) => {
    const then = before.inbound.find((t) => t.track === now.track && t.ssrc === now.ssrc);
    const grown = { track: now.track, kind: now.kind, ssrc: now.ssrc, from: now.displayName };
    for (const name of COUNTERS) grown[name] = now[name] - (then?.[name] ?? 0);
    return grown;
  });
}
