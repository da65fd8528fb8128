// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/loss/keyframe_budget.h - what keyframes may cost a source.
//
// Place   the publisher's worker, one a track, in front of the keyframe gates of its encodings.
// Thread  one owner. Time is the caller's microseconds and never goes back.
//
// A timer alone lets a flood of PLI turn a source into keyframes only. Here a keyframe is paid for
// with its measured size, out of a share of the source's own rate. One is always allowed after
// KEYFRAME_BUDGET_WAIT_US, so a viewer waits that long at worst.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define KEYFRAME_BUDGET_WAIT_US UINT64_C(3000000)
enum {
	KEYFRAME_BUDGET_SHARE_PERCENT = 30, // of what the source sends
	KEYFRAME_BUDGET_BURST = 3, // keyframes that may be saved up for
	KEYFRAME_BUDGET_COST_START = 20000, // bytes, before one was measured
};

struct keyframe_budget {
	int64_t credit_bytes;
	uint64_t asked_us; // last request that left, 0: none
	uint32_t cost_bytes; // smoothed size of a keyframe
};

void keyframe_budget_init(struct keyframe_budget *b);
// The source sent 'bytes' of media.
void keyframe_budget_earn(struct keyframe_budget *b, uint32_t bytes);
// True if a request may leave now; it then counts as asked and is paid for.
bool keyframe_budget_spend(struct keyframe_budget *b, uint64_t now_us);
// A keyframe of 'bytes' came: later ones cost about that.
void keyframe_budget_measure(struct keyframe_budget *b, uint32_t bytes);
