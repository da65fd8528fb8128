// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/replay.c - the replay window (RFC 3711 3.3.2, RFC 6479). Contract in replay.h.
#include "proto/rtc/replay.h"

#include <assert.h>
#include <string.h>

static uint64_t bit_of(uint64_t index)
{
	return UINT64_C(1) << (index % 64);
}

bool replay_check(const struct replay *r, uint64_t index)
{
	if (r->started == 0 || index > r->highest)
		return true;
	if (r->highest - index >= REPLAY_SPAN)
		return false;
	return (r->bits[index / 64 % REPLAY_WORDS] & bit_of(index)) == 0;
}

void replay_commit(struct replay *r, uint64_t index)
{
	assert(replay_check(r, index));
	if (r->started == 0) {
		*r = (struct replay){.highest = index, .started = 1};
	} else if (index > r->highest) {
		// The words between the old and the new top are reused for new indexes.
		uint64_t word = r->highest / 64;
		uint64_t steps = index / 64 - word;
		if (steps > REPLAY_WORDS)
			steps = REPLAY_WORDS;
		for (uint64_t i = 1; i <= steps; i++)
			r->bits[(word + i) % REPLAY_WORDS] = 0;
		r->highest = index;
	}
	r->bits[index / 64 % REPLAY_WORDS] |= bit_of(index);
}
