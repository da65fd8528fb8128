// SPDX-License-Identifier: Apache-2.0
//
// Before the room: a look at oneself, name, room, and whether to enter muted.
import { byId, setText, setToggle } from "./dom";
import { openDevices } from "./devices";
import type { Devices } from "./devices";
import type { Params } from "./params";
import { ID_PATTERN } from "./params";
import type { Muted } from "./publish";

export interface Entry {
  name: string;
  room: string;
  devices: Devices;
  muted: Muted;
}

const NAME_KEY = "sluice.name";

function recall(key: string): string {
  try {
    return localStorage.getItem(key) ?? "";
  } catch {
    return ""; // storage may be forbidden
  }
}

function remember(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // storage may be forbidden
  }
}

// A room nobody else is likely to be in, short enough to be read out.
function freshRoom(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(6));
  const text = [...bytes].map((byte) => "abcdefghjkmnpqrstuvwxyz23456789"[byte % 31]).join("");
  return `${text.slice(0, 3)}-${text.slice(3)}`;
}

export class Lobby {
  #form = byId<HTMLFormElement>("join-form");
  #name = byId<HTMLInputElement>("name");
  #room = byId<HTMLInputElement>("room");
  #preview = byId<HTMLVideoElement>("preview");
  #note = byId("preview-note");
  #devices: Promise<Devices> | null = null;
  #opened: Devices | null = null;
  #muted: Muted = { audio: false, video: false };

  constructor(
    private params: Params,
    private enter: (entry: Entry) => Promise<void>,
  ) {
    this.#name.value = params.name || recall(NAME_KEY);
    this.#room.value = params.room || freshRoom();
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.submit();
    });
    byId("lobby-mic").addEventListener("click", () => {
      this.#muted.audio = !this.#muted.audio;
      this.#render();
    });
    byId("lobby-cam").addEventListener("click", () => {
      this.#muted.video = !this.#muted.video;
      this.#render();
    });
    this.#render();
  }

  // Opens the devices; a second call has them already.
  async open(): Promise<Devices> {
    this.#devices ??= openDevices(this.params);
    this.#opened = await this.#devices;
    const { video } = this.#opened;
    this.#preview.srcObject = video ? new MediaStream([video]) : null;
    this.#render();
    return this.#opened;
  }

  // The devices belong to somebody else now; the next open() asks again.
  forget(): void {
    this.#devices = null;
    this.#opened = null;
    this.#preview.srcObject = null;
  }

  #render(): void {
    const { audio, video } = this.#muted;
    const off = video || (this.#opened !== null && !this.#opened.video);
    byId("lobby").classList.toggle("camera-off", off);
    const note = video ? "Your camera is off" : this.#opened?.problem;
    setText(this.#note, note ?? "Looking for your camera…");
    this.#note.hidden = Boolean(this.#opened?.video) && !off && !this.#opened?.problem;
    const mic = `Turn microphone ${audio ? "on" : "off"}`;
    setToggle(byId("lobby-mic"), audio, audio ? "mic-off" : "mic", mic);
    const cam = `Turn camera ${video ? "on" : "off"}`;
    setToggle(byId("lobby-cam"), video, video ? "cam-off" : "cam", cam);
  }

  async submit(): Promise<void> {
    const name = this.#name.value.trim();
    const room = this.#room.value.trim();
    if (!name) return this.fail("Say who you are.");
    if (!ID_PATTERN.test(room)) {
      return this.fail("A room's name is 1 to 64 letters, digits, - or _.");
    }
    remember(NAME_KEY, name);
    this.#busy(true);
    this.fail("");
    try {
      await this.enter({ name, room, muted: { ...this.#muted }, devices: await this.open() });
    } finally {
      this.#busy(false);
    }
  }

  #busy(busy: boolean): void {
    const button = byId<HTMLButtonElement>("join");
    button.disabled = busy;
    setText(button, busy ? "Joining…" : "Join");
  }

  fail(text: string): void {
    setText(byId("problem"), text);
  }
}
