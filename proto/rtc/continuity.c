// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/continuity.c - mapping a source's packets to a consumer's. Contract in continuity.h.
//
// One rule gives every index: walking down from in_highest, which stands at out_next - 1, each
// source index takes one step, except those dropped when newest. So two packets never meet, and the
// order of arrival does not matter.
#include "proto/rtc/continuity.h"

#include "proto/rtc/seq.h"

#include <string.h>

// Of a source index up to the newest, and less than a window behind it.
static unsigned word_of(const struct rtp_continuity *c, uint64_t index)
{
	return (unsigned)(c->in_highest / 64 - index / 64);
}

static struct rtp_continuity_bits *bits_of(struct rtp_continuity *c, uint64_t index)
{
	return &c->bits[word_of(c, index)];
}

static uint64_t bit_of(uint64_t index)
{
	return UINT64_C(1) << (index % 64);
}

static bool seen(const struct rtp_continuity *c, uint64_t index)
{
	return (c->bits[word_of(c, index)].seen & bit_of(index)) != 0;
}

// By hand: without -mpopcnt the builtin is a call into libgcc.
static unsigned ones(uint64_t v)
{
	v -= v >> 1 & UINT64_C(0x5555555555555555);
	v = (v & UINT64_C(0x3333333333333333)) + (v >> 2 & UINT64_C(0x3333333333333333));
	v = (v + (v >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return (unsigned)(v * UINT64_C(0x0101010101010101) >> 56);
}

// Dropped ones in 'above' + 1 .. in_highest, at most a window of them.
static uint64_t dropped_above(const struct rtp_continuity *c, uint64_t above)
{
	uint64_t count = 0;
	for (uint64_t at = above + 1; at <= c->in_highest;) {
		uint64_t span = 64 - at % 64;
		if (span > c->in_highest - at + 1)
			span = c->in_highest - at + 1;
		uint64_t word = c->bits[word_of(c, at)].dropped >> (at % 64);
		if (span < 64)
			word &= (UINT64_C(1) << span) - 1;
		count += ones(word);
		at += span;
	}
	return count;
}

static void forget_all(struct rtp_continuity *c)
{
	memset(c->bits, 0, sizeof(c->bits));
}

// Makes 'index' the newest. What lies between stays unseen.
static void advance(struct rtp_continuity *c, uint64_t index)
{
	uint64_t words = index / 64 - c->in_highest / 64;

	if (words >= RTP_CONTINUITY_WORDS) {
		forget_all(c);
	} else if (words != 0) {
		memmove(c->bits + words, c->bits,
			(RTP_CONTINUITY_WORDS - words) * sizeof(c->bits[0]));
		memset(c->bits, 0, words * sizeof(c->bits[0]));
	}
	c->in_highest = index;
	c->bits[0].seen |= bit_of(index);
}

// Starts over at 'index': nothing below maps any more.
static void splice(struct rtp_continuity *c, uint64_t index)
{
	forget_all(c);
	c->in_floor = index;
	c->in_highest = index;
	bits_of(c, index)->seen |= bit_of(index);
}

// A tick for so many of the source's: half a second of pictures, each with one of its own, is over
// within a millisecond.
enum { CREEP_TICKS = 1024, CREEP_SPAN = 1 << 22 };

uint32_t rtp_continuity_ts(const struct rtp_continuity *c, uint32_t ts)
{
	uint32_t clock = ts + c->ts_delta, since = ts - c->switch_in;
	uint32_t creeping = c->switch_out + since / CREEP_TICKS;

	return since < CREEP_SPAN && seq_ts_newer(creeping, clock) ? creeping : clock;
}

// The newest timestamp given out. A packet may have come before the one that had the last.
static void newest(struct rtp_continuity *c, uint32_t ts, uint64_t now_us)
{
	c->ts_newest = ts;
	if (now_us > c->ts_arrival_us)
		c->ts_arrival_us = now_us;
}

static void give(struct rtp_continuity *c, const struct rtp_continuity_in *in, uint64_t index,
		 struct rtp_continuity_out *out)
{
	*out = (struct rtp_continuity_out){.index = index, .ts = rtp_continuity_ts(c, in->ts)};
	if (!seq_ts_newer(out->ts, c->ts_newest))
		return;
	newest(c, out->ts, in->now_us);
	if (out->ts == in->ts + c->ts_delta)
		c->started = 1;
}

void rtp_continuity_init(struct rtp_continuity *c, uint16_t first, uint32_t ts)
{
	assert(first < 0x8000);
	*c = (struct rtp_continuity){.out_next = first, .ts_newest = ts};
}

static enum rtp_continuity_verdict map_newer(struct rtp_continuity *c,
					     const struct rtp_continuity_in *in,
					     struct rtp_continuity_out *out)
{
	uint64_t gap = in->index - c->in_highest - 1;
	bool far = gap > RTP_CONTINUITY_GAP_MAX;
	uint64_t index = far ? c->out_next : c->out_next + gap;
	if (index > SEQ_INDEX_MAX)
		return RTP_CONTINUITY_EXHAUSTED;
	if (far)
		splice(c, in->index);
	else
		advance(c, in->index);
	c->out_next = index + 1;
	give(c, in, index, out);
	return RTP_CONTINUITY_SEND;
}

static enum rtp_continuity_verdict map_late(struct rtp_continuity *c,
					    const struct rtp_continuity_in *in,
					    struct rtp_continuity_out *out)
{
	uint64_t behind = c->in_highest - in->index;
	if (behind >= RTP_CONTINUITY_WINDOW)
		return RTP_CONTINUITY_TOO_LATE;
	if (seen(c, in->index))
		return RTP_CONTINUITY_SEEN;
	bits_of(c, in->index)->seen |= bit_of(in->index);
	give(c, in, c->out_next - 1 - behind + dropped_above(c, in->index), out);
	return RTP_CONTINUITY_SEND;
}

enum rtp_continuity_verdict rtp_continuity_map(struct rtp_continuity *c,
					       const struct rtp_continuity_in *in,
					       struct rtp_continuity_out *out)
{
	assert(in->index <= SEQ_INDEX_MAX);
	if (c->started == 0 || in->source != c->source)
		return RTP_CONTINUITY_OTHER_SOURCE;
	if (in->index < c->in_floor)
		return RTP_CONTINUITY_TOO_LATE;
	return in->index > c->in_highest ? map_newer(c, in, out) : map_late(c, in, out);
}

static uint32_t ticks(uint64_t us, uint32_t clock_rate)
{
	return (uint32_t)(us / 1000000 * clock_rate + us % 1000000 * clock_rate / 1000000);
}

uint32_t rtp_continuity_clock(const struct rtp_continuity *c, const struct rtp_continuity_in *in)
{
	if (c->started == 0)
		return c->ts_newest;
	uint32_t own = in->ts + c->ts_delta;
	if (in->source == c->source && seq_ts_newer(own, c->ts_newest))
		return own;
	if (in->now_us >= c->ts_arrival_us)
		return c->ts_newest + ticks(in->now_us - c->ts_arrival_us, in->clock_rate);
	return c->ts_newest - ticks(c->ts_arrival_us - in->now_us, in->clock_rate);
}

enum rtp_continuity_verdict rtp_continuity_switch(struct rtp_continuity *c,
						  const struct rtp_continuity_in *in,
						  struct rtp_continuity_out *out)
{
	return rtp_continuity_switch_to(c, in, rtp_continuity_clock(c, in), out);
}

enum rtp_continuity_verdict rtp_continuity_switch_to(struct rtp_continuity *c,
						     const struct rtp_continuity_in *in,
						     uint32_t clock_ts,
						     struct rtp_continuity_out *out)
{
	assert(in->index <= SEQ_INDEX_MAX && in->clock_rate != 0);
	if (c->started != 0 && in->source == c->source && in->index <= c->in_highest) {
		bool known = in->index >= c->in_floor &&
			     c->in_highest - in->index < RTP_CONTINUITY_WINDOW;
		return known && seen(c, in->index) ? RTP_CONTINUITY_SEEN : RTP_CONTINUITY_TOO_LATE;
	}
	if (c->out_next > SEQ_INDEX_MAX)
		return RTP_CONTINUITY_EXHAUSTED;
	bool behind = c->started != 0 && !seq_ts_newer(clock_ts, c->ts_newest);
	uint32_t ts = behind ? c->ts_newest + 1 : clock_ts;
	*out = (struct rtp_continuity_out){.index = c->out_next, .ts = ts};
	c->ts_delta = clock_ts - in->ts;
	c->switch_in = in->ts;
	c->switch_out = ts;
	newest(c, ts, in->now_us);
	c->source = in->source;
	c->started = behind ? 2 : 1;
	c->out_next++;
	splice(c, in->index);
	return RTP_CONTINUITY_SEND;
}

void rtp_continuity_drop(struct rtp_continuity *c, const struct rtp_continuity_in *in)
{
	assert(in->index <= SEQ_INDEX_MAX);
	if (c->started == 0 || in->source != c->source || in->index < c->in_floor)
		return;
	if (in->index <= c->in_highest) {
		if (c->in_highest - in->index < RTP_CONTINUITY_WINDOW)
			bits_of(c, in->index)->seen |= bit_of(in->index);
		return;
	}
	uint64_t gap = in->index - c->in_highest - 1;
	if (gap > RTP_CONTINUITY_GAP_MAX) {
		splice(c, in->index);
	} else {
		if (c->out_next + gap > SEQ_INDEX_MAX)
			return; // the next packet to be sent finds no index anyway
		advance(c, in->index);
		c->out_next += gap;
	}
	bits_of(c, in->index)->dropped |= bit_of(in->index);
}

// Walks down from in_highest: packets dropped take no step.
bool rtp_continuity_source_of(const struct rtp_continuity *c, uint16_t seq, uint64_t *index)
{
	int64_t newest = (int64_t)c->out_next - 1;
	int64_t wanted = seq_unwrap(newest, seq);

	if (c->started == 0 || wanted < 0 || wanted > newest || c->in_floor > c->in_highest)
		return false;
	uint64_t steps = (uint64_t)(newest - wanted);
	for (uint64_t back = 0; back < RTP_CONTINUITY_WINDOW; back++) {
		uint64_t at = c->in_highest - back;

		if (back > c->in_highest - c->in_floor || back > c->in_highest)
			return false;
		if ((c->bits[word_of(c, at)].dropped & bit_of(at)) != 0)
			continue;
		if (steps-- != 0)
			continue;
		*index = at;
		return true;
	}
	return false;
}

bool rtp_continuity_jump(struct rtp_continuity *c, uint64_t index)
{
	if (index < c->out_next || index - c->out_next >= 0x8000 || index > SEQ_INDEX_MAX)
		return false;
	c->out_next = index;
	if (c->started != 0)
		c->in_floor = c->in_highest + 1;
	return true;
}

void rtp_continuity_take_back(struct rtp_continuity *c, uint64_t index)
{
	assert(index <= c->out_next);
	if (c->started == 0 || index == c->out_next)
		return;
	c->out_next = index;
	c->in_floor = c->in_highest + 1;
}

bool rtp_continuity_valid(const struct rtp_continuity *c)
{
	if (c->started > 2 || c->in_highest > SEQ_INDEX_MAX || c->in_floor > c->in_highest + 1 ||
	    c->out_next > SEQ_INDEX_MAX + 1)
		return false;
	for (unsigned i = 0; i < RTP_CONTINUITY_WORDS; i++)
		if ((c->bits[i].dropped & ~c->bits[i].seen) != 0 ||
		    (c->started == 0 && c->bits[i].seen != 0))
			return false;
	if (c->started == 0)
		return c->in_highest == 0 && c->in_floor == 0;
	// Nothing is known of what has not come yet.
	if ((c->bits[0].seen & ~(bit_of(c->in_highest) * 2 - 1)) != 0)
		return false;
	if (c->out_next == 0 || !seen(c, c->in_highest))
		return false;
	// The lowest source index that still maps must land at 0 or above.
	uint64_t behind = RTP_CONTINUITY_WINDOW - 1;
	if (c->in_floor > c->in_highest)
		behind = 0;
	else if (c->in_highest - c->in_floor < behind)
		behind = c->in_highest - c->in_floor;
	return c->out_next - 1 + dropped_above(c, c->in_highest - behind) >= behind;
}
