// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/loss/keyframe_cache.c - the last keyframe group. Contract in keyframe_cache.h.
#include "proto/rtc/loss/keyframe_cache.h"

void keyframe_cache_receive(struct keyframe_cache *c, uint64_t index, uint32_t bytes,
			    bool starts_keyframe, uint64_t now_us)
{
	if (starts_keyframe && (c->received == 0 || index > c->first))
		*c = (struct keyframe_cache){
			.first = index, .highest = index, .started_us = now_us, .usable = true};
	if (!c->usable || index < c->first)
		return;
	uint64_t at = index - c->first;
	if (at >= KEYFRAME_CACHE_PKTS_MAX) {
		c->usable = false;
		return;
	}
	uint64_t bit = UINT64_C(1) << (at % 64);
	if ((c->seen[at / 64] & bit) != 0)
		return;
	c->seen[at / 64] |= bit;
	c->received++;
	c->bytes += bytes;
	if (index > c->highest)
		c->highest = index;
}

bool keyframe_cache_serves(const struct keyframe_cache *c, uint64_t rate_bps, uint64_t now_us,
			   uint64_t *first, uint64_t *last)
{
	if (!c->usable || c->received != c->highest - c->first + 1)
		return false;
	if (now_us - c->started_us > KEYFRAME_CACHE_AGE_MAX_US)
		return false;
	// Both sides in bit-microseconds; 512 packets of 64 KiB keep the left one below 2^49.
	if (c->bytes * 8 * 1000000 > rate_bps * KEYFRAME_CACHE_CATCH_UP_US)
		return false;
	*first = c->first;
	*last = c->highest;
	return true;
}
