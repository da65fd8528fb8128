// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/bandwidth/probe_control.h - when to send faster for a moment, and how fast.
//
// Place   the estimator decides, the pacer carries it out with media, retransmissions or padding.
// Thread  one owner. Time is the caller's microseconds and never goes back.
//
// Two probes open the transport. Later ones go out while the consumer wants more than the estimate
// and the path is calm; each that finds more is followed by a faster one, each in vain makes the
// next wait longer. What nobody wants is not probed for.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	PROBE_BYTES_US = 35000, // a probe lasts at least this long at its rate,
	PROBE_BYTES_MIN = 4800, // and is more than what a shaper lets through as a burst
	PROBE_PKTS_MIN = 8,
	PROBE_PACKET_BYTES = 1200, // of padding, on the wire
	PROBE_INTERVAL_MIN_US = 3000000,
	PROBE_INTERVAL_MAX_US = 8000000,
	PROBE_RESULT_US = 500000, // how long a result is waited for
	PROBE_ID_MAX = 255, // as much of it is kept with each packet
	PROBE_REPEATS_MAX = 2, // of a probe that brought none: feedback gets lost too
};

struct probe {
	uint64_t bps;
	uint32_t id; // from 1 to PROBE_ID_MAX, and again
	uint32_t bytes; // to be sent at least
	uint32_t pkts;
};

struct probe_control {
	uint64_t start_bps;
	uint64_t follow_bps; // of the probe to send next, 0: none
	uint64_t sent_bps; // of the last one
	uint64_t next_us; // earliest periodic probe
	uint64_t interval_us;
	uint64_t waiting_us; // until when a result is waited for
	uint32_t last_id;
	uint32_t openings; // left of the two
	uint32_t repeats; // since the last result
};

void probe_control_init(struct probe_control *p, uint64_t start_bps);
// True if a probe shall start now. 'wanted_bps' is what could be used, 'calm' that the path has not
// been overused lately.
bool probe_control_poll(struct probe_control *p, uint64_t estimate_bps, uint64_t wanted_bps,
			bool calm, uint64_t now_us, struct probe *out);
// The probe measured 'bps' where the estimate was 'estimate_bps'.
void probe_control_result(struct probe_control *p, uint64_t bps, uint64_t estimate_bps,
			  uint64_t now_us);
// The path got worse: what was learnt of waiting is void.
void probe_control_reset_interval(struct probe_control *p, uint64_t now_us);
