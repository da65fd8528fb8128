// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/bandwidth/loss_control.h - the loss-based rate: an upper bound that falls when more
// gets lost than this path always loses.
//
// Place   the estimator; counts come from transport-wide feedback or receiver reports.
// Thread  one owner. Rates in bit/s, losses in 1/1000.
// Spec    draft-ietf-rmcat-gcc-02 6 (2 % and 10 %), applied to what exceeds the inherent loss: the
//         least seen in the last LOSS_MEMORY windows, up to LOSS_INHERENT_MAX. A radio link that
//         loses 5 % at any rate is not congested.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	LOSS_MEMORY = 8, // windows
	LOSS_WINDOW_PKTS = 100, // at least, and
	LOSS_WINDOW_US = 1000000,
	LOSS_INHERENT_MAX = 80, // per mille
	LOSS_RISE_BELOW = 20,
	LOSS_FALL_ABOVE = 100,
};

struct loss_control {
	double limit_bps;
	double max_bps;
	double min_bps;
	uint64_t window_us; // start of the window
	uint32_t sent; // in the window
	uint32_t lost;
	uint16_t memory[LOSS_MEMORY];
	uint32_t windows; // finished so far
	uint16_t last; // of the last window
};

void loss_control_init(struct loss_control *l, uint64_t start_bps, uint64_t min_bps,
		       uint64_t max_bps);
// 'received' and 'lost' packets were reported. 'current_bps' is the rate in force.
void loss_control_feed(struct loss_control *l, uint32_t received, uint32_t lost,
		       uint64_t current_bps, uint64_t now_us);
// The limit is at least this: something better measured it.
void loss_control_raise(struct loss_control *l, uint64_t bps);
