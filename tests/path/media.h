// SPDX-License-Identifier: Apache-2.0
//
// tests/path/media.h - RTP written and read by hand, for tests around a room.
#pragma once

#include "proto/rtc/bytes.h"
#include "tests/path/room.h"

#include <string.h>

enum { MEDIA_EXT_BYTES = 16, MEDIA_HEADER_BYTES = 12 + MEDIA_EXT_BYTES };

struct media {
	uint32_t ssrc;
	uint16_t seq;
	uint32_t ts;
	uint8_t pt;
	bool marker;
	uint16_t twcc;
	uint8_t level; // audio level
	const uint8_t *payload;
	size_t size;
};

// A packet as a publisher sends it: audio level (1), transport-wide number (3), abs-send-time (2),
// MID (9), and an extension nobody knows (12).
static inline size_t media_write(uint8_t *out, const struct media *m)
{
	static const uint8_t ext[MEDIA_EXT_BYTES] = {0xbe, 0xde, 0,    3,    0x10, 0,	0x31, 0, 0,
						     0x22, 0xaa, 0xbb, 0xcc, 0x90, '0', 0xc0};

	out[0] = 0x90;
	out[1] = (uint8_t)(m->pt | (m->marker ? 0x80 : 0));
	bytes_store_be16(out + 2, m->seq);
	bytes_store_be32(out + 4, m->ts);
	bytes_store_be32(out + 8, m->ssrc);
	memcpy(out + 12, ext, sizeof(ext));
	out[12 + 5] = m->level;
	bytes_store_be16(out + 12 + 7, m->twcc);
	memcpy(out + MEDIA_HEADER_BYTES, m->payload, m->size);
	return MEDIA_HEADER_BYTES + m->size;
}

// A packet of audio: 'size' bytes, up to 100, of its number's lower half.
static inline size_t media_write_audio(uint8_t *out, uint32_t ssrc, uint16_t seq, size_t size)
{
	uint8_t payload[100];
	const struct media m = {
		.ssrc = ssrc,
		.seq = seq,
		.ts = 960u * seq,
		.pt = ROOM_AUDIO_PT,
		.payload = payload,
		.size = size,
	};

	memset(payload, seq & 0xff, sizeof(payload));
	return media_write(out, &m);
}

// The descriptor and first byte of a packet of VP8 with a picture id of 15 bits (RFC
// 7741 4.2, 4.3).
enum { MEDIA_VP8_BYTES = 5 };
static inline void media_write_vp8(uint8_t out[MEDIA_VP8_BYTES], unsigned picture, bool starts,
				   bool key)
{
	out[0] = starts ? 0x90 : 0x80;
	out[1] = 0x80;
	out[2] = (uint8_t)(0x80 | (picture >> 8 & 0x7f));
	out[3] = (uint8_t)picture;
	out[4] = !key;
}

// What a test looks at in a packet to a consumer. One-byte extensions alone.
struct media_read {
	struct media m;
	char mid[8];
	uint8_t ids; // how many extension elements there are
	bool has_level;
	bool has_twcc;
	bool has_abs_send_time;
	uint32_t abs_send_time;
};

static inline void media_read_ext(struct media_read *r, const uint8_t *at, const uint8_t *end)
{
	while (at < end) {
		uint8_t id = at[0] >> 4;
		size_t size = (at[0] & 0xf) + 1u;
		if (id == 0) {
			at++;
			continue;
		}
		r->ids++;
		at++;
		if (id == 4)
			memcpy(r->mid, at, size < sizeof(r->mid) ? size : sizeof(r->mid) - 1);
		if (id == 5 && size == 2) {
			r->has_twcc = true;
			r->m.twcc = bytes_be16(at);
		}
		if (id == 6 && size == 3) {
			r->has_abs_send_time = true;
			r->abs_send_time = bytes_be24(at);
		}
		if (id == 7 && size == 1) {
			r->has_level = true;
			r->m.level = at[0];
		}
		at += size;
	}
}

static inline struct media_read media_read(const struct room_packet *p)
{
	struct media_read r = {0};
	const uint8_t *at = p->bytes + 12;

	r.m.pt = p->bytes[1] & 0x7f;
	r.m.marker = p->bytes[1] >> 7;
	r.m.seq = bytes_be16(p->bytes + 2);
	r.m.ts = bytes_be32(p->bytes + 4);
	r.m.ssrc = bytes_be32(p->bytes + 8);
	if ((p->bytes[0] & 0x10) != 0) {
		size_t size = 4u * bytes_be16(at + 2);
		media_read_ext(&r, at + 4, at + 4 + size);
		at += 4 + size;
	}
	r.m.payload = at;
	r.m.size = (size_t)(p->bytes + p->size - at);
	return r;
}
