// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/bandwidth/rate_control.h - the delay-based rate: up slowly, down to what got through.
//
// Place   the estimator, after the overuse detector.
// Thread  one owner. Rates in bit/s.
// Spec    draft-ietf-rmcat-gcc-02 5.5: multiplicative while far from what the path carried when it
// last
//         was overused, additive near it.
#pragma once

#include "proto/rtc/bandwidth/trendline.h"

#include <stdbool.h>
#include <stdint.h>

struct rate_control {
	double rate_bps;
	double min_bps;
	double max_bps;
	double capacity_bps; // mean of throughput at overuse, 0: not known
	double deviation; // normalised variance of it
	uint64_t changed_us;
	uint64_t decreased_us; // 0: never
	uint64_t rtt_us;
	bool holding; // after a decrease, until the queue is drained
};

void rate_control_init(struct rate_control *r, uint64_t start_bps, uint64_t min_bps,
		       uint64_t max_bps);
// 'acked_bps' is what the peer received lately, 0 if not known.
void rate_control_update(struct rate_control *r, enum path_usage usage, uint64_t acked_bps,
			 uint64_t now_us);
// A probe measured more than the rate, or something else lowered it.
void rate_control_set(struct rate_control *r, uint64_t bps, uint64_t now_us);
