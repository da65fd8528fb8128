// SPDX-License-Identifier: Apache-2.0
//
// getStats of both transports, reduced to what the tiles and the tests need. A snapshot holds
// counters as they are; Rates turns two of them into figures per second.
import type { Session } from "./session";
import { ownerOf } from "./session";

export interface CandidatePairStats {
  local: string; // "192.0.2.7:50000 udp host"
  remote: string;
  currentRoundTripTime: number | null; // seconds
  requestsSent: number; // connectivity checks, consent among them
  responsesReceived: number;
}

export interface TransportStats {
  connectionState: RTCPeerConnectionState;
  selectedPair: CandidatePairStats | null;
  srtpCipher: string;
  dtlsState: string;
  packetsReceived: number;
  packetsSent: number;
}

export interface OutboundStats {
  kind: string;
  ssrc: number;
  rid: string; // of a simulcast's encoding; else empty
  scalabilityMode: string;
  active: boolean;
  packetsSent: number;
  bytesSent: number;
  framesEncoded: number;
  keyFramesEncoded: number;
  frameWidth: number;
  frameHeight: number;
  framesPerSecond: number;
  fractionLost: number;
  roundTripTime: number | null; // seconds
  pliCount: number;
  nackCount: number;
  retransmittedPacketsSent: number;
  qualityLimitationReason: string; // video: none, cpu, bandwidth or other
  codec: string;
}

export interface InboundStats {
  track: string; // resource names
  participant: string;
  displayName: string;
  kind: string;
  mid: string;
  ssrc: number; // as received; 0 before the first packet
  offeredSsrc: number; // as the server said
  packetsReceived: number;
  retransmittedPacketsReceived: number;
  packetsLost: number;
  bytesReceived: number;
  framesReceived: number;
  framesDecoded: number;
  keyFramesDecoded: number;
  framesDropped: number;
  frameWidth: number;
  frameHeight: number;
  framesPerSecond: number;
  freezeCount: number;
  totalFreezesDuration: number; // seconds
  totalAudioEnergy: number;
  totalSamplesReceived: number;
  concealedSamples: number;
  audioLevel: number;
  jitter: number; // seconds
  pliCount: number;
  nackCount: number;
  codec: string;
}

export interface Snapshot {
  time: number; // performance.now() when it was taken
  publish: TransportStats | null;
  subscribe: TransportStats | null;
  outbound: OutboundStats[];
  inbound: InboundStats[];
}

type Entry = Record<string, unknown> & { id: string; type: string };

const num = (entry: Entry | undefined, field: string): number => {
  const value = entry?.[field];
  return typeof value === "number" ? value : 0;
};
const text = (entry: Entry | undefined, field: string): string => {
  const value = entry?.[field];
  return typeof value === "string" ? value : "";
};

class Report {
  #all = new Map<string, Entry>();

  constructor(report: RTCStatsReport) {
    report.forEach((entry: Entry) => this.#all.set(entry.id, entry));
  }

  get(id: string): Entry | undefined {
    return this.#all.get(id);
  }

  ofType(type: string): Entry[] {
    return [...this.#all.values()].filter((entry) => entry.type === type);
  }

  address(id: string): string {
    const c = this.get(id);
    const ip = text(c, "address") || text(c, "ip");
    const host = ip.includes(":") ? `[${ip}]` : ip;
    return c ? `${host}:${num(c, "port")} ${text(c, "protocol")} ${text(c, "candidateType")}` : "";
  }

  // Firefox has no transport entry: there the nominated pair that succeeded is the selected one.
  selectedPair(): Entry | undefined {
    const transport = this.ofType("transport")[0];
    const selected = this.get(text(transport, "selectedCandidatePairId"));
    const pairs = this.ofType("candidate-pair");
    return selected ?? pairs.find((p) => p["nominated"] && p["state"] === "succeeded");
  }
}

async function reportOf(pc: RTCPeerConnection | undefined): Promise<Report | null> {
  if (!pc || pc.connectionState === "closed") return null;
  return new Report(await pc.getStats());
}

function transportOf(pc: RTCPeerConnection, report: Report): TransportStats {
  const transport = report.ofType("transport")[0];
  const pair = report.selectedPair();
  const rtt = pair?.["currentRoundTripTime"];
  return {
    connectionState: pc.connectionState,
    selectedPair: pair
      ? {
          local: report.address(text(pair, "localCandidateId")),
          remote: report.address(text(pair, "remoteCandidateId")),
          currentRoundTripTime: typeof rtt === "number" ? rtt : null,
          requestsSent: num(pair, "requestsSent"),
          responsesReceived: num(pair, "responsesReceived"),
        }
      : null,
    srtpCipher: text(transport, "srtpCipher"),
    dtlsState: text(transport, "dtlsState"),
    packetsReceived: num(transport, "packetsReceived"),
    packetsSent: num(transport, "packetsSent"),
  };
}

function outboundOf(report: Report): OutboundStats[] {
  return report.ofType("outbound-rtp").map((rtp) => {
    const remote = report.get(text(rtp, "remoteId"));
    const rtt = remote?.["roundTripTime"];
    return {
      kind: text(rtp, "kind"),
      ssrc: num(rtp, "ssrc"),
      rid: text(rtp, "rid"),
      scalabilityMode: text(rtp, "scalabilityMode"),
      active: rtp["active"] !== false,
      packetsSent: num(rtp, "packetsSent"),
      bytesSent: num(rtp, "bytesSent"),
      framesEncoded: num(rtp, "framesEncoded"),
      keyFramesEncoded: num(rtp, "keyFramesEncoded"),
      frameWidth: num(rtp, "frameWidth"),
      frameHeight: num(rtp, "frameHeight"),
      framesPerSecond: num(rtp, "framesPerSecond"),
      fractionLost: num(remote, "fractionLost"),
      roundTripTime: typeof rtt === "number" ? rtt : null,
      pliCount: num(rtp, "pliCount"),
      nackCount: num(rtp, "nackCount"),
      retransmittedPacketsSent: num(rtp, "retransmittedPacketsSent"),
      qualityLimitationReason: text(rtp, "qualityLimitationReason"),
      codec: text(report.get(text(rtp, "codecId")), "mimeType"),
    };
  });
}

function inboundOf(session: Session, report: Report): InboundStats[] {
  const entries = report.ofType("inbound-rtp");
  return [...(session.subscriber?.tracks.values() ?? [])].map((received) => {
    const rtp = entries.find(
      (entry) =>
        entry["mid"] === received.mid || entry["trackIdentifier"] === received.media.id,
    );
    const participant = ownerOf(received.track);
    return {
      track: received.track,
      participant,
      displayName: session.participants.get(participant)?.displayName ?? "",
      kind: received.media.kind,
      mid: received.mid,
      ssrc: num(rtp, "ssrc"),
      offeredSsrc: received.ssrc,
      packetsReceived: num(rtp, "packetsReceived"),
      retransmittedPacketsReceived: num(rtp, "retransmittedPacketsReceived"),
      packetsLost: num(rtp, "packetsLost"),
      bytesReceived: num(rtp, "bytesReceived"),
      framesReceived: num(rtp, "framesReceived"),
      framesDecoded: num(rtp, "framesDecoded"),
      keyFramesDecoded: num(rtp, "keyFramesDecoded"),
      framesDropped: num(rtp, "framesDropped"),
      frameWidth: num(rtp, "frameWidth"),
      frameHeight: num(rtp, "frameHeight"),
      framesPerSecond: num(rtp, "framesPerSecond"),
      freezeCount: num(rtp, "freezeCount"),
      totalFreezesDuration: num(rtp, "totalFreezesDuration"),
      totalAudioEnergy: num(rtp, "totalAudioEnergy"),
      totalSamplesReceived: num(rtp, "totalSamplesReceived"),
      concealedSamples: num(rtp, "concealedSamples"),
      audioLevel: num(rtp, "audioLevel"),
      jitter: num(rtp, "jitter"),
      pliCount: num(rtp, "pliCount"),
      nackCount: num(rtp, "nackCount"),
      codec: text(report.get(text(rtp, "codecId")), "mimeType"),
    };
  });
}

export async function takeSnapshot(session: Session): Promise<Snapshot> {
  const [up, down] = await Promise.all([
    reportOf(session.publisher?.pc),
    reportOf(session.subscriber?.pc),
  ]);
  return {
    time: performance.now(),
    publish: up && session.publisher ? transportOf(session.publisher.pc, up) : null,
    subscribe: down && session.subscriber ? transportOf(session.subscriber.pc, down) : null,
    outbound: up ? outboundOf(up) : [],
    inbound: down ? inboundOf(session, down) : [],
  };
}

// What a tile's strip shows.
export interface Figures {
  width: number;
  height: number;
  framesPerSecond: number;
  bitsPerSecond: number;
  loss: number; // share, 0 to 1
  roundTripTime: number | null; // seconds
  audioLevel: number;
  stalled: boolean; // video that came before has stopped
}

interface Counters {
  time: number;
  bytes: number;
  packets: number;
  lost: number;
  frames: number;
}

const ZERO: Counters = { time: 0, bytes: 0, packets: 0, lost: 0, frames: 0 };

export class Rates {
  #before = new Map<string, Counters>();

  // The figures of one remote participant, audio and video together.
  remote(participant: string, snapshot: Snapshot): Figures {
    const own = snapshot.inbound.filter((entry) => entry.participant === participant);
    const video = own.find((entry) => entry.kind === "video");
    const now: Counters = {
      time: snapshot.time,
      bytes: sum(own, (entry) => entry.bytesReceived),
      packets: sum(own, (entry) => entry.packetsReceived),
      lost: sum(own, (entry) => entry.packetsLost),
      frames: video?.framesDecoded ?? 0,
    };
    const { before, seconds } = this.#step(participant, now);
    const lost = Math.max(0, now.lost - before.lost);
    const expected = Math.max(0, now.packets - before.packets) + lost;
    return {
      width: video?.frameWidth ?? 0,
      height: video?.frameHeight ?? 0,
      framesPerSecond: perSecond(now.frames - before.frames, seconds),
      bitsPerSecond: perSecond(8 * (now.bytes - before.bytes), seconds),
      loss: expected ? lost / expected : 0,
      roundTripTime: snapshot.subscribe?.selectedPair?.currentRoundTripTime ?? null,
      audioLevel: Math.max(0, ...own.map((entry) => entry.audioLevel)),
      stalled: now.frames > 0 && now.frames === before.frames,
    };
  }

  local(snapshot: Snapshot): Figures {
    const video = snapshot.outbound
      .filter((entry) => entry.kind === "video")
      .reduce<OutboundStats | undefined>(largest, undefined);
    const now: Counters = {
      ...ZERO,
      time: snapshot.time,
      bytes: sum(snapshot.outbound, (entry) => entry.bytesSent),
      frames: video?.framesEncoded ?? 0,
    };
    const { before, seconds } = this.#step("", now);
    const pairRtt = snapshot.publish?.selectedPair?.currentRoundTripTime ?? null;
    return {
      width: video?.frameWidth ?? 0,
      height: video?.frameHeight ?? 0,
      framesPerSecond: perSecond(now.frames - before.frames, seconds),
      bitsPerSecond: perSecond(8 * (now.bytes - before.bytes), seconds),
      loss: Math.max(0, ...snapshot.outbound.map((entry) => entry.fractionLost)),
      roundTripTime: video?.roundTripTime ?? pairRtt,
      audioLevel: 0,
      stalled: false,
    };
  }

  #step(key: string, now: Counters): { before: Counters; seconds: number } {
    const before = this.#before.get(key) ?? { ...now };
    this.#before.set(key, now);
    return { before, seconds: (now.time - before.time) / 1000 };
  }

  forget(): void {
    this.#before.clear();
  }
}

// Of a simulcast's encodings, the one people think of as the picture.
function largest(best: OutboundStats | undefined, next: OutboundStats): OutboundStats {
  return best && best.frameWidth >= next.frameWidth ? best : next;
}

function sum<T>(entries: T[], value: (entry: T) => number): number {
  return entries.reduce((total, entry) => total + value(entry), 0);
}

function perSecond(delta: number, seconds: number): number {
  return seconds > 0 ? Math.max(0, delta / seconds) : 0;
}
