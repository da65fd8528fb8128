// SPDX-License-Identifier: Apache-2.0
//
// What of the camera is sent how often: simulcast (RFC 8853, several encodings) or SVC (one encoding
// in layers). The SFU takes the encodings in this order, the smallest first.
import type { Params } from "./params";

interface Layer {
  rid: string;
  scaleResolutionDownBy: number;
  maxBitrate: number; // bit/s
}

const LAYERS: Layer[] = [
  { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 150_000 },
  { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 500_000 },
  { rid: "f", scaleResolutionDownBy: 1, maxBitrate: 2_000_000 },
];

// Below that a browser leaves out the smaller encodings by itself.
const SIMULCAST_WIDTH = 960;

// Without a scalabilityMode, several encodings of these mean SVC to Chromium.
const NAMED_MODE = ["VP9", "AV1"];

// `track`: what is to be sent; null while the camera is off.
export function cameraEncodings(
  params: Params,
  track: MediaStreamTrack | null,
): RTCRtpEncodingParameters[] {
  if (params.svc) return [{ scalabilityMode: params.svc } as RTCRtpEncodingParameters];
  const width = track?.getSettings().width ?? params.video?.width ?? 0;
  const count = params.simulcast ?? (width >= SIMULCAST_WIDTH ? LAYERS.length : 1);
  if (count === 1) return [];
  const mode = NAMED_MODE.includes(params.codec) ? { scalabilityMode: "L1T3" } : {};
  return LAYERS.slice(-count).map((layer) => ({ ...layer, ...mode }));
}
