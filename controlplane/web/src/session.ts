// SPDX-License-Identifier: Apache-2.0
//
// One participant's session: joins, publishes, watches, and keeps the roster. Media outlives
// signalling: when the stream of events breaks, it is opened again with back-off and the peer
// connections are left alone. Each opening starts with a snapshot, which replaces what was known.
import { failureText, isUnknownSession } from "./api";
import type { Api, LayerWishes, Session as Credentials, SessionEvent } from "./api";
import type { Devices } from "./devices";
import { note, noteConnection } from "./journal";
import type { Participant, Track } from "./gen/sluice/v1/room";
import type { Params } from "./params";
import { Publisher } from "./publish";
import type { Muted } from "./publish";
import { Recovery } from "./recovery";
import { Subscriber } from "./subscribe";

export type SessionState =
  | "joining"
  | "joined"
  | "signalling-lost" // media goes on, the stream of events is being opened again
  | "session-unknown" // media goes on, the server no longer knows the session
  | "media-lost" // the subscribe transport has failed, and restarts of ICE have not helped yet
  | "removed" // ended by the server
  | "left"
  | "failed"; // could not join

export interface RemoteParticipant {
  name: string;
  displayName: string;
  tracks: Map<string, Track>;
}

const BACKOFF_FIRST_MS = 250;
const BACKOFF_MAX_MS = 3_000;

// Setting up to be seen takes the processor from setting up to see, which people wait for.
const HEAR_FIRST_MS = 800;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

// rooms/{room}/participants/{participant}/tracks/{track} belongs to its first four parts.
export function ownerOf(track: string): string {
  return track.split("/").slice(0, 4).join("/");
}

export class Session {
  state: SessionState = "joining";
  reason = ""; // for people: why the state is what it is
  name = "";
  readonly participants = new Map<string, RemoteParticipant>();
  publisher: Publisher | null = null;
  subscriber: Subscriber | null = null;
  watchOpenings = 0; // how often the stream of events has been ready
  #credentials: Credentials | null = null;
  #abort = new AbortController();
  #hears = () => {}; // the others are connected, or there are none
  #hearing: Recovery | null = null;
  #seen = new Set<string>(); // participants and tracks of the snapshot being read

  constructor(
    private api: Api,
    private params: Params,
    private changed: () => void,
    private announce: (text: string) => void,
  ) {}

  get over(): boolean {
    return ["removed", "left", "failed"].includes(this.state);
  }

  async join(room: string, displayName: string, devices: Devices, muted: Muted): Promise<void> {
    try {
      const joined = await this.api.join(room, displayName);
      if (!joined.session) throw new Error("the server's answer has no session in it");
      this.#credentials = joined.session;
      this.name = joined.session.participant;
      this.#openTransports(joined.session, devices, muted);
      const hears = new Promise<void>((resolve) => (this.#hears = resolve));
      void this.#watch(joined.session);
      await Promise.race([hears, sleep(HEAR_FIRST_MS)]);
      await this.publisher?.negotiate();
    } catch (error) {
      await this.#giveUp(failureText(error));
      throw error;
    }
  }

  #openTransports(credentials: Credentials, devices: Devices, muted: Muted): void {
    const subscriber = new Subscriber(this.api, credentials, this.changed, (error) =>
      console.warn("answering the server's offer:", failureText(error)),
    );
    const publisher = new Publisher(this.api, credentials, this.params, devices, muted);
    this.#hearing = new Recovery(
      subscriber.pc,
      () => subscriber.restart(),
      (lost) => this.#setHearing(!lost),
    );
    new Recovery(
      publisher.pc,
      () => publisher.negotiate(true),
      () => {},
    );
    noteConnection("subscribe", subscriber.pc);
    noteConnection("publish", publisher.pc);
    this.subscriber = subscriber;
    this.publisher = publisher;
  }

  #setHearing(hears: boolean): void {
    if (!hears) return this.#become("media-lost", "No media has come from the server for a while.");
    this.#hears();
    if (this.state === "media-lost") this.#become("joined");
  }

  async #giveUp(reason: string): Promise<void> {
    const credentials = this.#credentials;
    this.#end("failed", reason);
    if (credentials) await this.api.leave(credentials).catch(() => {});
  }

  #become(state: SessionState, reason = ""): void {
    if (this.over || (this.state === state && this.reason === reason)) return;
    this.state = state;
    this.reason = reason;
    note(`session: ${state} ${reason}`);
    this.changed();
  }

  async #watch(credentials: Credentials): Promise<void> {
    let delay = BACKOFF_FIRST_MS;
    while (!this.over) {
      const openings = this.watchOpenings;
      try {
        this.#seen.clear();
        for await (const event of this.api.watch(credentials, this.#abort.signal)) {
          this.#apply(event);
        }
      } catch (error) {
        if (isUnknownSession(error)) return this.#becomeUnknown();
      }
      if (this.over) return;
      this.publisher?.wantAll();
      if (this.watchOpenings > openings) delay = BACKOFF_FIRST_MS;
      if (this.state !== "media-lost") this.#become("signalling-lost");
      await sleep(delay * (0.75 + Math.random() / 2));
      delay = Math.min(delay * 2, BACKOFF_MAX_MS);
    }
  }

  #becomeUnknown(): void {
    this.publisher?.wantAll();
    this.#become("session-unknown", "The server was restarted and does not know this session.");
  }

  #apply({ event: e }: SessionEvent): void {
    note(`event: ${e.oneofKind}`);
    if (e.oneofKind === "subscribeOffer") return this.subscriber?.offer(e.subscribeOffer);
    if (e.oneofKind === "removed") return this.#end("removed", e.removed.reason);
    if (e.oneofKind === "layersWanted") this.publisher?.setWanted(e.layersWanted);
    else if (e.oneofKind === "ready") this.#ready();
    else if (e.oneofKind === "participantJoined") this.#add(e.participantJoined.participant);
    else if (e.oneofKind === "participantLeft") this.#remove(e.participantLeft.participant);
    else if (e.oneofKind === "trackPublished") this.#setTrack(e.trackPublished.track);
    else if (e.oneofKind === "trackChanged") this.#setTrack(e.trackChanged.track);
    else if (e.oneofKind === "trackUnpublished") this.#removeTrack(e.trackUnpublished.track);
    this.changed();
  }

  // The snapshot is complete: whoever was not in it is gone.
  #ready(): void {
    for (const [name, participant] of this.participants) {
      if (!this.#seen.has(name)) this.#remove(name);
      for (const track of participant.tracks.keys()) {
        if (!this.#seen.has(track)) participant.tracks.delete(track);
      }
    }
    this.watchOpenings++;
    if (![...this.participants.values()].some((p) => p.tracks.size > 0)) this.#hears();
    if (!this.#hearing?.lost) this.#become("joined");
    if (this.watchOpenings === 1) return;
    this.subscriber?.resume();
    this.publisher?.resume().catch((error) => console.warn("after reconnecting:", error));
  }

  #add(participant: Participant | undefined): void {
    // Orphans of an earlier control plane cannot be subscribed to.
    if (!participant || participant.name === this.name || participant.orphan) return;
    const { name, displayName } = participant;
    this.#seen.add(name);
    const known = this.participants.get(name);
    if (known) known.displayName = displayName;
    else this.participants.set(name, { name, displayName, tracks: new Map() });
    if (!known && this.watchOpenings) this.announce(`${displayName || "Someone"} joined`);
    for (const track of participant.tracks) this.#setTrack(track);
  }

  #remove(name: string): void {
    const participant = this.participants.get(name);
    if (!participant) return;
    this.participants.delete(name);
    this.announce(`${participant.displayName || "Someone"} left`);
  }

  #setTrack(track: Track | undefined): void {
    if (!track) return;
    this.#seen.add(track.name);
    this.participants.get(ownerOf(track.name))?.tracks.set(track.name, track);
  }

  #removeTrack(name: string): void {
    this.participants.get(ownerOf(name))?.tracks.delete(name);
  }

  async setSubscription(track: string, paused: boolean): Promise<void> {
    if (this.#credentials) await this.api.setSubscription(this.#credentials, track, paused);
  }

  async setLayers(track: string, layers: LayerWishes): Promise<void> {
    if (this.#credentials) await this.api.setLayers(this.#credentials, track, layers);
  }

  // Resolves when the server knows; the media has stopped before that.
  async leave(): Promise<void> {
    const credentials = this.#credentials;
    const known = !this.over;
    this.#end("left", "");
    if (known && credentials) await this.api.leave(credentials).catch(() => {});
  }

  #end(state: SessionState, reason: string): void {
    if (this.over) return;
    this.#become(state, reason);
    this.#abort.abort();
    this.publisher?.close();
    this.subscriber?.close();
  }
}
