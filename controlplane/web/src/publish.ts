// SPDX-License-Identifier: Apache-2.0
//
// The transport a participant publishes on: the page offers, the server answers. The microphone is
// muted by disabling its track; the camera is given back, so that its light goes out, and opened
// again.
import { TransportDirection } from "./api";
import type { Api, PublishedTrack, Session } from "./api";
import type { Devices } from "./devices";
import { openCamera } from "./devices";
import { cameraEncodings } from "./encodings";
import { TrackSource } from "./gen/sluice/v1/room";
import type { Track } from "./gen/sluice/v1/room";
import type { LayersWanted } from "./gen/sluice/v1/signalling";
import type { Params } from "./params";
import { note } from "./journal";
import { Trickle } from "./trickle";

export type Kind = "audio" | "video";
export type Muted = Record<Kind, boolean>;

const SOURCES = { audio: TrackSource.MICROPHONE, video: TrackSource.CAMERA };

function preferCodec(transceiver: RTCRtpTransceiver, kind: Kind, codec: string): void {
  const all = RTCRtpSender.getCapabilities(kind)?.codecs ?? [];
  const wanted = all.filter((c) => c.mimeType.toLowerCase() === `${kind}/${codec.toLowerCase()}`);
  if (!wanted.length) return;
  transceiver.setCodecPreferences([...wanted, ...all.filter((c) => !wanted.includes(c))]);
}

export class Publisher {
  readonly pc = new RTCPeerConnection({ bundlePolicy: "max-bundle", rtcpMuxPolicy: "require" });
  readonly muted: Muted;
  #transceivers = new Map<Kind, RTCRtpTransceiver>();
  #names = new Map<Kind, string>(); // resource names of the own tracks
  #unsaid = new Set<Kind>(); // mute states the server has not been told
  #unwanted = new Set<string>(); // rids of encodings that nobody would get
  #trickle: Trickle;
  #work: Promise<void> = Promise.resolve();
  #encoding: Promise<void> = Promise.resolve();

  constructor(
    private api: Api,
    private session: Session,
    private params: Params,
    readonly devices: Devices,
    muted: Muted,
  ) {
    this.muted = { ...muted };
    this.#trickle = new Trickle(this.pc, (candidates) =>
      api.addCandidates(session, TransportDirection.PUBLISH, candidates),
    );
    const stream = new MediaStream();
    for (const kind of ["audio", "video"] as Kind[]) {
      if (!devices[kind] && !muted[kind]) continue;
      const init: RTCRtpTransceiverInit = { direction: "sendonly", streams: [stream] };
      if (kind === "video") init.sendEncodings = cameraEncodings(params, devices.video);
      const transceiver = this.pc.addTransceiver(this.#muteFirst(kind) ?? kind, init);
      if (kind === "video" && params.codec) preferCodec(transceiver, kind, params.codec);
      if (kind === "audio" && params.red) preferCodec(transceiver, kind, "red");
      this.#transceivers.set(kind, transceiver);
    }
  }

  // Who enters muted sends nothing, not even before the server knows. Returns the track to send.
  #muteFirst(kind: Kind): MediaStreamTrack | null {
    if (kind === "audio" && this.devices.audio) this.devices.audio.enabled = !this.muted.audio;
    if (kind === "video" && this.muted.video) {
      this.devices.video?.stop();
      this.devices.video = null;
    }
    return this.devices[kind];
  }

  get empty(): boolean {
    return this.#transceivers.size === 0;
  }

  has(kind: Kind): boolean {
    return this.#transceivers.has(kind);
  }

  // Offers; with `iceRestart` on new ICE credentials. Calls are carried out one after the other.
  negotiate(iceRestart = false): Promise<void> {
    const next = this.#work.then(() => this.#negotiate(iceRestart));
    this.#work = next.catch(() => {});
    return next;
  }

  async #negotiate(iceRestart: boolean): Promise<void> {
    if (this.empty || this.pc.signalingState === "closed") return;
    await this.pc.setLocalDescription(await this.pc.createOffer({ iceRestart }));
    const sdp = this.pc.localDescription?.sdp ?? "";
    note(`publish: offer${iceRestart ? " with ICE restart" : ""}`);
    const answer = await this.api.publish(this.session, sdp, this.#published());
    await this.pc.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    note("publish: answered");
    this.#learnNames(answer.tracks);
    this.#trickle.open();
  }

  #published(): PublishedTrack[] {
    return [...this.#transceivers].map(([kind, transceiver]) => ({
      mid: transceiver.mid ?? "",
      source: SOURCES[kind],
      muted: this.muted[kind],
    }));
  }

  #learnNames(tracks: Track[]): void {
    for (const kind of this.#transceivers.keys()) {
      const track = tracks.find((t) => t.source === SOURCES[kind]);
      if (track) this.#names.set(kind, track.name);
    }
  }

  async setMuted(kind: Kind, muted: boolean): Promise<void> {
    if (!this.has(kind) || this.muted[kind] === muted) return;
    this.muted[kind] = muted;
    if (kind === "audio" && this.devices.audio) this.devices.audio.enabled = !muted;
    else await this.#switchCamera(!muted);
    await this.#tell(kind);
  }

  async #switchCamera(on: boolean): Promise<void> {
    const sender = this.#transceivers.get("video")?.sender;
    this.devices.video?.stop();
    try {
      this.devices.video = on ? await openCamera(this.params) : null;
    } catch (error) {
      this.muted.video = true;
      throw error;
    }
    await sender?.replaceTrack(this.devices.video);
  }

  // The media is muted whether or not the server can be told now; resume() tells it later.
  async #tell(kind: Kind): Promise<void> {
    const name = this.#names.get(kind);
    if (!name) return;
    try {
      await this.api.setMuted(this.session, name, this.muted[kind]);
      this.#unsaid.delete(kind);
    } catch {
      this.#unsaid.add(kind);
    }
  }

  // What nobody would get is not encoded.
  setWanted({ track, encodings }: LayersWanted): void {
    if (track !== this.#names.get("video")) return;
    this.#setUnwanted(encodings.filter((e) => !e.wanted).map((e) => e.rid));
  }

  // As long as nobody can ask for more, everything is sent.
  wantAll(): void {
    if (this.#unwanted.size > 0) this.#setUnwanted([]);
  }

  // One after the other: each reads the sender's parameters anew.
  #setUnwanted(rids: string[]): void {
    note(`publish: not wanted: ${rids.join(", ") || "nothing"}`);
    this.#unwanted = new Set(rids);
    this.#encoding = this.#encoding
      .then(() => this.#setActive())
      .catch((error) => console.warn("choosing encodings:", error));
  }

  async #setActive(): Promise<void> {
    const sender = this.#transceivers.get("video")?.sender;
    if (!sender || this.pc.signalingState === "closed") return;
    const parameters = sender.getParameters();
    for (const encoding of parameters.encodings) {
      encoding.active = !this.#unwanted.has(encoding.rid ?? "");
    }
    await sender.setParameters(parameters);
  }

  // Signalling is back: says what could not be said meanwhile.
  async resume(): Promise<void> {
    this.#trickle.flush();
    await Promise.all([...this.#unsaid].map((kind) => this.#tell(kind)));
    if (this.pc.connectionState === "failed") await this.negotiate(true);
  }

  // Sends no more RTP, with everything else left as it is.
  async stopSending(): Promise<void> {
    await Promise.all(this.pc.getSenders().map((sender) => sender.replaceTrack(null)));
  }

  close(): void {
    this.pc.close();
  }
}
