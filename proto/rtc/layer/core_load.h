// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/layer/core_load.h - how much of the video its consumers want a core has the time to
// send.
//
// Place    the consumers' worker, looked at every CORE_LOAD_US.
// Thread   one owner; times are the caller's microseconds.
// Rule     less by a quarter while the core is busy nearly all of the time, for what does not fit
// is
//          lost in the port's queue, audio as well; slowly more once it has time to spare. In
//          between nothing changes, so what was taken back does not come and go.
#pragma once

#include <stdint.h>

enum {
	CORE_LOAD_US = 1000000, // shorter, and a neighbour on the core would look like work
	CORE_LOAD_HIGH_PERCENT = 95,
	CORE_LOAD_LOW_PERCENT = 75,
	CORE_LOAD_SHARE_MIN = 10, // percent
	CORE_LOAD_SHARE_STEP = 5,
};

struct core_load {
	uint64_t since_us; // when looked at last
	uint64_t busy_us; // and how long it had been busy by then, in all
	uint32_t share; // percent of what is wanted that may be sent
};

// Nothing is held back.
static inline void core_load_init(struct core_load *l, uint64_t now_us)
{
	*l = (struct core_load){.since_us = now_us, .share = 100};
}

// 'busy_us': of all time. Call as often as you like.
static inline void core_load_update(struct core_load *l, uint64_t busy_us, uint64_t now_us)
{
	uint64_t span_us = now_us - l->since_us;

	if (span_us < CORE_LOAD_US)
		return;
	uint64_t percent = (busy_us - l->busy_us) * 100 / span_us;
	l->since_us = now_us;
	l->busy_us = busy_us;
	if (percent >= CORE_LOAD_HIGH_PERCENT)
		l->share = l->share * 3 / 4;
	else if (percent < CORE_LOAD_LOW_PERCENT)
		l->share += CORE_LOAD_SHARE_STEP;
	if (l->share < CORE_LOAD_SHARE_MIN)
		l->share = CORE_LOAD_SHARE_MIN;
	if (l->share > 100)
		l->share = 100;
}
