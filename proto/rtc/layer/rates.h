// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/layer/rates.h - what each layer of one encoding costs: received bytes by spatial and
// temporal layer over the last second, and over less while it has not been sent for so long.
//
// Place   ingress counts each packet; a few times a second the sums become the steps that
//         allocate.h chooses from.
// Thread  one owner.
// Owns    nothing; plain integers. Time is the caller's microseconds and never goes back.
// Window  LAYER_RATES_SLOTS slots, the newest of which is filled up to now, from the first packet
//         after a pause of that length on. It counts as no shorter than a slot: one packet is no
//         rate.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	LAYER_RATES_SPATIAL = 4,
	LAYER_RATES_TEMPORAL = 4, // higher ones count as the highest of these
	LAYER_RATES_SLOTS = 5,
	LAYER_RATES_SLOT_US = 200000,
};

struct layer_rates {
	uint32_t bytes[LAYER_RATES_SLOTS][LAYER_RATES_SPATIAL][LAYER_RATES_TEMPORAL];
	uint64_t slot; // number of the newest slot, in LAYER_RATES_SLOT_US
	uint64_t since_us; // first packet after a pause of the whole window; 0: nothing in it
	uint64_t settled_us; // the window's end
	uint8_t spatial_count; // highest layer ever seen, plus one; 0: nothing came yet
	uint8_t temporal_count;
};

// A packet of 'bytes' on the wire came in.
void layer_rates_add(struct layer_rates *r, unsigned spatial, unsigned temporal, uint32_t bytes,
		     uint64_t now_us);

// Lets time pass: the window ends now, bytes older than it are forgotten.
void layer_rates_settle(struct layer_rates *r, uint64_t now_us);

// Bit/s over the window of everything up to these layers, as a consumer that follows them gets it.
// Settle first, at the same time.
uint64_t layer_rates_bps(const struct layer_rates *r, unsigned spatial, unsigned temporal);
// Of that layer alone: 0 where the publisher does not send it now.
uint64_t layer_rates_own_bps(const struct layer_rates *r, unsigned spatial, unsigned temporal);
