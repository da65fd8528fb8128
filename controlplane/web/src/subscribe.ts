// SPDX-License-Identifier: Apache-2.0
//
// The transport a participant receives on: the server offers, the page answers. Only the newest
// offer counts; one that arrives while another is being answered waits, and replaces any before it.
import { isCode, TransportDirection } from "./api";
import type { Api, Session } from "./api";
import type { SubscribeOffer } from "./gen/sluice/v1/signalling";
import { note } from "./journal";
import { Trickle } from "./trickle";

export interface ReceivedTrack {
  track: string; // resource name
  mid: string;
  ssrc: number; // of the consumer
  media: MediaStreamTrack;
  receiver: RTCRtpReceiver;
}

export class Subscriber {
  readonly pc = new RTCPeerConnection({ bundlePolicy: "max-bundle", rtcpMuxPolicy: "require" });
  tracks = new Map<string, ReceivedTrack>(); // by resource name
  #next: SubscribeOffer | null = null;
  #unsent: SubscribeOffer | null = null; // its answer did not get through
  #busy = false;
  #answered = 0; // the newest revision the server has our answer to
  #trickle: Trickle;

  constructor(
    private api: Api,
    private session: Session,
    private changed: () => void,
    private failed: (error: unknown) => void,
  ) {
    this.#trickle = new Trickle(this.pc, (candidates) =>
      api.addCandidates(session, TransportDirection.SUBSCRIBE, candidates),
    );
  }

  offer(offer: SubscribeOffer): void {
    if (offer.revision <= this.#answered) return;
    this.#next = offer;
    if (!this.#busy) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#busy = true;
    while (this.#next) {
      const offer = this.#next;
      this.#next = null;
      try {
        await this.#answer(offer);
      } catch (error) {
        // An older revision: the newer offer is on its way.
        if (isCode(error, "FAILED_PRECONDITION")) continue;
        this.#unsent = offer;
        this.failed(error);
      }
    }
    this.#busy = false;
  }

  async #answer(offer: SubscribeOffer): Promise<void> {
    note(`subscribe: offer ${offer.revision} of ${offer.tracks.length} tracks`);
    await this.pc.setRemoteDescription({ type: "offer", sdp: offer.sdp });
    await this.pc.setLocalDescription(await this.pc.createAnswer());
    this.#map(offer);
    this.changed();
    await this.api.answer(this.session, offer.revision, this.pc.localDescription?.sdp ?? "");
    this.#answered = offer.revision;
    note(`subscribe: answered ${offer.revision}`);
    this.#trickle.open();
  }

  // An m-line may be used again for another track, so the whole mapping is made anew.
  #map(offer: SubscribeOffer): void {
    const byMid = new Map(this.pc.getTransceivers().map((t) => [t.mid, t]));
    this.tracks = new Map();
    for (const { mid, track, ssrc } of offer.tracks) {
      const receiver = byMid.get(mid)?.receiver;
      if (receiver) this.tracks.set(track, { track, mid, ssrc, media: receiver.track, receiver });
    }
  }

  // ICE restart: the server's next offer has new credentials. One whose answer did not get through
  // may be that offer.
  async restart(): Promise<void> {
    note("subscribe: ICE restart");
    this.resume();
    await this.api.restartSubscribe(this.session);
  }

  // Signalling is back: says what could not be said meanwhile.
  resume(): void {
    this.#trickle.flush();
    const unsent = this.#unsent;
    this.#unsent = null;
    if (unsent && !this.#next) this.offer(unsent);
  }

  close(): void {
    this.pc.close();
  }
}
