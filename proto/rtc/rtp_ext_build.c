// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/rtp_ext_build.c - writing a consumer's extension block (RFC 8285). Contract in
// rtp_ext.h.
#include "proto/rtc/rtp_ext.h"

#include "proto/rtc/bytes.h"

#include <assert.h>

enum {
	PROFILE_ONE_BYTE = 0xbede,
	PROFILE_TWO_BYTE = 0x1000,
	ONE_BYTE_ID_MAX = 14,
	ONE_BYTE_VALUE_MAX = 16,
};

// What one block is going to carry, before its form is known.
struct plan {
	const uint8_t *data[RTP_EXT_COUNT]; // NULL: not written
	uint8_t size[RTP_EXT_COUNT];
	bool two_byte;
};

static_assert(RTP_EXT_MID == 0, "the others are counted from 1");

static const enum rtp_ext_kind copied[] = {
	RTP_EXT_AUDIO_LEVEL,	  RTP_EXT_VIDEO_ORIENTATION,	 RTP_EXT_PLAYOUT_DELAY,
	RTP_EXT_ABS_CAPTURE_TIME, RTP_EXT_DEPENDENCY_DESCRIPTOR,
};

static void plan_value(struct plan *p, const struct rtp_ext_map *consumer, enum rtp_ext_kind kind,
		       const uint8_t *data, uint8_t size)
{
	if (consumer->id[kind] == 0 || data == NULL || size == 0)
		return;
	p->data[kind] = data;
	p->size[kind] = size;
}

// An id above 14 was only negotiated for the two-byte form. A long value alone may switch to it
// only where the peer said that forms may change from packet to packet (RFC 8285 4.1.2).
static uint16_t plan_form(struct plan *p, const struct rtp_ext_map *consumer)
{
	uint16_t left_out = 0;
	for (unsigned kind = 0; kind < RTP_EXT_COUNT; kind++)
		if (consumer->id[kind] > ONE_BYTE_ID_MAX ||
		    (p->size[kind] > ONE_BYTE_VALUE_MAX && consumer->allow_mixed == 1))
			p->two_byte = true;
	for (unsigned kind = 0; kind < RTP_EXT_COUNT && !p->two_byte; kind++) {
		if (p->size[kind] <= ONE_BYTE_VALUE_MAX)
			continue;
		p->data[kind] = NULL;
		p->size[kind] = 0;
		left_out++;
	}
	return left_out;
}

// Returns the offset of the value.
static uint16_t put_value(struct bytes_writer *w, const struct plan *p, unsigned kind, uint8_t id)
{
	if (p->two_byte) {
		bytes_put_u8(w, id);
		bytes_put_u8(w, p->size[kind]);
	} else {
		bytes_put_u8(w, (uint8_t)(id << 4 | (p->size[kind] - 1)));
	}
	uint16_t offset = (uint16_t)w->size;
	bytes_put(w, p->data[kind], p->size[kind]);
	return offset;
}

static bool put_block(struct rtp_ext_built *built, struct bytes_writer *w, const struct plan *p,
		      const struct rtp_ext_map *consumer)
{
	uint8_t *head = bytes_writer_reserve(w, RTP_EXT_HEADER_BYTES);
	// The mid comes last: whoever writes another into a copy may write zeros behind it.
	for (unsigned i = 1; i <= RTP_EXT_COUNT; i++) {
		unsigned kind = i < RTP_EXT_COUNT ? i : RTP_EXT_MID;
		if (p->data[kind] == NULL)
			continue;
		uint16_t offset = put_value(w, p, kind, consumer->id[kind]);
		if (kind == RTP_EXT_MID)
			built->mid_offset = offset;
		if (kind == RTP_EXT_ABS_SEND_TIME)
			built->abs_send_time_offset = offset;
		if (kind == RTP_EXT_TRANSPORT_WIDE_CC)
			built->twcc_offset = offset;
		if (kind == RTP_EXT_DEPENDENCY_DESCRIPTOR)
			built->dd_offset = offset;
	}
	if (!w->overflow && w->size == RTP_EXT_HEADER_BYTES)
		return true; // nothing to say
	bytes_put_zero(w, (4 - w->size % 4) % 4);
	if (w->overflow)
		return false;
	bytes_store_be16(head, p->two_byte ? PROFILE_TWO_BYTE : PROFILE_ONE_BYTE);
	bytes_store_be16(head + 2, (uint16_t)((w->size - RTP_EXT_HEADER_BYTES) / 4));
	built->size = (uint16_t)w->size;
	return true;
}

bool rtp_ext_build(struct rtp_ext_built *built, uint8_t *buf, size_t room,
		   const struct rtp_ext_set *in, const struct rtp_ext_map *consumer,
		   const struct rtp_ext_own *own)
{
	uint8_t abs_send_time[3];
	uint8_t twcc[2];
	struct plan p = {0};
	struct bytes_writer w;

	assert(own->mid_size <= RTP_EXT_MID_BYTES_MAX);
	*built = (struct rtp_ext_built){0};
	bytes_store_be24(abs_send_time, own->abs_send_time & 0xffffff);
	bytes_store_be16(twcc, own->twcc_seq);
	plan_value(&p, consumer, RTP_EXT_MID, (const uint8_t *)own->mid, own->mid_size);
	plan_value(&p, consumer, RTP_EXT_ABS_SEND_TIME, abs_send_time, sizeof(abs_send_time));
	plan_value(&p, consumer, RTP_EXT_TRANSPORT_WIDE_CC, twcc, sizeof(twcc));
	for (size_t i = 0; i < sizeof(copied) / sizeof(copied[0]); i++)
		plan_value(&p, consumer, copied[i], in->data[copied[i]], in->size[copied[i]]);
	built->left_out = plan_form(&p, consumer);
	bytes_writer_init(&w, buf, room);
	return put_block(built, &w, &p, consumer);
}
