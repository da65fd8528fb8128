// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/bandwidth/pacer.c - a queue and a debt that time pays. Contract in pacer.h.
#include "proto/rtc/bandwidth/pacer.h"

#include <assert.h>

void pacer_init(struct pacer *p, struct pacer_item *items, uint32_t count, uint64_t now_us)
{
	assert(count != 0 && (count & (count - 1)) == 0);
	*p = (struct pacer){.items = items, .mask = count - 1, .updated_us = now_us};
	pacer_set_rate(p, PACER_RATE_MIN_BPS);
}

void pacer_set_rate(struct pacer *p, uint64_t estimate_bps)
{
	p->rate_bps = estimate_bps > PACER_RATE_MIN_BPS ? estimate_bps : PACER_RATE_MIN_BPS;
	p->sending_bps = p->rate_bps / 100 * PACER_FACTOR_PERCENT;
}

void pacer_pay(struct pacer *p, uint64_t now_us)
{
	uint64_t elapsed_us = now_us - p->updated_us, bps = p->sending_bps;
	int64_t credit = (int64_t)(bps * PACER_CREDIT_US / 1000000);

	if (elapsed_us == 0)
		return;
	if (elapsed_us > 1000000)
		elapsed_us = 1000000;
	p->debt_bits -= (int64_t)(bps * elapsed_us / 1000000);
	if (p->debt_bits < -credit && p->queued_bytes == 0)
		p->debt_bits = -credit;
	p->updated_us = now_us;
}

static bool too_long(const struct pacer *p)
{
	return p->queued_bytes > PACER_QUEUE_BYTES_MIN &&
	       p->queued_bytes * 8 > p->rate_bps / 1000 * (PACER_QUEUE_US / 1000);
}

bool pacer_push(struct pacer *p, uintptr_t handle, uint32_t size, uint64_t now_us)
{
	assert(size != 0);
	if (p->count > p->mask || too_long(p))
		return false;
	pacer_pay(p, now_us);
	p->items[pacer_place(p)] =
		(struct pacer_item){.handle = handle, .size = size, .queued_us = now_us};
	p->count++;
	p->queued_bytes += size;
	return true;
}

static void advance(struct pacer *p)
{
	p->head = (p->head + 1) & p->mask;
	p->count--;
}

void pacer_cancel(struct pacer *p, uint32_t place)
{
	p->queued_bytes -= p->items[place & p->mask].size;
	p->items[place & p->mask].size = 0;
	while (p->count != 0 && p->items[(pacer_place(p) - 1) & p->mask].size == 0)
		p->count--;
	while (p->count != 0 && p->items[p->head].size == 0)
		advance(p);
}

bool pacer_poll(struct pacer *p, uint64_t now_us, struct pacer_out *out)
{
	pacer_pay(p, now_us);
	if (p->debt_bits > 0 || p->count == 0)
		return false;
	const struct pacer_item *item = &p->items[p->head];
	*out = (struct pacer_out){
		.handle = item->handle, .queued_us = item->queued_us, .size = item->size};
	advance(p);
	p->queued_bytes -= out->size;
	p->debt_bits += (int64_t)out->size * 8;
	return true;
}

void pacer_undo(struct pacer *p, const struct pacer_out *out)
{
	p->debt_bits -= (int64_t)out->size * 8;
}

uint64_t pacer_deadline_us(const struct pacer *p)
{
	if (p->count == 0)
		return UINT64_MAX;
	if (p->debt_bits <= 0)
		return p->updated_us;
	uint64_t bps = p->sending_bps;
	return p->updated_us + ((uint64_t)p->debt_bits * 1000000 + bps - 1) / bps;
}
