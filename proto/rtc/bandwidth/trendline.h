// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/bandwidth/trendline.h - is the queue on the way growing? The slope of smoothed one-way
// delay against a threshold that adapts.
//
// Place   the estimator, fed by arrival groups.
// Thread  one owner. Double precision, no library function.
// Spec    draft-ietf-rmcat-gcc-02 5.4 (overuse detector, adaptive threshold); the slope is a least
//         squares fit over the last TRENDLINE_WINDOW groups instead of the draft's Kalman filter.
#pragma once

#include "proto/rtc/bandwidth/arrival_groups.h"

#include <stdbool.h>
#include <stdint.h>

enum { TRENDLINE_WINDOW = 20 };

enum path_usage { USAGE_NORMAL, USAGE_UNDER, USAGE_OVER };

struct trendline_point {
	double at_ms; // arrival since the first group
	double delay_ms; // smoothed accumulated delay
};
struct trendline {
	struct trendline_point points[TRENDLINE_WINDOW]; // ring
	double accumulated_ms;
	double smoothed_ms;
	double threshold_ms;
	double previous_trend;
	double over_ms; // for how long the trend has been above the threshold
	int64_t first_us;
	int64_t updated_us; // threshold
	uint32_t count; // groups seen, up to what the gain needs
	uint32_t next; // slot of the ring
	uint32_t overs; // groups in a row above the threshold
	enum path_usage usage;
};

void trendline_init(struct trendline *t);
enum path_usage trendline_feed(struct trendline *t, const struct arrival_delta *d);
