// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/rtcp_budget.h - how much RTCP one transport is listened to.
//
// Place   the worker that owns the transport, after SRTCP was opened and checked: what a forger
//         sends takes nothing away from the peer.
// Thread  one owner. Time is the caller's microseconds and never goes back.
//
// Reading costs by the byte, but for transport-wide feedback, where two bytes speak of up to 8191
// packets. So units are counted: of each packet its head, its words, and what it speaks of. A
// browser that loses packets on every stream stays below a tenth of the rate.
#pragma once

#include "proto/rtc/rtcp.h"

enum {
	RTCP_BUDGET_BASE = 20000, // units a second
	RTCP_BUDGET_STREAM = 1000, // more for each stream sent or received
	RTCP_BUDGET_BURST_US = 500000, // what may be saved up
	RTCP_COST_PACKET = 8,
	RTCP_COST_STATUSES = 16, // packets spoken of, a unit
};

// Starts full where it is all zero.
struct rtcp_budget {
	uint64_t filled_us; // when 'credit' was last filled
	int64_t credit; // in millionths of a unit; below 0: in debt for the last packet
};

// Units of one packet of a compound.
uint32_t rtcp_cost(const struct rtcp_packet *p);
// True if the packet may be read; it then counts, whole, however little is left.
bool rtcp_budget_take(struct rtcp_budget *b, const struct rtcp_packet *p, uint32_t streams,
		      uint64_t now_us);
