// SPDX-License-Identifier: Apache-2.0
//
// Sends a connection's local ICE candidates as they come (RFC 8838), in batches, and not before the
// server has the description they belong to. What could not be sent waits for the next flush().
import { CANDIDATES_PER_CALL } from "./api";

const BATCH_MS = 20;

export class Trickle {
  #queue: string[] = [];
  #open = false;
  #timer = 0;

  constructor(
    pc: RTCPeerConnection,
    private send: (candidates: string[]) => Promise<void>,
  ) {
    pc.addEventListener("icecandidate", ({ candidate }) => {
      if (!candidate?.candidate) return;
      this.#queue.push(candidate.candidate);
      this.#schedule();
    });
  }

  // The server has the description now.
  open(): void {
    this.#open = true;
    this.#schedule();
  }

  flush(): void {
    this.#schedule();
  }

  #schedule(): void {
    if (!this.#open || this.#timer || !this.#queue.length) return;
    this.#timer = window.setTimeout(() => void this.#drain(), BATCH_MS);
  }

  async #drain(): Promise<void> {
    const batch = this.#queue.splice(0, CANDIDATES_PER_CALL);
    try {
      await this.send(batch);
      this.#timer = 0;
      this.#schedule();
    } catch {
      this.#queue.unshift(...batch);
      this.#timer = 0;
    }
  }
}
