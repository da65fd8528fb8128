// SPDX-License-Identifier: Apache-2.0
// controlplane/session/sdp/codec.h - a payload type with its parameters, and when two are the same.
//
// Place    the currency of description.h (what the peer said), negotiate.h and offer.h (what we
// say). Thread   any; pure functions on plain structs. Owns     nothing. Spec     RFC 7587 (Opus),
// RFC 7741 (VP8), RFC 9628 7 (VP9), RFC 6184 8.1 (H.264), AV1 RTP 7.2, RFC 2198 (RED).
#pragma once

#include "proto/rtc/codec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sdp_codec_limits {
	SDP_CODEC_NAME_LEN_MAX = 31,
	SDP_FMTP_LEN_MAX = 511,
	SDP_PT_MAX = 127,
	SDP_PT_NONE = 255,
};

enum sdp_kind {
	SDP_AUDIO,
	SDP_VIDEO,
	SDP_APPLICATION, // a data channel
	SDP_OTHER,
};

// Feedback a payload type was offered with. Only SDP_FEEDBACK_SERVED ever leaves us.
enum sdp_feedback {
	SDP_FEEDBACK_PLI = 1 << 0, // nack pli; all as SHM_FEEDBACK_*
	SDP_FEEDBACK_FIR = 1 << 1, // ccm fir
	SDP_FEEDBACK_TWCC = 1 << 2, // transport-cc
	SDP_FEEDBACK_NACK = 1 << 3, // plain nack
	SDP_FEEDBACK_REMB = 1 << 4, // goog-remb
	SDP_FEEDBACK_SERVED =
		SDP_FEEDBACK_PLI | SDP_FEEDBACK_FIR | SDP_FEEDBACK_TWCC | SDP_FEEDBACK_NACK,
	// Of audio: lost packets of it are not asked for again.
	SDP_FEEDBACK_AUDIO = SDP_FEEDBACK_TWCC,
};

struct sdp_codec {
	enum codec codec; // CODEC_NONE: none that we serve; 'name' still says which
	uint32_t clock_rate; // Hz
	uint8_t pt; // 0..127
	uint8_t channels; // 1 where the rtpmap says nothing
	uint8_t feedback; // enum sdp_feedback
	uint8_t apt; // rtx only: the payload type it repairs; else SDP_PT_NONE
	uint8_t rtx; // the payload type that repairs this one (RFC 4588); 0: none
	char name[SDP_CODEC_NAME_LEN_MAX + 1]; // as written in the rtpmap
	char fmtp[SDP_FMTP_LEN_MAX + 1]; // as written; empty without a=fmtp
};

// What of an offered payload type is served: keeps RTX and feedback that we act on.
void sdp_codec_serve(struct sdp_codec *codec, enum sdp_kind kind);

// "VP8" and "video/VP8"; "" for CODEC_NONE.
const char *sdp_codec_name(enum codec codec);
const char *sdp_codec_mime(enum codec codec);
enum sdp_kind sdp_codec_kind(enum codec codec);

// Which codec an rtpmap means: name in either case, clock rate and channels have to be right.
enum codec sdp_codec_find(enum sdp_kind kind, const char *name, uint32_t clock_rate,
			  unsigned channels);

// Copies the value of one fmtp parameter (key in either case) into 'out', cut to fit. False,
// with out[0] = 0, if the parameter is not there.
bool sdp_fmtp_get(const char *fmtp, const char *key, char *out, unsigned out_size);

// RFC 2198 5: "111/111", the payload type of all blocks. SDP_PT_NONE: different ones, or no list.
uint8_t sdp_red_carries(const struct sdp_codec *red);
// That codec, if it is Opus; else NULL, and the RED is none that we serve.
const struct sdp_codec *sdp_red_codec(const struct sdp_codec *red, const struct sdp_codec *codecs,
				      size_t count);

// True if a stream of one can be taken for the other: same codec, clock and channels, and H.264
// the same profile and packetization-mode, VP9 the same profile-id, AV1 the same profile and tier.
// The level may differ. False for CODEC_NONE.
bool sdp_codec_equal(const struct sdp_codec *a, const struct sdp_codec *b);

// True if one payload type may stand for both within one BUNDLE: equal, and the same fmtp text.
bool sdp_codec_same(const struct sdp_codec *a, const struct sdp_codec *b);
