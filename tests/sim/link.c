// SPDX-License-Identifier: Apache-2.0
//
// tests/sim/link.c - a queue and a wire. Contract in link.h.
#include "tests/sim/link.h"

bool sim_link_send(struct sim_link *l, uint32_t size, uint64_t now_us, uint64_t *arrival_us,
		   uint64_t *queued_us)
{
	uint64_t start_us = l->free_us > now_us ? l->free_us : now_us;

	*queued_us = start_us - now_us;
	if (l->rate_bps != 0) {
		if (*queued_us * l->rate_bps / 8000000 + size > l->queue_bytes)
			return false;
		l->free_us = start_us + (uint64_t)size * 8000000 / l->rate_bps;
		start_us = l->free_us;
	}
	if (prng_below(&l->random, 1000000) < l->loss_ppm)
		return false;
	*arrival_us = start_us + l->delay_us;
	if (l->jitter_us != 0)
		*arrival_us += prng_below(&l->random, l->jitter_us);
	if (*arrival_us < l->last_us)
		*arrival_us = l->last_us;
	l->last_us = *arrival_us;
	return true;
}
