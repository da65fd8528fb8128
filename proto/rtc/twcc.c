// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/twcc.c - arrivals in, transport-wide feedback out. Contract and spec in twcc.h.
#include "proto/rtc/twcc.h"

#include "proto/rtc/bytes.h"
#include "proto/rtc/seq.h"

#include <assert.h>
#include <string.h>

enum {
	TICK_US = 250, // unit of the deltas
	TICKS_PER_REFERENCE = 256, // 64 ms
	HEAD_BYTES = 20, // RTCP header, two SSRCs, base, count, reference time
	RUN_MAX = 8191,
	ONE_BIT_SYMBOLS = 14,
	TWO_BIT_SYMBOLS = 7,
};
enum { SYMBOL_LOST = 0, SYMBOL_SMALL = 1, SYMBOL_LARGE = 2 };

// One feedback packet being planned: a symbol for each number from 'base' on.
struct plan {
	int64_t base;
	uint64_t reference; // of the first received packet, in 64 ms
	uint16_t count;
	uint16_t delta_bytes;
	uint8_t symbol[TWCC_WINDOW_PKTS];
};

static uint64_t *slot(struct twcc_receiver *r, int64_t number)
{
	return &r->arrival_us[(uint64_t)number % TWCC_WINDOW_PKTS];
}

static bool received(const struct twcc_receiver *r, int64_t number)
{
	return r->arrival_us[(uint64_t)number % TWCC_WINDOW_PKTS] != 0;
}

static uint64_t tick(const struct twcc_receiver *r, int64_t number)
{
	return (r->arrival_us[(uint64_t)number % TWCC_WINDOW_PKTS] - 1) / TICK_US;
}

void twcc_init(struct twcc_receiver *r, uint32_t sender_ssrc, uint64_t interval_us)
{
	assert(interval_us != 0);
	*r = (struct twcc_receiver){
		.sender_ssrc = sender_ssrc,
		.interval_us = interval_us,
		.due_us = UINT64_MAX,
	};
}

// Moves the newest number up and forgets what leaves the window.
static void advance(struct twcc_receiver *r, int64_t number)
{
	if (number - r->highest >= TWCC_WINDOW_PKTS)
		memset(r->arrival_us, 0, sizeof(r->arrival_us));
	else
		for (int64_t n = r->highest + 1; n <= number; n++)
			*slot(r, n) = 0;
	r->highest = number;
	if (r->next <= number - TWCC_WINDOW_PKTS)
		r->next = number - TWCC_WINDOW_PKTS + 1;
}

void twcc_receive(struct twcc_receiver *r, uint16_t seq, uint32_t media_ssrc, uint64_t now_us)
{
	if (!r->started) {
		r->highest = seq + INT64_C(0x10000); // room below for late ones
		r->next = r->highest;
		r->started = true;
	}
	int64_t number = seq_unwrap(r->highest, seq);
	if (number > r->highest)
		advance(r, number);
	if (r->highest - number >= TWCC_WINDOW_PKTS || received(r, number))
		return;
	*slot(r, number) = now_us + 1;
	r->media_ssrc = media_ssrc;
	// A late one was reported as lost: report again from there.
	if (number < r->next)
		r->next = number;
	if (r->due_us == UINT64_MAX)
		r->due_us = now_us + r->interval_us;
	// A fast sender does not get to push arrivals out of the window unreported.
	if (r->highest - r->next >= TWCC_WINDOW_PKTS / 2 && now_us < r->due_us)
		r->due_us = now_us;
}

uint64_t twcc_deadline_us(const struct twcc_receiver *r)
{
	return r->due_us;
}

// Plans as many numbers as fit 'count_max' and 16-bit deltas. The first received one always fits.
static void plan_symbols(struct plan *p, const struct twcc_receiver *r, int64_t count_max)
{
	int64_t first = r->next;
	while (!received(r, first))
		first++; // ends: 'highest' was received
	p->base = first - r->next < count_max ? r->next : first - count_max + 1;
	p->reference = tick(r, first) / TICKS_PER_REFERENCE;
	p->count = 0;
	p->delta_bytes = 0;
	uint64_t prior = p->reference * TICKS_PER_REFERENCE;
	for (int64_t n = p->base; n <= r->highest && n - p->base < count_max; n++) {
		uint8_t symbol = SYMBOL_LOST;
		if (received(r, n)) {
			int64_t delta = (int64_t)(tick(r, n) - prior);
			if (delta < INT16_MIN || delta > INT16_MAX)
				break;
			symbol = delta >= 0 && delta <= UINT8_MAX ? SYMBOL_SMALL : SYMBOL_LARGE;
			prior = tick(r, n);
		}
		p->delta_bytes = (uint16_t)(p->delta_bytes + symbol);
		p->symbol[p->count++] = symbol;
	}
}

static unsigned run_at(const struct plan *p, unsigned i)
{
	unsigned run = 1;
	while (i + run < p->count && run < RUN_MAX && p->symbol[i + run] == p->symbol[i])
		run++;
	return run;
}

static bool large_within(const struct plan *p, unsigned i, unsigned span)
{
	for (unsigned k = i; k < p->count && k < i + span; k++)
		if (p->symbol[k] == SYMBOL_LARGE)
			return true;
	return false;
}

static uint16_t vector_chunk(const struct plan *p, unsigned i, unsigned bits, unsigned symbols)
{
	unsigned chunk = bits == 2 ? 0xc000 : 0x8000;
	for (unsigned k = 0; k < symbols && i + k < p->count; k++)
		chunk |= (unsigned)p->symbol[i + k] << (bits * (symbols - 1 - k));
	return (uint16_t)chunk;
}

static void put_chunks(struct bytes_writer *w, const struct plan *p)
{
	for (unsigned i = 0; i < p->count;) {
		bool large = large_within(p, i, ONE_BIT_SYMBOLS);
		unsigned symbols = large ? TWO_BIT_SYMBOLS : ONE_BIT_SYMBOLS;
		unsigned run = run_at(p, i);
		if (run >= symbols || run == p->count - i) {
			bytes_put_be16(w, (uint16_t)((unsigned)p->symbol[i] << 13 | run));
			i += run;
		} else {
			bytes_put_be16(w, vector_chunk(p, i, large ? 2 : 1, symbols));
			i += symbols;
		}
	}
}

static void put_deltas(struct bytes_writer *w, const struct plan *p, const struct twcc_receiver *r)
{
	uint64_t prior = p->reference * TICKS_PER_REFERENCE;
	for (unsigned i = 0; i < p->count; i++) {
		if (p->symbol[i] == SYMBOL_LOST)
			continue;
		uint64_t now = tick(r, p->base + i);
		if (p->symbol[i] == SYMBOL_SMALL)
			bytes_put_u8(w, (uint8_t)(now - prior));
		else
			bytes_put_be16(w, (uint16_t)(now - prior));
		prior = now;
	}
}

static size_t write_feedback(const struct twcc_receiver *r, const struct plan *p, uint8_t *buf,
			     size_t room)
{
	struct bytes_writer w;
	bytes_writer_init(&w, buf, room);
	bytes_put_u8(&w, 0x80 | RTCP_RTPFB_TWCC);
	bytes_put_u8(&w, RTCP_RTPFB);
	bytes_put_be16(&w, 0);
	bytes_put_be32(&w, r->sender_ssrc);
	bytes_put_be32(&w, r->media_ssrc);
	bytes_put_be16(&w, (uint16_t)(uint64_t)p->base);
	bytes_put_be16(&w, p->count);
	bytes_put_be24(&w, (uint32_t)(p->reference & 0xffffff));
	bytes_put_u8(&w, r->feedback_count);
	put_chunks(&w, p);
	put_deltas(&w, p, r);
	// Padding with its count in the last byte (RFC 3550 6.4.1), as the draft allows.
	size_t padding = (4 - w.size % 4) % 4;
	if (padding != 0) {
		bytes_put_zero(&w, padding - 1);
		bytes_put_u8(&w, (uint8_t)padding);
		buf[0] |= 0x20;
	}
	assert(!w.overflow); // plan_symbols() was given a count that fits
	bytes_store_be16(buf + 2, (uint16_t)(w.size / 4 - 1));
	return w.size;
}

size_t twcc_poll(struct twcc_receiver *r, uint64_t now_us, uint8_t *buf, size_t room)
{
	struct plan p;

	assert(room >= TWCC_FEEDBACK_BYTES_MIN);
	if (now_us < r->due_us)
		return 0;
	if (room > UINT16_MAX)
		room = UINT16_MAX;
	// At worst each number takes a 2-byte delta and a seventh of a 2-byte chunk.
	int64_t count_max = (int64_t)(room - HEAD_BYTES - 5) * 7 / 16;
	plan_symbols(&p, r, count_max < TWCC_WINDOW_PKTS ? count_max : TWCC_WINDOW_PKTS);
	size_t size = write_feedback(r, &p, buf, room);
	r->feedback_count++;
	r->next = p.base + p.count;
	if (r->next > r->highest)
		r->due_us = UINT64_MAX;
	return size;
}
