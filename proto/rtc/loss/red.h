// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/loss/red.h - redundant audio: read the blocks, find the primary one.
//
// Place   ingress, once a packet; egress, for a consumer that numbers its payload types otherwise.
// Owns    nothing; blocks point into the caller's bytes.
// Spec    RFC 2198 3.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RED_BLOCKS_MAX = 8 }; // Chromium sends two; more than this is refused

struct red_block {
	const uint8_t *payload;
	uint16_t size; // bytes, 0 in an empty block
	uint16_t ts_offset; // 14 bits, back from the packet's timestamp; 0 in the primary block
	uint8_t pt;
};
struct red {
	struct red_block blocks[RED_BLOCKS_MAX]; // oldest first, the primary one last
	uint32_t count; // at least 1
};

// False if the headers do not end, announce more than there is, or are too many.
bool red_read(struct red *r, const uint8_t *payload, size_t size);
// The primary block of what red_read() accepted.
static inline const struct red_block *red_primary(const struct red *r)
{
	return &r->blocks[r->count - 1];
}
// Blocks of payload type 'from' become such of 'to', in what red_read() accepted.
void red_renumber(uint8_t *payload, size_t size, uint8_t from, uint8_t to);
