// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/random.h - random bytes for proto/rtc, without a system call per draw.
//
// Thread   any lcore: DPDK's generator is per lcore, seeded by rte_eal_init() from the system.
// Use      transaction ids and jittered timers. Never for keys: those come from DTLS.
#pragma once

#include "proto/rtc/random.h"

#include <rte_random.h>
#include <string.h>

static inline void random_fill(void *ctx, uint8_t *out, size_t size)
{
	(void)ctx;
	while (size > 0) {
		uint64_t bits = rte_rand();
		size_t n = size < sizeof(bits) ? size : sizeof(bits);
		memcpy(out, &bits, n);
		out += n;
		size -= n;
	}
}

static inline struct rtc_random random_source(void)
{
	return (struct rtc_random){.fill = random_fill, .ctx = NULL};
}
