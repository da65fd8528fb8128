// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_continuity_model_test.c - random operations against a model that keeps lists
// and scans them; and states read back damaged.
#include "tests/unit/rtc/test.h"

#include "proto/rtc/continuity.h"
#include "proto/rtc/seq.h"

#include <string.h>

enum { LIST_MAX = 1 << 16, OUT_MAX = 1 << 22, OPERATIONS = 12000, ROUNDS = 40 };

// One stretch of source indexes that map by distance from its base.
struct model {
	uint32_t source;
	bool started;
	uint64_t base_in, base_out, highest;
	uint64_t dropped[LIST_MAX], seen[LIST_MAX];
	size_t dropped_count, seen_count;
	uint32_t ts_delta, ts_newest;
	uint64_t ts_us;
};

static struct model m;
static uint8_t given[OUT_MAX]; // egress indexes handed out, and not taken back: each at most once

static bool in_list(const uint64_t *list, size_t count, uint64_t v)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == v)
			return true;
	return false;
}

static uint64_t model_out(uint64_t index)
{
	uint64_t out = m.base_out + (index - m.base_in);
	for (size_t i = 0; i < m.dropped_count; i++)
		if (m.dropped[i] < index)
			out--;
	return out;
}

static void model_stretch(uint64_t base_in, uint64_t base_out)
{
	m.base_in = base_in;
	m.base_out = base_out;
	m.dropped_count = 0;
	m.seen_count = 0;
}

static uint32_t model_ts(const struct rtp_continuity_in *in)
{
	uint32_t ts = in->ts + m.ts_delta;
	if ((int32_t)(ts - m.ts_newest) > 0) {
		m.ts_newest = ts;
		m.ts_us = in->now_us;
	}
	return ts;
}

static enum rtp_continuity_verdict model_map(const struct rtp_continuity_in *in,
					     struct rtp_continuity_out *out)
{
	if (!m.started || in->source != m.source)
		return RTP_CONTINUITY_OTHER_SOURCE;
	if (in->index < m.base_in)
		return RTP_CONTINUITY_TOO_LATE;
	if (in->index + RTP_CONTINUITY_WINDOW <= m.highest)
		return RTP_CONTINUITY_TOO_LATE;
	if (in_list(m.seen, m.seen_count, in->index))
		return RTP_CONTINUITY_SEEN;
	if (in->index > m.highest + 1 + RTP_CONTINUITY_GAP_MAX)
		model_stretch(in->index, model_out(m.highest + 1));
	if (in->index > m.highest)
		m.highest = in->index;
	m.seen[m.seen_count++] = in->index;
	out->index = model_out(in->index);
	out->ts = model_ts(in);
	return RTP_CONTINUITY_SEND;
}

static void model_drop(const struct rtp_continuity_in *in)
{
	if (!m.started || in->source != m.source || in->index < m.base_in)
		return;
	if (in->index > m.highest) {
		if (in->index > m.highest + 1 + RTP_CONTINUITY_GAP_MAX)
			model_stretch(in->index, model_out(m.highest + 1));
		m.highest = in->index;
		m.dropped[m.dropped_count++] = in->index;
	}
	m.seen[m.seen_count++] = in->index;
}

static enum rtp_continuity_verdict model_switch(const struct rtp_continuity_in *in,
						struct rtp_continuity_out *out, uint16_t first)
{
	bool same = m.started && in->source == m.source;
	if (same && in->index <= m.highest) {
		bool near = in->index + RTP_CONTINUITY_WINDOW > m.highest;
		return near && in->index >= m.base_in && in_list(m.seen, m.seen_count, in->index)
			       ? RTP_CONTINUITY_SEEN
			       : RTP_CONTINUITY_TOO_LATE;
	}
	uint64_t base_out = m.started ? model_out(m.highest + 1) : first;
	uint32_t ts = m.ts_newest;
	if (same && (int32_t)(in->ts + m.ts_delta - m.ts_newest) > 0) {
		ts = in->ts + m.ts_delta;
	} else if (m.started) {
		uint64_t ticks = (in->now_us - m.ts_us) * in->clock_rate / 1000000;
		ts += ticks == 0 ? 1 : (uint32_t)ticks;
	}
	m.started = true;
	m.source = in->source;
	model_stretch(in->index, base_out);
	m.highest = in->index;
	m.seen[m.seen_count++] = in->index;
	m.ts_delta = ts - in->ts;
	m.ts_newest = ts;
	m.ts_us = in->now_us;
	*out = (struct rtp_continuity_out){.index = base_out, .ts = ts};
	return RTP_CONTINUITY_SEND;
}

static void compare(int round, int op, const char *what, enum rtp_continuity_verdict got,
		    enum rtp_continuity_verdict want, const struct rtp_continuity_out *a,
		    const struct rtp_continuity_out *b)
{
	if (got != want)
		fail_msg("round %d op %d %s: verdict %d, model %d", round, op, what, got, want);
	if (got != RTP_CONTINUITY_SEND)
		return;
	if (a->index != b->index || a->ts != b->ts)
		fail_msg("round %d op %d %s: index %llu ts %u, model %llu %u", round, op, what,
			 (unsigned long long)a->index, a->ts, (unsigned long long)b->index, b->ts);
	assert_true(a->index < OUT_MAX);
	if (given[a->index]++ != 0)
		fail_msg("round %d op %d %s: index %llu given twice", round, op, what,
			 (unsigned long long)a->index);
}

// Two sources, each with a position that moves on, now and then far.
struct source {
	uint64_t at;
	uint32_t ts;
};

static struct rtp_continuity_in next_packet(struct prng *p, struct source *s, uint32_t which,
					    uint64_t now_us)
{
	uint64_t kind = prng_below(p, 1000);
	if (kind < 700)
		s->at++;
	else if (kind < 800)
		s->at += 1 + prng_below(p, 5);
	else if (kind < 803)
		s->at += prng_below(p, 2 * RTP_CONTINUITY_GAP_MAX);
	uint64_t back = 0;
	if (kind >= 800 && kind < 950)
		back = prng_below(p, 20);
	else if (kind >= 950)
		back = prng_below(p, RTP_CONTINUITY_WINDOW + 50);
	s->ts += (uint32_t)prng_below(p, 3000);
	return (struct rtp_continuity_in){
		.source = which,
		.index = s->at - back,
		.ts = s->ts - (uint32_t)back * 100,
		.now_us = now_us,
		.clock_rate = which % 2 == 0 ? 90000 : 48000,
	};
}

// Backwards: whatever was given out of this stretch, as far as the window reaches.
static void check_source_of(struct prng *p, const struct rtp_continuity *c)
{
	if (!m.started || m.seen_count == 0)
		return;
	uint64_t index = m.seen[m.seen_count - 1 - prng_below(p, m.seen_count)];
	uint64_t source = UINT64_MAX;
	bool near = index + RTP_CONTINUITY_WINDOW > m.highest && index >= m.base_in;
	if (!near || in_list(m.dropped, m.dropped_count, index))
		return;
	assert_true(rtp_continuity_source_of(c, (uint16_t)model_out(index), &source));
	assert_int_equal(source, index);
}

static void take_back(struct prng *p, struct rtp_continuity *c, uint64_t first)
{
	uint64_t next = model_out(m.highest + 1), back = prng_below(p, 100);

	if (next < first + back || back == 0)
		return;
	rtp_continuity_take_back(c, next - back);
	model_stretch(m.highest + 1, next - back);
	memset(&given[next - back], 0, back);
}

static void one_round(struct prng *p, int round)
{
	struct rtp_continuity c;
	struct source s[2] = {{100000, (uint32_t)prng_next(p)}, {200000, (uint32_t)prng_next(p)}};
	uint16_t first = (uint16_t)prng_below(p, 0x8000);
	uint32_t ts = (uint32_t)prng_next(p);
	uint64_t now_us = 1000;

	rtp_continuity_init(&c, first, ts);
	memset(&m, 0, sizeof(m));
	memset(given, 0, sizeof(given));
	m.ts_newest = ts;
	for (int op = 0; op < OPERATIONS && m.seen_count + 1 < LIST_MAX; op++) {
		now_us += prng_below(p, 20000);
		uint32_t which = (uint32_t)prng_below(p, 8) == 0 ? 1 : 0;
		if (round % 2 != 0)
			which = 1 - which;
		struct rtp_continuity_in in = next_packet(p, &s[which], which, now_us);
		struct rtp_continuity_out a = {0}, b = {0};
		uint64_t kind = prng_below(p, 1000);
		if (kind < 4) {
			compare(round, op, "switch", rtp_continuity_switch(&c, &in, &a),
				model_switch(&in, &b, first), &a, &b);
		} else if (kind < 250) {
			rtp_continuity_drop(&c, &in);
			model_drop(&in);
		} else if (kind == 999 && m.started) {
			uint64_t to = model_out(m.highest + 1) + prng_below(p, 3000);
			assert_true(rtp_continuity_jump(&c, to));
			model_stretch(m.highest + 1, to);
		} else if (kind == 998 && m.started) {
			take_back(p, &c, first + 1u);
		} else {
			compare(round, op, "map", rtp_continuity_map(&c, &in, &a),
				model_map(&in, &b), &a, &b);
		}
		assert_true(rtp_continuity_valid(&c));
		check_source_of(p, &c);
	}
}

static void random_against_the_model(void **state)
{
	(void)state;
	struct prng p = prng_start(0xc0471);
	for (int round = 0; round < ROUNDS; round++)
		one_round(&p, round);
}

static void use_damaged(struct prng *p, struct rtp_continuity c)
{
	for (int op = 0; op < 40; op++) {
		struct rtp_continuity_out out = {0};
		struct rtp_continuity_in in = {
			.source = c.source,
			.index = (c.in_highest + prng_below(p, 3000) - 1500) & SEQ_INDEX_MAX,
			.now_us = prng_next(p),
			.clock_rate = 90000,
		};
		enum rtp_continuity_verdict got = op % 8 == 0 ? rtp_continuity_switch(&c, &in, &out)
							      : rtp_continuity_map(&c, &in, &out);
		if (got == RTP_CONTINUITY_SEND)
			assert_true(out.index <= SEQ_INDEX_MAX);
		rtp_continuity_drop(&c, &in);
	}
}

// What the check lets through must be safe to use, whoever wrote it.
static void damaged_states_are_refused_or_safe(void **state)
{
	(void)state;
	struct prng p = prng_start(0xdead);
	struct rtp_continuity good;
	struct rtp_continuity_out out;
	struct rtp_continuity_in in = {
		.source = 1, .index = 5000, .now_us = 1, .clock_rate = 90000};
	rtp_continuity_init(&good, 3, 9);
	assert_int_equal(rtp_continuity_switch(&good, &in, &out), RTP_CONTINUITY_SEND);
	unsigned refused = 0, passed = 0;
	for (int i = 0; i < 200000; i++) {
		struct rtp_continuity c = good;
		uint8_t *bytes = (uint8_t *)&c;
		for (uint64_t flips = 1 + prng_below(&p, 3); flips != 0; flips--)
			bytes[prng_below(&p, sizeof(c))] ^= (uint8_t)(1u << prng_below(&p, 8));
		if (!rtp_continuity_valid(&c)) {
			refused++;
			continue;
		}
		passed++;
		use_damaged(&p, c);
	}
	assert_true(refused > 1000 && passed > 1000); // both sides of the check were met
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_against_the_model),
		cmocka_unit_test(damaged_states_are_refused_or_safe),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
