// SPDX-License-Identifier: Apache-2.0
//
// Microphone and camera. What cannot be had is left out and said in words; nobody is kept from a
// room for want of a camera.
import type { Params } from "./params";

export interface Devices {
  audio: MediaStreamTrack | null;
  video: MediaStreamTrack | null;
  problem: string; // for people; empty when everything asked for is there
}

const REASONS: Record<string, string> = {
  NotAllowedError: "the browser was not allowed to use it",
  NotFoundError: "none was found",
  NotReadableError: "another program is using it",
  OverconstrainedError: "it cannot do the size that was asked for",
};

async function one(kind: "audio" | "video", constraints: MediaTrackConstraints | true) {
  const stream = await navigator.mediaDevices.getUserMedia({ [kind]: constraints });
  return stream.getTracks()[0] ?? null;
}

function constraintsOf(video: NonNullable<Params["video"]>): MediaTrackConstraints {
  return {
    width: { ideal: video.width },
    height: { ideal: video.height },
    frameRate: { ideal: video.frameRate, max: video.frameRate },
  };
}

export function openCamera(params: Params): Promise<MediaStreamTrack | null> {
  return params.video ? one("video", constraintsOf(params.video)) : Promise.resolve(null);
}

export async function openDevices(params: Params): Promise<Devices> {
  const devices: Devices = { audio: null, video: null, problem: "" };
  if (!navigator.mediaDevices) {
    devices.problem = "Browsers give microphone and camera to pages served by https only.";
    return devices;
  }
  const problems: string[] = [];
  const attempt = async (label: string, open: () => Promise<MediaStreamTrack | null>) => {
    try {
      return await open();
    } catch (error) {
      const name = error instanceof Error ? error.name : "";
      problems.push(`No ${label}: ${REASONS[name] ?? String(error)}.`);
      return null;
    }
  };
  // One after the other: a browser shows one question at a time.
  if (params.audio) devices.audio = await attempt("microphone", () => one("audio", true));
  if (params.video) devices.video = await attempt("camera", () => openCamera(params));
  devices.problem = problems.join(" ");
  return devices;
}

export function closeDevices(devices: Devices): void {
  devices.audio?.stop();
  devices.video?.stop();
}
