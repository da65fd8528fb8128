// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/bandwidth/arrival_groups.h - packets sent together, and how much later than sent they
// arrived than the group before.
//
// Place   the estimator, fed packet by packet in order of sending.
// Thread  one owner.
// Spec    draft-ietf-rmcat-gcc-02 5.1, 5.2 (pre-filtering).
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { ARRIVAL_GROUP_US = 5000 }; // sent within this is one group; so is what arrived in one burst

struct arrival_group {
	uint64_t first_sent_us;
	uint64_t last_sent_us;
	int64_t first_arrival_us;
	int64_t last_arrival_us;
	bool open;
};
struct arrival_groups {
	struct arrival_group current;
	struct arrival_group previous;
};
struct arrival_delta {
	int64_t sent_us; // between the last packets of two groups, as sent
	int64_t arrival_us; // and as received
	int64_t at_us; // arrival of the later one
};

void arrival_groups_init(struct arrival_groups *g);
// True if the packet closed a group: '*d' is the group closed against the one before.
bool arrival_groups_feed(struct arrival_groups *g, uint64_t sent_us, int64_t arrival_us,
			 struct arrival_delta *d);
