// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/report.h - receive accounting of one SSRC, and the report block made of it.
//
// Place   the publisher's worker, per encoding, after authentication and the replay window: there
// are
//         no duplicates and no forgeries, so RFC 3550 A.1's probation and restart rules fall away.
// Thread  one owner.
// Spec    RFC 3550 6.4.1, A.3 (loss), A.8 (jitter).
#pragma once

#include "proto/rtc/rtcp.h"

#include <stdbool.h>
#include <stdint.h>

struct report {
	uint64_t base_index; // of the first packet
	uint64_t highest_index;
	uint64_t received;
	uint64_t expected_prior; // at the last report
	uint64_t received_prior;
	uint64_t sr_arrival_us;
	uint64_t jitter_x16;
	uint32_t ssrc;
	uint32_t clock_rate; // Hz
	uint32_t transit; // of the last packet, in timestamp units
	uint32_t last_sr; // middle 32 bits of NTP, 0: none
	bool started;
};

// 'clock_rate' is not 0 (assert).
void report_init(struct report *r, uint32_t ssrc, uint32_t clock_rate);
// 'index' is the unwrapped sequence number (SRTP index).
void report_receive(struct report *r, uint64_t index, uint32_t ts, uint64_t now_us);
void report_sender_report(struct report *r, const struct rtcp_sr *sr, uint64_t now_us);
// Fills a block and starts the next interval. False if nothing was received yet.
bool report_make(struct report *r, uint64_t now_us, struct rtcp_report_block *block);
// Packets expected so far minus received.
int64_t report_lost(const struct report *r);
