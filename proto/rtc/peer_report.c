// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/peer_report.c - reported loss, jitter and round trip. Contract in peer_report.h.
#include "proto/rtc/peer_report.h"

bool rtcp_round_trip_us(uint32_t last, uint32_t delay, uint64_t now_ntp, uint64_t *rtt_us)
{
	uint32_t away = (uint32_t)(now_ntp >> 16) - last;

	// More than half the range is a time in the future.
	if (last == 0 || away > INT32_MAX || delay > away)
		return false;
	*rtt_us = (uint64_t)(away - delay) * 1000000 >> 16;
	return true;
}

void peer_report_receive(struct peer_report *p, const struct rtcp_report_block *b, uint64_t now_us,
			 uint64_t now_ntp)
{
	uint64_t rtt_us;

	p->arrival_us = now_us;
	p->fraction_lost = b->fraction_lost;
	p->lost = b->cumulative_lost;
	p->jitter = b->jitter;
	p->extended_highest = b->extended_highest;
	if (!rtcp_round_trip_us(b->last_sr, b->delay_since_last_sr, now_ntp, &rtt_us))
		return;
	p->rtt_last_us = rtt_us;
	p->rtt_total_us += rtt_us;
	p->rtt_us = p->rtt_measurements++ == 0 ? rtt_us : (7 * p->rtt_us + rtt_us) / 8;
}
