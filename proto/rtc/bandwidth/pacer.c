// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/bandwidth/pacer.c - queues by class and a debt that time pays. Contract in pacer.h.
#include "proto/rtc/bandwidth/pacer.h"

#include <assert.h>

void pacer_init(struct pacer *p, struct pacer_item *items[PACER_CLASSES],
		const uint32_t counts[PACER_CLASSES], uint64_t now_us)
{
	*p = (struct pacer){.updated_us = now_us};
	pacer_set_rate(p, PACER_RATE_MIN_BPS);
	for (int i = 0; i < PACER_CLASSES; i++) {
		assert(counts[i] != 0 && (counts[i] & (counts[i] - 1)) == 0);
		p->queues[i] = (struct pacer_queue){.items = items[i], .mask = counts[i] - 1};
	}
}

static void sending_rate(struct pacer *p)
{
	p->sending_bps = p->probe.id != 0 ? p->probe.bps : p->rate_bps / 100 * PACER_FACTOR_PERCENT;
}

void pacer_set_rate(struct pacer *p, uint64_t estimate_bps)
{
	p->rate_bps = estimate_bps > PACER_RATE_MIN_BPS ? estimate_bps : PACER_RATE_MIN_BPS;
	sending_rate(p);
}

void pacer_probe(struct pacer *p, const struct probe *probe)
{
	p->probe = *probe;
	p->probe_bytes = 0;
	p->probe_pkts = 0;
	sending_rate(p);
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

bool pacer_push(struct pacer *p, enum packet_kind kind, uintptr_t handle, uint32_t size,
		uint64_t now_us)
{
	assert((int)kind < PACER_CLASSES && size != 0);
	struct pacer_queue *q = &p->queues[kind];

	if (q->count > q->mask || (kind != PACKET_AUDIO && too_long(p))) {
		p->refused++;
		return false;
	}
	pacer_pay(p, now_us);
	q->items[(q->head + q->count) & q->mask] =
		(struct pacer_item){.handle = handle, .size = size, .queued_us = now_us};
	q->count++;
	p->queued_bytes += size;
	return true;
}

void pacer_cancel(struct pacer *p, enum packet_kind kind, uint32_t place)
{
	struct pacer_queue *q = &p->queues[kind];

	p->queued_bytes -= q->items[place & q->mask].size;
	q->items[place & q->mask].size = 0;
	while (q->count != 0 && q->items[(q->head + q->count - 1) & q->mask].size == 0)
		q->count--;
	while (q->count != 0 && q->items[q->head].size == 0) {
		q->head = (q->head + 1) & q->mask;
		q->count--;
	}
}

static bool take(struct pacer *p, enum packet_kind kind, struct pacer_out *out)
{
	struct pacer_queue *q = &p->queues[kind];

	if (q->count == 0)
		return false;
	const struct pacer_item *item = &q->items[q->head];
	*out = (struct pacer_out){
		.handle = item->handle,
		.queued_us = item->queued_us,
		.size = item->size,
		.kind = kind,
	};
	q->head = (q->head + 1) & q->mask;
	q->count--;
	p->queued_bytes -= out->size;
	return true;
}

void pacer_probed(struct pacer *p, uint32_t size)
{
	p->probe_bytes += size;
	p->probe_pkts++;
	if (p->probe_bytes < p->probe.bytes || p->probe_pkts < p->probe.pkts)
		return;
	p->probe.id = 0;
	sending_rate(p);
}

static void account(struct pacer *p, uint32_t size)
{
	p->debt_bits += (int64_t)size * 8;
	if (p->probe.id != 0)
		pacer_probed(p, size);
}

bool pacer_is_empty_before(const struct pacer *p, enum packet_kind kind)
{
	return p->queues[PACKET_RETRANSMISSION].count == 0 &&
	       (kind != PACKET_VIDEO || p->queues[PACKET_VIDEO].count == 0);
}

bool pacer_poll(struct pacer *p, uint64_t now_us, struct pacer_out *out)
{
	pacer_pay(p, now_us);
	bool found = take(p, PACKET_AUDIO, out);
	if (!found && p->debt_bits > 0)
		return false;
	found = found || take(p, PACKET_RETRANSMISSION, out) || take(p, PACKET_VIDEO, out);
	if (!found && p->probe.id != 0) {
		*out = (struct pacer_out){
			.size = PROBE_PACKET_BYTES, .kind = PACKET_PADDING, .queued_us = now_us};
		found = true;
	}
	if (found) {
		out->probe = p->probe.id;
		account(p, out->size);
	}
	return found;
}

void pacer_undo(struct pacer *p, const struct pacer_out *out)
{
	p->debt_bits -= (int64_t)out->size * 8;
}

uint64_t pacer_deadline_us(const struct pacer *p)
{
	if (p->queued_bytes == 0 && p->probe.id == 0)
		return UINT64_MAX;
	if (p->queues[PACKET_AUDIO].count != 0 || p->debt_bits <= 0)
		return p->updated_us;
	uint64_t bps = p->sending_bps;
	return p->updated_us + ((uint64_t)p->debt_bits * 1000000 + bps - 1) / bps;
}
