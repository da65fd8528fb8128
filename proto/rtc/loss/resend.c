// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/loss/resend.c - answering NACKs within bounds. Contract in resend.h.
#include "proto/rtc/loss/resend.h"

static int64_t burst_bytes(const struct resend_budget *b)
{
	return (int64_t)(b->rate_bps / 8 * RESEND_BURST_US / 1000000);
}

void resend_budget_init(struct resend_budget *b)
{
	*b = (struct resend_budget){.rate_bps = RESEND_RATE_MIN_BPS};
	b->credit_bytes = burst_bytes(b);
}

void resend_budget_set_rate(struct resend_budget *b, uint64_t bps)
{
	uint64_t share = bps / 100 * RESEND_SHARE_PERCENT;
	b->rate_bps = share < RESEND_RATE_MIN_BPS ? RESEND_RATE_MIN_BPS : share;
}

static void fill_credit(struct resend_budget *b, uint64_t now_us)
{
	uint64_t elapsed_us = now_us - b->filled_us;

	if (elapsed_us > RESEND_BURST_US)
		elapsed_us = RESEND_BURST_US;
	uint64_t bytes = b->rate_bps / 8 * elapsed_us / 1000000;
	if (bytes == 0)
		return; // not yet: rounding must not eat the time that passed
	b->filled_us = now_us;
	b->credit_bytes += (int64_t)bytes;
	if (b->credit_bytes > burst_bytes(b))
		b->credit_bytes = burst_bytes(b);
}

bool resend_budget_take(struct resend_budget *b, uint32_t bytes, uint64_t now_us)
{
	fill_credit(b, now_us);
	if (b->credit_bytes < (int64_t)bytes)
		return false;
	b->credit_bytes -= bytes;
	return true;
}

bool resend_ask(struct resend *r, uint64_t now_us)
{
	if (now_us - r->asks_us >= RESEND_ASKS_US) {
		r->asks_us = now_us;
		r->asks = 0;
	}
	return r->asks++ < RESEND_ASKS_MAX;
}

bool resend_under_way(const struct resend *r, uint64_t index, uint64_t now_us, uint64_t rtt_us)
{
	for (unsigned i = 0; i < RESEND_KEPT; i++)
		if (r->given[i].at_us != 0 && r->given[i].index == index &&
		    now_us - r->given[i].at_us < rtt_us - rtt_us / 4)
			return true;
	return false;
}

void resend_given(struct resend *r, uint64_t index, uint64_t now_us)
{
	r->given[r->next % RESEND_KEPT].at_us = now_us;
	r->given[r->next++ % RESEND_KEPT].index = index;
}
