// SPDX-License-Identifier: Apache-2.0
// controlplane/session/sdp/codec.c - what names a codec and what makes two the same, see codec.h.
//
// Place    below description.c, negotiate.c and offer.c.
// Thread   any; pure functions.
// Owns     nothing.
// Spec     RFC 6184 8.1 table 5 (H.264 profiles), RFC 9628 7.1 (profile-id), AV1 RTP 7.2.1.
#include "controlplane/session/sdp/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FMTP_VALUE_SIZE = 64 };

static const struct {
	const char *name;
	const char *mime;
	enum sdp_kind kind;
	uint32_t clock_rate;
	unsigned channels;
} served[CODEC_COUNT] = {
	[CODEC_NONE] = {"", "", SDP_OTHER, 0, 0},
	[CODEC_OPUS] = {"opus", "audio/opus", SDP_AUDIO, 48000, 2},
	[CODEC_VP8] = {"VP8", "video/VP8", SDP_VIDEO, 90000, 1},
	[CODEC_VP9] = {"VP9", "video/VP9", SDP_VIDEO, 90000, 1},
	[CODEC_H264] = {"H264", "video/H264", SDP_VIDEO, 90000, 1},
	[CODEC_AV1] = {"AV1", "video/AV1", SDP_VIDEO, 90000, 1},
	[CODEC_RED] = {"red", "audio/red", SDP_AUDIO, 48000, 2},
};

void sdp_codec_serve(struct sdp_codec *codec, enum sdp_kind kind)
{
	codec->feedback &= kind == SDP_VIDEO ? SDP_FEEDBACK_SERVED : SDP_FEEDBACK_AUDIO;
	if ((codec->feedback & SDP_FEEDBACK_NACK) == 0)
		codec->rtx = 0;
}

const char *sdp_codec_name(enum codec codec)
{
	return served[codec].name;
}

const char *sdp_codec_mime(enum codec codec)
{
	return served[codec].mime;
}

enum sdp_kind sdp_codec_kind(enum codec codec)
{
	return served[codec].kind;
}

enum codec sdp_codec_find(enum sdp_kind kind, const char *name, uint32_t clock_rate,
			  unsigned channels)
{
	for (unsigned c = CODEC_NONE + 1; c < CODEC_COUNT; c++) {
		if (served[c].kind == kind && strcasecmp(served[c].name, name) == 0 &&
		    served[c].clock_rate == clock_rate && served[c].channels == channels)
			return (enum codec)c;
	}
	return CODEC_NONE;
}

bool sdp_fmtp_get(const char *fmtp, const char *key, char *out, unsigned out_size)
{
	size_t key_len = strlen(key);

	out[0] = '\0';
	while (*fmtp != '\0') {
		size_t len;

		fmtp += strspn(fmtp, "; \t");
		len = strcspn(fmtp, "; \t");
		if (len > key_len && fmtp[key_len] == '=' && strncasecmp(fmtp, key, key_len) == 0) {
			snprintf(out, out_size, "%.*s", (int)(len - key_len - 1),
				 fmtp + key_len + 1);
			return true;
		}
		fmtp += len;
	}
	return false;
}

uint8_t sdp_red_carries(const struct sdp_codec *red)
{
	const char *at = red->fmtp;
	char *end;
	unsigned long pt = strtoul(at, &end, 10);

	if (end == at || pt > SDP_PT_MAX || *end == '\0')
		return SDP_PT_NONE;
	while (*end == '/') {
		at = end + 1;
		if (strtoul(at, &end, 10) != pt || end == at)
			return SDP_PT_NONE;
	}
	return *end == '\0' ? (uint8_t)pt : SDP_PT_NONE;
}

const struct sdp_codec *sdp_red_codec(const struct sdp_codec *red, const struct sdp_codec *codecs,
				      size_t count)
{
	uint8_t pt = sdp_red_carries(red);

	for (size_t i = 0; i < count; i++)
		if (codecs[i].pt == pt && codecs[i].codec == CODEC_OPUS)
			return &codecs[i];
	return NULL;
}

static long fmtp_number(const struct sdp_codec *c, const char *key, long if_absent)
{
	char value[FMTP_VALUE_SIZE];

	return sdp_fmtp_get(c->fmtp, key, value, sizeof(value)) ? strtol(value, NULL, 10)
								: if_absent;
}

// The profiles of RFC 6184 table 5: profile_idc, which bits of profile-iop count and their values.
// The same profile can be written with several profile_idc.
static const struct {
	uint8_t idc;
	uint8_t mask;
	uint8_t bits;
	char profile; // any letter, one per profile
} h264_profiles[] = {
	{0x42, 0x4f, 0x40, 'c'}, // constrained baseline
	{0x4d, 0x8f, 0x80, 'c'}, {0x58, 0xcf, 0xc0, 'c'}, {0x42, 0x4f, 0x00, 'b'}, // baseline
	{0x58, 0xcf, 0x80, 'b'}, {0x4d, 0xaf, 0x00, 'm'}, // main
	{0x58, 0xcf, 0x00, 'e'}, // extended
	{0x64, 0xff, 0x00, 'h'}, // high
	{0x64, 0xff, 0x0c, 'H'}, // constrained high
	{0x6e, 0xff, 0x00, '1'}, // high 10
	{0x6e, 0xff, 0x10, 'i'}, // high 10 intra
	{0x7a, 0xff, 0x00, '2'}, // high 4:2:2
	{0x7a, 0xff, 0x10, 'j'}, // high 4:2:2 intra
	{0xf4, 0xff, 0x00, '4'}, // high 4:4:4
	{0xf4, 0xff, 0x10, 'k'}, // high 4:4:4 intra
	{0x2c, 0xff, 0x10, 'l'}, // CAVLC 4:4:4 intra
};

// A number that is the same for the same profile. Without profile-level-id it is baseline (RFC 6184
// 8.1); what the table does not know is the same only as itself.
static long h264_profile(const struct sdp_codec *c)
{
	char value[FMTP_VALUE_SIZE];
	char *end;
	unsigned long id;

	if (!sdp_fmtp_get(c->fmtp, "profile-level-id", value, sizeof(value)))
		return 'b';
	id = strtoul(value, &end, 16);
	if (*end != '\0' || strlen(value) != 6)
		return -1;
	for (size_t i = 0; i < sizeof(h264_profiles) / sizeof(h264_profiles[0]); i++) {
		if (h264_profiles[i].idc == id >> 16 &&
		    (id >> 8 & h264_profiles[i].mask) == h264_profiles[i].bits)
			return h264_profiles[i].profile;
	}
	return (long)(id & 0xffff00);
}

bool sdp_codec_equal(const struct sdp_codec *a, const struct sdp_codec *b)
{
	if (a->codec == CODEC_NONE || a->codec != b->codec || a->clock_rate != b->clock_rate ||
	    a->channels != b->channels)
		return false;
	if (a->codec == CODEC_H264)
		return h264_profile(a) == h264_profile(b) &&
		       fmtp_number(a, "packetization-mode", 0) ==
			       fmtp_number(b, "packetization-mode", 0);
	if (a->codec == CODEC_VP9)
		return fmtp_number(a, "profile-id", 0) == fmtp_number(b, "profile-id", 0);
	if (a->codec == CODEC_AV1)
		return fmtp_number(a, "profile", 0) == fmtp_number(b, "profile", 0) &&
		       fmtp_number(a, "tier", 0) == fmtp_number(b, "tier", 0);
	return true;
}

bool sdp_codec_same(const struct sdp_codec *a, const struct sdp_codec *b)
{
	return sdp_codec_equal(a, b) && strcmp(a->fmtp, b->fmtp) == 0;
}
