// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/codec.h - does this RTP payload begin a keyframe?
//
// Place   ingress, per received video packet, for the keyframe gate and for switching.
// Spec    RFC 7741 4.2-4.3 (VP8), RFC 9628 4.2 (VP9), RFC 6184 5 (H.264), AV1 RTP 4.4 (AV1).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The numbers are shared with proto/shm.
enum codec {
	CODEC_NONE = 0,
	CODEC_OPUS,
	CODEC_VP8,
	CODEC_VP9,
	CODEC_H264,
	CODEC_AV1,
	CODEC_RED, // RFC 2198
	CODEC_COUNT,
};

// True if a decoder can start with this packet: the first of a keyframe's packets (H.264: with its
// parameter sets or its first slice). Audio always can. Malformed payloads never can.
bool codec_keyframe_starts(enum codec codec, const uint8_t *payload, size_t size);
