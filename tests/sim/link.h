// SPDX-License-Identifier: Apache-2.0
//
// tests/sim/link.h - one direction of a link: rate, queue, delay, jitter, loss. Seeded.
#pragma once

#include "tests/unit/rtc/test.h"

#include <stdbool.h>

struct sim_link {
	struct prng random;
	uint64_t rate_bps; // 0: as fast as anything comes
	uint64_t delay_us;
	uint64_t jitter_us; // added to the delay, 0..jitter; nothing overtakes
	uint64_t queue_bytes; // tail drop above
	uint32_t loss_ppm; // at random
	uint64_t free_us; // when the queue is empty
	uint64_t last_us; // last arrival
};

// When a packet that enters now arrives. False if it is lost. '*queued_us' is its time in the
// queue.
bool sim_link_send(struct sim_link *l, uint32_t size, uint64_t now_us, uint64_t *arrival_us,
		   uint64_t *queued_us);
