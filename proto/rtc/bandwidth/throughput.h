// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/bandwidth/throughput.h - bytes a second over a sliding window.
//
// Place   the estimator: what the peer received, by its own clock.
// Thread  one owner.
#pragma once

#include <stdint.h>

enum {
	THROUGHPUT_BUCKETS = 20,
	THROUGHPUT_BUCKET_US = 25000,
};

struct throughput {
	uint32_t bytes[THROUGHPUT_BUCKETS]; // ring by time
	int64_t first; // bucket of the first byte ever
	int64_t newest; // bucket
	int64_t newest_us;
	uint8_t started;
};

void throughput_init(struct throughput *t);
// Bytes at a time; earlier than the window is ignored.
void throughput_add(struct throughput *t, int64_t at_us, uint32_t bytes);
// Bit/s over the window up to the newest byte; 0 before a quarter of a window was seen.
uint64_t throughput_bps(const struct throughput *t);
