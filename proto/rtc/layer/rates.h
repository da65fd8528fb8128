// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/layer/rates.h - what each layer of one encoding costs: received bytes by spatial and
// temporal layer over the last three seconds, and over less while it has not been sent for so long.
//
// Place   ingress counts each packet; a few times a second the sums become the steps that
//         allocate.h chooses from.
// Thread  one owner.
// Owns    nothing; plain integers. Time is the caller's microseconds and never goes back.
// Window  LAYER_RATES_SLOTS slots, the newest of which is filled up to now, from the first packet
//         after a pause of LAYER_RATES_SILENT_US on. It counts as no shorter than a slot: one
//         packet is no rate. It is long because of keyframes: one of a small picture may be as much
//         as a second of it, and for another second its encoder, which has overspent, leaves frames
//         out.
// Sent    a layer is sent now if the window has some of it, and there was a packet of its size of
//         picture within LAYER_RATES_SILENT_US.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	LAYER_RATES_SPATIAL = 4,
	LAYER_RATES_TEMPORAL = 4, // higher ones count as the highest of these
	LAYER_RATES_SLOTS = 15,
	LAYER_RATES_SLOT_US = 200000,
	LAYER_RATES_SILENT_US = 1000000,
};

struct layer_rates {
	uint32_t bytes[LAYER_RATES_SLOTS][LAYER_RATES_SPATIAL][LAYER_RATES_TEMPORAL];
	uint64_t slot; // number of the newest slot, in LAYER_RATES_SLOT_US
	uint64_t since_us; // first packet after a pause; 0: none came yet
	uint64_t settled_us; // the window's end
	uint64_t newest_us[LAYER_RATES_SPATIAL]; // packet of that layer; 0: none yet
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
// True if the publisher sends that layer now.
bool layer_rates_sent(const struct layer_rates *r, unsigned spatial, unsigned temporal);
// Of that layer alone.
uint64_t layer_rates_own_bps(const struct layer_rates *r, unsigned spatial, unsigned temporal);
