// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/rtcp_budget.c - units in, units out. Contract in rtcp_budget.h.
#include "proto/rtc/rtcp_budget.h"

#include "proto/rtc/bytes.h"

enum { MILLION = 1000000, STATUS_COUNT_OFFSET = 2 };

uint32_t rtcp_cost(const struct rtcp_packet *p)
{
	uint32_t cost = RTCP_COST_PACKET + p->body_size / 4u;
	struct rtcp_feedback f;

	if (p->type == RTCP_RTPFB && p->count == RTCP_RTPFB_TWCC && rtcp_read_feedback(p, &f) &&
	    f.fci_size >= STATUS_COUNT_OFFSET + 2)
		cost += bytes_be16(f.fci + STATUS_COUNT_OFFSET) / RTCP_COST_STATUSES;
	return cost;
}

bool rtcp_budget_take(struct rtcp_budget *b, const struct rtcp_packet *p, uint32_t streams,
		      uint64_t now_us)
{
	int64_t rate = RTCP_BUDGET_BASE + (int64_t)RTCP_BUDGET_STREAM * streams;
	int64_t full = rate * RTCP_BUDGET_BURST_US;
	uint64_t passed_us = now_us - b->filled_us;

	// What was saved up fits twice the burst whatever the debt, which is one packet's.
	if (b->filled_us == 0 || passed_us >= 2 * (uint64_t)RTCP_BUDGET_BURST_US)
		b->credit = full;
	else
		b->credit += rate * (int64_t)passed_us;
	if (b->credit > full)
		b->credit = full;
	b->filled_us = now_us;
	if (b->credit <= 0)
		return false;
	b->credit -= (int64_t)rtcp_cost(p) * MILLION;
	return true;
}
