// SPDX-License-Identifier: Apache-2.0
//
// bench/timing.c - calibration and percentiles. bench/README.md says why it is done like this.
#include "bench/timing.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	CALIBRATION_MS = 50,
	GAP_MS = 100,
	ADDITIONS = 2000000,
	ADDITION_ROUNDS = 20,
};

static uint64_t monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static double tsc_ghz(void)
{
	uint64_t ns = monotonic_ns();
	uint64_t ticks = ticks_now();
	uint64_t end = ns + CALIBRATION_MS * UINT64_C(1000000);
	uint64_t now = ns;

	while (now < end)
		now = monotonic_ns();
	return (double)(ticks_now() - ticks) / (double)(now - ns);
}

// A core cycle an addition, as each waits for the one before.
static uint64_t additions(void)
{
	uint64_t sum = ticks_now();
	uint64_t start = ticks_now();

	for (unsigned i = 0; i < ADDITIONS / 8; i++)
		__asm__ volatile("add $1, %0\n add $1, %0\n add $1, %0\n add $1, %0\n"
				 "add $1, %0\n add $1, %0\n add $1, %0\n add $1, %0\n"
				 : "+r"(sum));
	return ticks_now() - start;
}

static double core_ratio(void)
{
	uint64_t best = UINT64_MAX;

	for (unsigned i = 0; i < ADDITION_ROUNDS; i++) {
		uint64_t ticks = additions();
		best = ticks < best ? ticks : best;
	}
	return (double)ADDITIONS / (double)best;
}

static double gap_share(double ghz)
{
	uint64_t start = ticks_now();
	uint64_t end = start + (uint64_t)(GAP_MS * 1e6 * ghz);
	uint64_t before = start;
	uint64_t lost = 0;

	while (before < end) {
		uint64_t now = ticks_now();
		if ((double)(now - before) > 1e3 * ghz)
			lost += now - before;
		before = now;
	}
	return (double)lost / (double)(before - start);
}

struct clock_facts clock_calibrate(void)
{
	struct clock_facts f = {.ghz = tsc_ghz(), .core_ratio = core_ratio()};

	f.gap_share = gap_share(f.ghz);
	return f;
}

void samples_add(struct samples *s, uint64_t ticks, unsigned packets)
{
	assert(s->count < BLOCKS_MAX);
	s->per_packet[s->count++] = (double)ticks / packets;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct summary samples_summary(const struct samples *s)
{
	static double sorted[BLOCKS_MAX];
	double all = 0, lost = 0;

	assert(s->count != 0);
	memcpy(sorted, s->per_packet, s->count * sizeof(sorted[0]));
	qsort(sorted, s->count, sizeof(sorted[0]), compare);
	struct summary r = {
		.minimum = sorted[0],
		.quartile = sorted[s->count / 4],
		.median = sorted[s->count / 2],
	};
	for (unsigned i = 0; i < s->count; i++) {
		all += sorted[i];
		if (sorted[i] > 2 * r.quartile)
			lost += sorted[i] - r.quartile;
	}
	r.gap_share = lost / all;
	return r;
}
