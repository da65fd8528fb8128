// SPDX-License-Identifier: Apache-2.0
//
// bench/timing.h - time on a shared machine: the clock is calibrated first, work is timed in blocks
// that take turns, and what neighbours steal is measured, not averaged away.
//
// Units    TSC ticks, called cycles here as everywhere; nanoseconds by the calibrated rate.
#pragma once

#include <rte_cycles.h>
#include <stdint.h>

enum { BLOCKS_MAX = 16384 };

struct clock_facts {
	double ghz; // TSC ticks a nanosecond
	double core_ratio; // core cycles a TSC tick, by a chain of dependent additions
	double gap_share; // of 100 ms of looking at the clock alone: time in gaps over 1 us
};

struct samples {
	unsigned count;
	double per_packet[BLOCKS_MAX]; // ticks
};

struct summary {
	double minimum;
	double quartile; // 25th percentile: what ratios are made of
	double median;
	double gap_share; // of the samples' time: what blocks took beyond twice the quartile
};

struct clock_facts clock_calibrate(void);

void samples_add(struct samples *s, uint64_t ticks, unsigned packets);
struct summary samples_summary(const struct samples *s); // of at least one sample

static inline uint64_t ticks_now(void)
{
	return rte_rdtsc_precise();
}
