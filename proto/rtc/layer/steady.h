// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/layer/steady.h - allocate.h turn after turn: what one transport's consumers get while
// its estimate wavers and keyframes come in bursts.
//
// Place   the consumers' worker, per transport, every STEADY_TURN_US.
// Thread  one owner. Time is the caller's microseconds and never goes back.
// Owns    nothing; plain integers.
//
// Changing the size of a picture costs a keyframe, which a narrow path lacks most; changing its
// frame rate costs nothing. So:
//
//   growth  One picture at a time gets larger, the most deserving first, and the next one only
//           after a while: growing into all of the estimate takes STEADY_GROW_US at least. None
//           does while more than STEADY_WAITING_US waits in the pacer, nor, for STEADY_HOLD_US,
//           the one that bandwidth made smaller. What begins, begins with its smallest picture.
//   falls   On a path that does not change, the estimate falls by a quarter every few seconds and
//           climbs back. Such a fall is sat out: for STEADY_ALL_US everything stays as long as no
//           more than STEADY_WAITING_US waits, then frame rates fall at once, and pictures stay
//           for STEADY_SIT_OUT_US at most, unless the estimate is less than STEADY_DEEP_PERCENT of
//           what they take or more than STEADY_WAITING_MAX_US waits.
//   never above the estimate
//           holds but for a fall that is being sat out, and then nobody who has a picture gets
//           more than it has; one that begins may get its lowest step. The pacer, which follows
//           the estimate at once, keeps the path from getting more, and what waits in it is bounded
//           as said.
#pragma once

#include "proto/rtc/layer/allocate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	STEADY_TURN_US = 100000,
	STEADY_MEDIA_PERCENT = 95, // of the estimate; the rest is for retransmissions
	STEADY_WAITING_US = 50000, // of the estimate: more is taken off what is given out
	STEADY_WAITING_MAX_US = 200000,
	STEADY_GROW_US = 1250000,
	STEADY_HOLD_US = 3000000,
	STEADY_ALL_US = 1000000,
	STEADY_SIT_OUT_US = 5000000,
	STEADY_DEEP_PERCENT = 60,
};

// A transport's; zeroed to begin with.
struct steady {
	uint64_t larger_us; // before then no picture gets larger
	uint64_t over_us; // since when what is forwarded takes more than there is
	bool over; // it does
};

// What bounds the transport's consumers in this turn.
struct steady_path {
	uint64_t now_us;
	uint64_t estimate_bps; // more than 0
	uint64_t audio_bps; // of audio that is not among the subscriptions: goes first
	uint64_t waiting_bits; // in the pacer
	uint32_t core_percent; // of what is wanted that the core has the time for; 100: all
	bool known; // false: nobody reports on the path, it carries everything
};

struct steady_out {
	uint64_t granted_bps; // of all subscriptions
	uint64_t wanted_bps; // what they would take, were there no bound
	bool by_core; // what bounds them is the core's time
};

// The subscriptions as for allocate(), 'ceiling' and 'picture' being filled here, and 'held_us' to
// be given back in the next turn. 'order' is room for 'count' indices.
struct steady_out steady_turn(struct steady *st, const struct steady_path *p,
			      struct allocate_subscription *subs, uint16_t *order, size_t count);
