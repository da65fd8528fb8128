// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/bandwidth/probe_result.h - what a probe measured: the slower of the rates at which its
// packets left and arrived.
//
// Place   the estimator, fed by feedback on packets that carry a probe's number.
// Thread  one owner.
#pragma once

#include "proto/rtc/bandwidth/probe_control.h"
#include "proto/rtc/bandwidth/sent_log.h"

static_assert((int)PROBE_ID_MAX == (int)SENT_PROBE_MAX, "a packet can be of any probe");

enum { PROBE_CLUSTERS = 4 }; // under way at once; older ones are forgotten

struct probe_cluster {
	struct probe probe; // id 0: empty
	uint64_t first_sent_us;
	uint64_t last_sent_us;
	int64_t first_arrival_us;
	int64_t last_arrival_us;
	uint64_t bytes;
	uint64_t lost_bytes;
	uint32_t pkts;
	uint32_t last_sent_size;
	uint32_t first_arrival_size;
	bool reported;
};
struct probe_results {
	struct probe_cluster clusters[PROBE_CLUSTERS]; // by id modulo
};

void probe_results_init(struct probe_results *r);
void probe_results_start(struct probe_results *r, const struct probe *p);
// A packet of a probe arrived or was lost. Returns what the probe measured once enough of it came,
// in bit/s, and then once only; else 0.
uint64_t probe_results_feed(struct probe_results *r, const struct sent_result *s);
