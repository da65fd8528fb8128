// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/idle.h - what a polling thread does when there was nothing to do.
//
// Adaptive threads spin a little, since packets come in bursts, then sleep longer and longer up to
// 'sleep_us_max'. A timer slack of 1 ns keeps the kernel from adding its usual 50 us.
#pragma once

#include <rte_pause.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <time.h>

enum {
	IDLE_SPINS = 16,
	IDLE_SLEEP_US_STEP = 20,
	IDLE_SLEEP_US_WORKER = 100,
	IDLE_SLEEP_US_MAIN = 400
};

struct idle {
	uint32_t sleep_us_max; // 0: never sleeps
	uint32_t empty; // polls in a row
};

static inline void idle_start(struct idle *i, uint32_t sleep_us_max)
{
	*i = (struct idle){.sleep_us_max = sleep_us_max};
	if (sleep_us_max != 0)
		prctl(PR_SET_TIMERSLACK, 1);
}

static inline void idle_after_poll(struct idle *i, bool worked)
{
	if (worked) {
		i->empty = 0;
		return;
	}
	i->empty++;
	if (i->sleep_us_max == 0 || i->empty <= IDLE_SPINS) {
		rte_pause();
		return;
	}
	uint32_t us = (i->empty - IDLE_SPINS) * IDLE_SLEEP_US_STEP;
	if (us >= i->sleep_us_max) {
		us = i->sleep_us_max;
		i->empty--; // stays here
	}
	nanosleep(&(struct timespec){.tv_nsec = (long)us * 1000}, NULL);
}
