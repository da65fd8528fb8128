// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/loss/resend.c - answering NACKs within a budget. Contract in resend.h.
#include "proto/rtc/loss/resend.h"

#include "proto/rtc/seq.h"

#include <assert.h>
#include <string.h>

void resend_init(struct resend *r, struct resend_slot *slots, uint32_t count)
{
	assert(count != 0 && (count & (count - 1)) == 0);
	memset(slots, 0, count * sizeof(*slots));
	*r = (struct resend){.slots = slots, .mask = count - 1};
}

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

void resend_record(struct resend *r, const struct resend_sent *sent, uint64_t now_us)
{
	struct resend_slot *s = &r->slots[sent->index & r->mask];

	s->index = sent->index;
	s->source_index = sent->source_index;
	s->sent_us = now_us;
	s->source = sent->source;
	s->size = sent->size;
	s->resends = 0;
	s->ext_kept = sent->ext_size <= RESEND_EXT_BYTES;
	s->ext_size = s->ext_kept ? sent->ext_size : 0;
	if (s->ext_size != 0)
		memcpy(s->ext, sent->ext, s->ext_size);
	if (sent->index > r->highest)
		r->highest = sent->index;
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

// A copy under way arrives within the round trip, but its NACK left half of one ago.
static bool may_be_under_way(const struct resend_slot *s, uint64_t now_us, uint64_t rtt_us)
{
	return s->resends != 0 && now_us - s->sent_us < rtt_us - rtt_us / 4;
}

enum resend_verdict resend_ask(struct resend *r, struct resend_budget *b, uint16_t seq,
			       uint64_t now_us, uint64_t rtt_us, const struct resend_slot **slot)
{
	int64_t index = seq_unwrap((int64_t)r->highest, seq);
	struct resend_slot *s = &r->slots[(uint64_t)index & r->mask];

	if (index < 0 || s->sent_us == 0 || s->index != (uint64_t)index) {
		r->unknown++;
		return RESEND_UNKNOWN;
	}
	if (may_be_under_way(s, now_us, rtt_us)) {
		r->too_soon++;
		return RESEND_TOO_SOON;
	}
	if (!resend_budget_take(b, s->size, now_us)) {
		r->over_budget++;
		return RESEND_OVER_BUDGET;
	}
	r->answered++;
	s->sent_us = now_us;
	s->resends++;
	*slot = s;
	return RESEND_SEND;
}
