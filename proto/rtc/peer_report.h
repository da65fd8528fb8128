// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/peer_report.h - what a peer reports of a stream we send it: loss, jitter, round trip.
//
// Place   the consumer's worker, per consumer, fed by report blocks; kept apart from what is
// measured
//         here (report.h), for a peer may say what it likes.
// Thread  one owner.
// Spec    RFC 3550 6.4.1; RFC 3611 4.5 for the round trip of a receiver.
#pragma once

#include "proto/rtc/rtcp.h"

struct peer_report {
	uint64_t rtt_us; // smoothed, 0: not known
	uint64_t rtt_last_us;
	uint64_t rtt_total_us;
	uint64_t arrival_us; // of the last block, 0: none came
	int64_t lost; // cumulative, may be negative (duplicates)
	uint32_t rtt_measurements;
	uint32_t jitter; // in timestamp units
	uint32_t extended_highest;
	uint8_t fraction_lost; // in 1/256
};

// The time from a report of ours, named by the middle 32 bits of its NTP time, to now, less the
// time the peer kept it, in microseconds. False if 'last' is 0 or the peer claims to have kept it
// longer than it was away.
bool rtcp_round_trip_us(uint32_t last, uint32_t delay, uint64_t now_ntp, uint64_t *rtt_us);

// A block about our stream came, at 'now_us' of the caller's clock and 'now_ntp' in the one our
// sender reports carry.
void peer_report_receive(struct peer_report *p, const struct rtcp_report_block *b, uint64_t now_us,
			 uint64_t now_ntp);
