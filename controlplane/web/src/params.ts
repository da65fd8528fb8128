// SPDX-License-Identifier: Apache-2.0
//
// What the page's URL may say. Everything is optional; a value that makes no sense is ignored.
//
//   room=ID       the room to enter
//   name=TEXT     the name others see
//   autojoin=1    enter without asking
//   video=WxH@F   what the camera is asked for; video=0 sends none
//   audio=0       sends no audio
//   red=1         sends audio with redundancy (RFC 2198)
//   codec=VP8     preferred video codec: VP8, VP9, H264 or AV1
//   simulcast=N   so many encodings of the camera, 1 to 3; without it 3 from 960×540 on, else 1
//   svc=L3T3_KEY  one encoding in layers (W3C scalabilityMode) instead; VP9 and AV1 have spatial ones

// and its fragment, which no server sees:
//
//   #token=JWT    the bearer token to call with

export interface Params {
  room: string;
  name: string;
  autojoin: boolean;
  audio: boolean;
  red: boolean; // redundant audio
  video: { width: number; height: number; frameRate: number } | null;
  codec: string;
  simulcast: number | null; // encodings; null: by the camera's size
  svc: string; // scalabilityMode; empty: not asked for
}

// The form of every resource id (room.proto).
export const ID_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;

const DEFAULT_VIDEO = { width: 1280, height: 720, frameRate: 30 };

function videoOf(text: string | null): Params["video"] {
  if (text === "0") return null;
  const match = /^(\d{2,4})x(\d{2,4})(?:@(\d{1,3}))?$/.exec(text ?? "");
  if (!match) return { ...DEFAULT_VIDEO };
  return {
    width: Number(match[1]),
    height: Number(match[2]),
    frameRate: match[3] ? Number(match[3]) : DEFAULT_VIDEO.frameRate,
  };
}

// The token leaves the address bar, so that it is not copied along with the address. Kept for a
// reload of this tab alone.
export function takeToken(): string {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem("token", given);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return sessionStorage.getItem("token") ?? "";
}

function simulcastOf(text: string | null): number | null {
  return /^[123]$/.test(text ?? "") ? Number(text) : null;
}

export function readParams(search: string): Params {
  const query = new URLSearchParams(search);
  const room = query.get("room") ?? "";
  return {
    room: ID_PATTERN.test(room) ? room : "",
    name: (query.get("name") ?? "").trim(),
    autojoin: query.get("autojoin") === "1",
    audio: query.get("audio") !== "0",
    red: query.get("red") === "1",
    video: videoOf(query.get("video")),
    codec: (query.get("codec") ?? "").toUpperCase(),
    simulcast: simulcastOf(query.get("simulcast")),
    svc: /^[LS][1-3]T[1-3](h|_KEY|_KEY_SHIFT)?$/.exec(query.get("svc") ?? "")?.[0] ?? "",
  };
}
