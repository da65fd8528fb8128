// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/layer/allocate.h - from a transport's bandwidth estimate to one layer per subscription.
//
// Place   the consumer's worker, a few times a second per transport.
// Thread  any; a pure function of its arguments.
// Owns    nothing; all storage is the caller's.
//
// Steps are granted in one fixed order until the first that does not fit: audio is counted first,
// then every video's lowest layer by priority, then, priority by priority, what each has already,
// in turn, as far as those that outrank it have as much, and then one step more each in turn. A
// prefix of a fixed order: so what is granted never costs more than the estimate and only grows
// with it. A step beyond what a subscription has now must leave ALLOCATE_HEADROOM_PERCENT of the
// estimate free, and one to a larger picture has to leave room for that picture's next layer,
// which is the first to go; one it has already need not, and no equal takes it: so a constant link
// does not oscillate. Turn after turn: steady.h.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The estimate of a path nothing is known of: it carries everything.
#define ALLOCATE_UNBOUNDED_BPS (UINT64_C(1) << 50)

enum {
	ALLOCATE_STEPS_MAX = 16, // layers of one track, lowest first
	ALLOCATE_HEADROOM_PERCENT = 3,
	ALLOCATE_PAUSED = -1, // in place of a step: nothing is forwarded
};

enum allocate_reason {
	ALLOCATE_REQUESTED, // what was wanted
	ALLOCATE_BANDWIDTH, // more was wanted, the estimate does not carry it
	ALLOCATE_PUBLISHER, // more was wanted, the publisher does not send it now
};

// One layer of a track: what the consumer's stream costs when this is its highest.
struct allocate_step {
	uint64_t rate_bps; // with everything below it that comes along; not less than the step
			   // below
	uint8_t picture; // its size, not less than the step below's: another one than is
			 // forwarded begins with a keyframe
	bool active; // the publisher sends it now
};

struct allocate_subscription {
	const struct allocate_step *steps; // lowest first
	uint8_t step_count; // 0..ALLOCATE_STEPS_MAX; 0: nothing is sent, it stays paused
	bool is_audio; // its one step is never held back
	bool speaking; // or spoke last: among equals of one priority, first
	int8_t wanted; // highest step the subscriber wants, 0..; ALLOCATE_PAUSED: none
	int8_t current; // step forwarded now, or ALLOCATE_PAUSED
	int8_t ceiling; // not above this step for now, though the estimate carry it
	uint8_t picture; // forwarded now, or the lowest step's if nothing is
	uint64_t held_us; // steady.h: until then no larger picture
	uint8_t priority; // higher goes first
	uint32_t tile_pixels; // of the subscriber's tile; among equals the larger first; 0: unknown
	// Filled by allocate():
	int8_t step; // to be forwarded, or ALLOCATE_PAUSED
	uint8_t reason; // enum allocate_reason
	int8_t kept; // what it has, as far as no equal may take it
};

// What bounds them all.
struct allocate_bounds {
	uint64_t estimate_bps;
	size_t larger; // subscriptions that may get a larger picture than now: the first in order
};

// 'order' is room for 'count' indices. Returns the rate of all that was granted, in bit/s: not
// above the estimate unless audio alone is.
uint64_t allocate(struct allocate_subscription *subs, uint16_t *order, size_t count,
		  const struct allocate_bounds *bounds);
