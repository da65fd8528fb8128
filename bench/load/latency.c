// SPDX-License-Identifier: Apache-2.0
//
// bench/load/latency.c - buckets and percentiles.
#include "bench/load/latency.h"

// Values below LATENCY_STEPS have a bucket each; above, the top seven bits choose it.
static unsigned bucket_of(uint64_t ticks)
{
	if (ticks < LATENCY_STEPS)
		return (unsigned)ticks;
	unsigned shift = 63u - (unsigned)__builtin_clzll(ticks) - 6;
	unsigned bucket = (shift + 1) * LATENCY_STEPS + (unsigned)(ticks >> shift) - LATENCY_STEPS;
	unsigned last = LATENCY_POWERS * LATENCY_STEPS - 1;

	return bucket < last ? bucket : last;
}

// The greatest value of a bucket.
static uint64_t bucket_top(unsigned bucket)
{
	if (bucket < LATENCY_STEPS)
		return bucket;
	unsigned shift = bucket / LATENCY_STEPS - 1;

	return ((uint64_t)(bucket % LATENCY_STEPS + LATENCY_STEPS + 1) << shift) - 1;
}

void latency_add(struct latency *l, uint64_t ticks)
{
	l->bucket[bucket_of(ticks)]++;
	l->count++;
	if (ticks > l->maximum)
		l->maximum = ticks;
}

void latency_merge(struct latency *l, const struct latency *from)
{
	for (unsigned i = 0; i < LATENCY_POWERS * LATENCY_STEPS; i++)
		l->bucket[i] += from->bucket[i];
	l->count += from->count;
	if (from->maximum > l->maximum)
		l->maximum = from->maximum;
}

uint64_t latency_percentile(const struct latency *l, double share)
{
	uint64_t wanted = (uint64_t)(share * (double)l->count);
	uint64_t seen = 0;

	for (unsigned i = 0; i < LATENCY_POWERS * LATENCY_STEPS; i++) {
		seen += l->bucket[i];
		if (seen > wanted)
			return bucket_top(i) < l->maximum ? bucket_top(i) : l->maximum;
	}
	return l->maximum;
}
