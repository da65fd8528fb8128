// SPDX-License-Identifier: Apache-2.0
//
// A connection that has lost its path: ICE is restarted, again and again with back-off, until it
// connects. If that takes long, whoever waits for media is told, and it goes on.
import { failureText, isUnknownSession } from "./api";
import { note } from "./journal";

// Checks that get lost come back by themselves; an address that is gone does not.
const DISCONNECTED_MS = 3_000;

// A restart is a few round trips, and the next one would cut it short.
const AGAIN_FIRST_MS = 3_000;
const AGAIN_MAX_MS = 10_000;

const LOST_MS = 15_000; // of restarts

export class Recovery {
  lost = false;
  #running = false;
  #patience = 0; // timer: from disconnected to the first restart
  #loss = 0; // timer: from the first restart to being lost

  constructor(
    private pc: RTCPeerConnection,
    private restart: () => Promise<void>,
    private changed: (lost: boolean) => void,
  ) {
    pc.addEventListener("connectionstatechange", () => this.#react());
  }

  get #over(): boolean {
    return ["connected", "closed"].includes(this.pc.connectionState);
  }

  #react(): void {
    const state = this.pc.connectionState;
    if (state !== "disconnected") window.clearTimeout(this.#patience);
    if (state === "connected") this.#set(false);
    else if (state === "failed") void this.#run();
    else if (state === "disconnected") {
      this.#patience = window.setTimeout(() => void this.#run(), DISCONNECTED_MS);
    }
  }

  #set(lost: boolean): void {
    window.clearTimeout(this.#loss);
    this.lost = lost;
    this.changed(lost);
  }

  async #run(): Promise<void> {
    if (this.#running || this.#over) return;
    this.#running = true;
    this.#loss = window.setTimeout(() => this.#over || this.#set(true), LOST_MS);
    for (let delay = AGAIN_FIRST_MS; !this.#over; delay = Math.min(delay * 2, AGAIN_MAX_MS)) {
      try {
        await this.restart();
      } catch (error) {
        note(`ICE restart: ${failureText(error)}`);
        if (isUnknownSession(error)) break;
      }
      await this.#connectedWithin(delay);
    }
    this.#running = false;
  }

  #connectedWithin(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        if (!this.#over && Date.now() < end) return;
        window.clearTimeout(timer);
        this.pc.removeEventListener("connectionstatechange", done);
        resolve();
      };
      const end = Date.now() + milliseconds;
      const timer = window.setTimeout(done, milliseconds + 1);
      this.pc.addEventListener("connectionstatechange", done);
    });
  }
}
