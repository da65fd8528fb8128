// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/loss/red.c - reading redundant audio (RFC 2198). Contract in red.h.
#include "proto/rtc/loss/red.h"

#include "proto/rtc/bytes.h"

enum { FOLLOWED = 0x80, HEADER_BYTES = 4, PRIMARY_HEADER_BYTES = 1 };

// Reads the block headers and returns where the data starts, NULL if they do not fit.
static const uint8_t *read_headers(struct red *r, const uint8_t *at, const uint8_t *end)
{
	for (; end - at >= HEADER_BYTES && (at[0] & FOLLOWED) != 0; at += HEADER_BYTES) {
		if (r->count == RED_BLOCKS_MAX - 1)
			return NULL;
		uint32_t rest = bytes_be24(at + 1); // 14 bits of offset, 10 of length
		r->blocks[r->count++] = (struct red_block){
			.pt = at[0] & 0x7f,
			.ts_offset = (uint16_t)(rest >> 10),
			.size = rest & 0x3ff,
		};
	}
	if (at == end || (at[0] & FOLLOWED) != 0)
		return NULL;
	r->blocks[r->count++] = (struct red_block){.pt = at[0]};
	return at + PRIMARY_HEADER_BYTES;
}

bool red_read(struct red *r, const uint8_t *payload, size_t size)
{
	const uint8_t *end = payload + size;

	if (size > UINT16_MAX)
		return false;
	r->count = 0;
	const uint8_t *at = read_headers(r, payload, end);
	if (at == NULL)
		return false;
	for (uint32_t i = 0; i < r->count; i++) {
		struct red_block *b = &r->blocks[i];
		if (i == r->count - 1)
			b->size = (uint16_t)(end - at); // the primary block takes the rest
		if (b->size > end - at)
			return false;
		b->payload = at;
		at += b->size;
	}
	return true;
}

void red_renumber(uint8_t *payload, size_t size, uint8_t from, uint8_t to)
{
	for (size_t at = 0; at < size; at += HEADER_BYTES) {
		uint8_t followed = payload[at] & FOLLOWED;

		if ((payload[at] & 0x7f) == from)
			payload[at] = followed | to;
		if (followed == 0)
			return;
	}
}
