// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/layer/ladder.h - the layers of one track, from the rates of its encodings.
//
// Place   the publisher's worker makes it a few times a second; the consumers' workers choose from
//         it by allocate.h.
// Thread  any; pure functions of their arguments.
// Owns    nothing; plain integers.
// Order   every layer of a larger picture is above those of a smaller one. Of a picture one has,
//         frames are taken away first, for they come back without a keyframe; so the lowest layer
//         is what a fall of the estimate ends at, and nobody grows into it alone (allocate.h).
//         LiveKit grants in the same order, but starts there; Jitsi's bridge passes over layers of
//         few frames above a height it prefers. Doing so here makes pictures change their size
//         four times a minute and more on a link that does not change (tests/sim).
#pragma once

#include "proto/rtc/layer/allocate.h"
#include "proto/rtc/layer/rates.h"

#include <stdbool.h>
#include <stdint.h>

// One layer as it is being received. Packed in a word, so that other cores can read it whole.
struct layer_step {
	uint32_t rate_kbps; // with everything below it that comes along; never 0
	uint8_t encoding; // of a simulcast, 0 the lowest
	uint8_t spatial;
	uint8_t temporal;
	uint8_t active; // 1: the publisher sends it now
};

struct layer_ladder {
	struct layer_step step[ALLOCATE_STEPS_MAX]; // lowest first
	unsigned count;
};

// Adds the layers of one encoding, the lower encodings having been added before. Settle its rates
// first. What there is no room for is left out.
void layer_ladder_add(struct layer_ladder *l, uint8_t encoding, const struct layer_rates *r);

// The size of a step's picture: equal ones differ in time alone, and another one begins with a
// keyframe.
static inline uint8_t layer_step_picture(const struct layer_step *s)
{
	return (uint8_t)(s->encoding * LAYER_RATES_SPATIAL + s->spatial);
}

// The step that a consumer has by now, of those it may choose from: the highest that is not above
// 'now', or ALLOCATE_PAUSED.
int layer_step_find(const struct layer_step *steps, unsigned count, const struct layer_step *now);

// Those 'count' steps as allocate() wants them, 'current' being the one that the consumer has.
void layer_step_costs(const struct layer_step *steps, unsigned count, int current,
		      struct allocate_step *costs);
