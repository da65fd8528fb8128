// SPDX-License-Identifier: Apache-2.0
//
// bench/load/latency.h - a histogram of TSC ticks: 64 steps to each power of two, so a percentile
// is right to 1.6 %.
#pragma once

#include <stdint.h>

enum { LATENCY_STEPS = 64, LATENCY_POWERS = 40 };

struct latency {
	uint64_t count;
	uint64_t maximum; // ticks
	uint64_t bucket[LATENCY_POWERS * LATENCY_STEPS];
};

void latency_add(struct latency *l, uint64_t ticks);
void latency_merge(struct latency *l, const struct latency *from);
// Ticks that 'share' (0..1) of the values do not exceed. 0 of an empty one.
uint64_t latency_percentile(const struct latency *l, double share);
