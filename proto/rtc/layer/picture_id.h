// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/layer/picture_id.h - picture ids, TL0PICIDX and frame numbers of one consumer stay in
// one piece while its source is switched or thinned out.
//
// Place   forward stage, per consumer of a track with layers.
// Thread  the owner of the consumer's transport.
// Owns    nothing; plain integers.
//
// A picture keeps its distance to its neighbours: VP9 and the Dependency Descriptor tell references
// by distance. Where distances mean nothing (VP8, whose receivers take a gap for a loss), a picture
// left out on purpose leaves none. Over a switch of source the first picture follows the newest.
// Spec    RFC 7741 4.2, RFC 9628 4.2, AV1 RTP A.8.2 (frame_number).
#pragma once

#include "proto/rtc/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PICTURE_ID_WINDOW = 64 }; // pictures behind the newest that still map

// Wire form, VP8 and VP9 alike: 7 bits, or 15 if the top bit is set. Returns its bytes, 1 or 2; 0
// if it does not fit.
size_t picture_id_read(const uint8_t *at, size_t left, uint16_t *id);
static inline void picture_id_write(uint8_t *at, bool is_15_bits, uint16_t id)
{
	if (is_15_bits)
		bytes_store_be16(at, 0x8000 | id);
	else
		at[0] = (uint8_t)(id & 0x7f);
}

struct picture_ids {
	uint64_t left_out; // bit i: picture newest - i was left out and later ones moved up
	uint16_t newest; // newest id of the source, sent or left out
	uint16_t out; // id given to it, or to the newest one sent before it
	uint16_t mask; // of the source's id space: 0x7f, 0x7fff or 0xffff
	uint8_t tl0_delta; // given out minus source's
	uint8_t tl0_newest; // newest given out
	bool started;
};

// The next picture comes from another source: it follows whatever was given out last.
void picture_ids_switch(struct picture_ids *p, uint16_t mask, uint16_t id, uint8_t tl0);

// The next picture will be 'id'; all before it went out as they were.
void picture_ids_join(struct picture_ids *p, uint16_t mask, uint16_t id, uint8_t tl0);

// The picture's id for the consumer. False if it was left out or is older than the window or the
// switch. 'tl0' is replaced by the consumer's.
bool picture_ids_map(struct picture_ids *p, uint16_t id, uint16_t *out, uint8_t *tl0);

// True for another packet of the newest picture, or of the one behind it. There is a newest one.
static inline bool picture_ids_is_next(const struct picture_ids *p, uint16_t id)
{
	unsigned ahead = ((unsigned)id - p->newest) & p->mask;

	return ahead <= 1 && (ahead != 0 || (p->left_out & 1) == 0);
}

// picture_ids_map() of that packet, without a call.
static inline uint16_t picture_ids_take_next(struct picture_ids *p, uint16_t id, uint8_t *tl0)
{
	const uint16_t mask = p->mask;
	const unsigned ahead = ((unsigned)id - p->newest) & mask;
	const uint16_t out = (uint16_t)(p->out + ahead);
	const uint8_t given = (uint8_t)(*tl0 + p->tl0_delta);

	p->left_out <<= ahead;
	p->newest = id & mask;
	p->out = out;
	if ((uint8_t)(given - p->tl0_newest) < 0x80)
		p->tl0_newest = given;
	*tl0 = given;
	return out & mask;
}

// The picture is left out on purpose: later ones move up. Only for the newest; repeats and older
// ones change nothing.
void picture_ids_leave_out(struct picture_ids *p, uint16_t id);
