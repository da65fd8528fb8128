// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/bandwidth/throughput.c - a ring of buckets. Contract in throughput.h.
#include "proto/rtc/bandwidth/throughput.h"

void throughput_init(struct throughput *t)
{
	*t = (struct throughput){.started = 0};
}

static uint32_t *bucket(struct throughput *t, int64_t number)
{
	return &t->bytes[(uint64_t)number % THROUGHPUT_BUCKETS];
}

static void advance(struct throughput *t, int64_t number)
{
	if (number - t->newest >= THROUGHPUT_BUCKETS) {
		for (int i = 0; i < THROUGHPUT_BUCKETS; i++)
			t->bytes[i] = 0;
	} else {
		for (int64_t n = t->newest + 1; n <= number; n++)
			*bucket(t, n) = 0;
	}
	t->newest = number;
}

void throughput_add(struct throughput *t, int64_t at_us, uint32_t bytes)
{
	int64_t number = at_us / THROUGHPUT_BUCKET_US;

	if (!t->started) {
		t->started = 1;
		t->first = number;
		t->newest = number;
		t->newest_us = at_us;
	}
	if (number > t->newest)
		advance(t, number);
	if (t->newest - number >= THROUGHPUT_BUCKETS)
		return;
	if (at_us > t->newest_us)
		t->newest_us = at_us;
	*bucket(t, number) += bytes;
}

uint64_t throughput_bps(const struct throughput *t)
{
	int64_t begin = t->newest - THROUGHPUT_BUCKETS + 1;
	uint64_t bytes = 0;

	if (begin < t->first)
		begin = t->first;
	int64_t window_us = t->newest_us - begin * THROUGHPUT_BUCKET_US;
	if (!t->started || window_us < THROUGHPUT_BUCKETS * THROUGHPUT_BUCKET_US / 4)
		return 0;
	for (int i = 0; i < THROUGHPUT_BUCKETS; i++)
		bytes += t->bytes[i];
	return bytes * 8 * 1000000 / (uint64_t)window_us;
}
