// SPDX-License-Identifier: Apache-2.0
//
// The stage: one tile per person with video, name, and a strip of figures; and the arithmetic that
// gives the tiles the largest size that fits.
import { icon, make, setText } from "./dom";
import type { Figures } from "./stats";

const GAP = 12;
const WIDEST = 16 / 9;
const NARROWEST = 4 / 3;
const LEAST_HEIGHT = 170; // below that the stage scrolls
const SPEAKING = 0.02; // audio level, 0 to 1

export interface TileView {
  name: string;
  self: boolean;
  video: MediaStreamTrack | null;
  audio: MediaStreamTrack | null;
  videoMuted: boolean;
  audioMuted: boolean;
}

const LABELS = ["Size", "Frames", "Rate", "Loss", "RTT"];

function rate(bitsPerSecond: number): string {
  if (bitsPerSecond >= 1e6) return `${(bitsPerSecond / 1e6).toFixed(1)} Mb/s`;
  return `${Math.round(bitsPerSecond / 1e3)} kb/s`;
}

function figuresText(f: Figures, video: boolean): string[] {
  const rtt = f.roundTripTime;
  return [
    video && f.width ? `${f.width}×${f.height}` : "–",
    video && f.width ? `${Math.round(f.framesPerSecond)} fps` : "–",
    rate(f.bitsPerSecond),
    `${(f.loss * 100).toFixed(1)} %`,
    rtt === null ? "–" : `${(rtt * 1000).toFixed(rtt < 0.01 ? 1 : 0)} ms`,
  ];
}

// Any text to one of 360 hues, the same one every time.
function hueOf(text: string): number {
  let hash = 0;
  for (const char of text) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) % 360;
  return hash;
}

export class Tile {
  readonly element = make("figure", "tile");
  #video = make("video");
  #avatar = make("div", "avatar");
  #name = make("span", "tile-name");
  #mic = make("span", "tile-mic", icon("mic-off"));
  #values = LABELS.map(() => make("dd"));
  #stream = new MediaStream();
  #hasVideo = false;
  #hasAudio = false;

  constructor(private blocked: () => void) {
    this.#video.autoplay = true;
    this.#video.playsInline = true;
    this.#mic.title = "Microphone muted";
    this.#avatar.setAttribute("aria-hidden", "true");
    const strip = make("dl", "strip");
    this.#values.forEach((value, i) =>
      strip.append(make("div", "", make("dt", "", LABELS[i] ?? ""), value)),
    );
    const caption = make("figcaption", "", this.#mic, this.#name);
    this.element.append(this.#avatar, this.#video, caption, strip);
    this.#video.srcObject = this.#stream;
  }

  show(view: TileView): void {
    const label = view.self ? `${view.name} (you)` : view.name;
    setText(this.#name, label);
    setText(this.#avatar, [...view.name][0]?.toUpperCase() ?? "?");
    this.#avatar.style.setProperty("--hue", String(hueOf(view.name)));
    this.element.setAttribute("aria-label", label);
    this.element.classList.toggle("self", view.self);
    this.#hasVideo = view.video !== null && !view.videoMuted;
    this.#hasAudio = !view.audioMuted;
    this.element.classList.toggle("no-video", !this.#hasVideo);
    this.#mic.hidden = !view.audioMuted;
    this.#video.muted = view.self;
    this.#setTracks([view.video, view.self ? null : view.audio]);
  }

  #setTracks(wanted: (MediaStreamTrack | null)[]): void {
    for (const track of this.#stream.getTracks()) {
      if (!wanted.includes(track)) this.#stream.removeTrack(track);
    }
    const have = this.#stream.getTracks();
    for (const track of wanted) {
      if (track && !have.includes(track)) this.#stream.addTrack(track);
    }
    if (this.#stream.getTracks().length && this.#video.paused) this.play();
  }

  play(): void {
    this.#video.play().catch((error: unknown) => {
      if (error instanceof DOMException && error.name === "NotAllowedError") this.blocked();
    });
  }

  showFigures(figures: Figures): void {
    figuresText(figures, this.#hasVideo).forEach((text, i) => {
      const value = this.#values[i];
      if (value) setText(value, text);
    });
    this.element.classList.toggle("speaking", this.#hasAudio && figures.audioLevel > SPEAKING);
    this.element.classList.toggle("lossy", figures.loss > 0.02);
    this.element.classList.toggle("stalled", this.#hasVideo && figures.stalled);
  }

  remove(): void {
    this.#video.srcObject = null;
    this.element.remove();
  }
}

interface Size {
  width: number;
  height: number;
}

// The largest equal tiles, no wider than 16:9 and no narrower than 4:3, that fit `count` times.
export function tileSize(stage: Size, count: number): Size {
  let best: Size = { width: 0, height: 0 };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const cellWidth = (stage.width - GAP * (columns - 1)) / columns;
    const cellHeight = (stage.height - GAP * (rows - 1)) / rows;
    const width = Math.min(cellWidth, cellHeight * WIDEST);
    const height = Math.min(cellHeight, width / NARROWEST);
    if (width * height > best.width * best.height) best = { width, height };
  }
  if (best.height >= LEAST_HEIGHT) return best;
  const columns = stage.width < 480 ? 1 : 2;
  const width = (stage.width - GAP * (columns - 1)) / columns;
  return { width, height: Math.max(LEAST_HEIGHT, width / WIDEST) };
}

export class Stage {
  #tiles = new Map<string, Tile>();

  constructor(
    private element: HTMLElement,
    private blocked: () => void,
  ) {
    new ResizeObserver(() => this.#layout()).observe(element);
  }

  // Makes the stage show exactly these people, in this order.
  show(views: Map<string, TileView>): void {
    for (const [key, tile] of this.#tiles) {
      if (views.has(key)) continue;
      tile.remove();
      this.#tiles.delete(key);
    }
    for (const [key, view] of views) {
      let tile = this.#tiles.get(key);
      if (!tile) {
        tile = new Tile(this.blocked);
        this.#tiles.set(key, tile);
        this.element.append(tile.element);
      }
      tile.show(view);
    }
    this.#layout();
  }

  showFigures(key: string, figures: Figures): void {
    this.#tiles.get(key)?.showFigures(figures);
  }

  // After a press of a button the browser lets every tile sound.
  play(): void {
    for (const tile of this.#tiles.values()) tile.play();
  }

  #layout(): void {
    const style = getComputedStyle(this.element);
    const inner = {
      width: this.element.clientWidth - 2 * parseFloat(style.paddingLeft || "0"),
      height: this.element.clientHeight - 2 * parseFloat(style.paddingTop || "0"),
    };
    if (inner.width <= 0 || !this.#tiles.size) return;
    const size = tileSize(inner, this.#tiles.size);
    this.element.style.setProperty("--tile-width", `${Math.floor(size.width)}px`);
    this.element.style.setProperty("--tile-height", `${Math.floor(size.height)}px`);
  }
}
