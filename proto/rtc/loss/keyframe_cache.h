// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/loss/keyframe_cache.h - whether a newcomer can start from the last keyframe group
// instead of a keyframe of its own.
//
// Place   a consumer's worker, per encoding; the packets are those of its history.
// Thread  one owner. Time is the caller's microseconds and never goes back.
//
// The group is the last keyframe and every packet after it. It serves a newcomer while it is whole,
// young, and small enough to be caught up with at the newcomer's rate.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define KEYFRAME_CACHE_AGE_MAX_US UINT64_C(3000000)
#define KEYFRAME_CACHE_CATCH_UP_US UINT64_C(500000) // what sending the group may take
enum { KEYFRAME_CACHE_PKTS_MAX = 512 };

// Zeroed at the start.
struct keyframe_cache {
	uint64_t first; // source index of the keyframe's first packet
	uint64_t highest;
	uint64_t started_us;
	uint64_t bytes;
	uint64_t seen[KEYFRAME_CACHE_PKTS_MAX / 64]; // by distance from 'first'
	uint32_t received;
	bool usable; // a group is open and has not grown too large
};

// A packet of the encoding arrived, in any order; repeats change nothing.
void keyframe_cache_receive(struct keyframe_cache *c, uint64_t index, uint32_t bytes,
			    bool starts_keyframe, uint64_t now_us);
// True if the group can be sent to a consumer of 'rate_bps' now; '*first' and '*last' are its
// source indexes, with no gap between them.
bool keyframe_cache_serves(const struct keyframe_cache *c, uint64_t rate_bps, uint64_t now_us,
			   uint64_t *first, uint64_t *last);
