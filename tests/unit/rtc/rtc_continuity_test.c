// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_continuity_test.c - the cases a consumer meets, one by one.
#include "tests/unit/rtc/test.h"

#include "proto/rtc/continuity.h"
#include "proto/rtc/seq.h"

#include <string.h>

enum { A = 0xaaaa, B = 0xbbbb };

static struct rtp_continuity_in packet(uint32_t source, uint64_t index, uint32_t ts,
				       uint64_t now_us)
{
	return (struct rtp_continuity_in){
		.source = source, .index = index, .ts = ts, .now_us = now_us, .clock_rate = 90000};
}

static void expect_at(struct rtp_continuity *c, struct rtp_continuity_in in, uint64_t index,
		      int line)
{
	struct rtp_continuity_out out = {0};
	enum rtp_continuity_verdict got = rtp_continuity_map(c, &in, &out);
	if (got != RTP_CONTINUITY_SEND || out.index != index)
		fail_msg("line %d: verdict %d, index %llu instead of %llu", line, got,
			 (unsigned long long)out.index, (unsigned long long)index);
}

#define MAPS(source, in_index, want) expect_at(&c, packet(source, in_index, 0, 0), want, __LINE__)
#define REFUSES(source, in_index, want)                                                            \
	do {                                                                                       \
		struct rtp_continuity_in in_ = packet(source, in_index, 0, 0);                     \
		struct rtp_continuity_out out_;                                                    \
		assert_int_equal(rtp_continuity_map(&c, &in_, &out_), want);                       \
	} while (0)

static struct rtp_continuity start(uint64_t in_index)
{
	struct rtp_continuity c;
	struct rtp_continuity_out out;
	struct rtp_continuity_in in = packet(A, in_index, 5000, 1000000);
	rtp_continuity_init(&c, 100, 77);
	assert_int_equal(rtp_continuity_switch(&c, &in, &out), RTP_CONTINUITY_SEND);
	assert_int_equal(out.index, 100);
	assert_int_equal(out.ts, 77);
	return c;
}

static void drop(struct rtp_continuity *c, uint32_t source, uint64_t index)
{
	struct rtp_continuity_in in = packet(source, index, 0, 0);
	rtp_continuity_drop(c, &in);
}

static void nothing_before_a_source(void **state)
{
	(void)state;
	struct rtp_continuity c;
	rtp_continuity_init(&c, 100, 77);
	REFUSES(A, 5, RTP_CONTINUITY_OTHER_SOURCE);
	c = start(5);
	REFUSES(B, 6, RTP_CONTINUITY_OTHER_SOURCE);
	MAPS(A, 6, 101);
}

static void losses_are_true_gaps(void **state)
{
	(void)state;
	struct rtp_continuity c = start(5);
	MAPS(A, 6, 101);
	MAPS(A, 9, 104);
	MAPS(A, 7, 102); // late, into its place
	REFUSES(A, 7, RTP_CONTINUITY_SEEN);
	MAPS(A, 8, 103);
	MAPS(A, 10, 105);
}

static void drops_leave_no_gap(void **state)
{
	(void)state;
	struct rtp_continuity c = start(5);
	drop(&c, A, 6);
	MAPS(A, 7, 101);
	drop(&c, A, 9); // 8 is missing, 9 dropped
	MAPS(A, 10, 103);
	MAPS(A, 8, 102);
	drop(&c, A, 12);
	drop(&c, A, 11); // dropped late: 11 had its index already
	MAPS(A, 13, 105);
	REFUSES(A, 11, RTP_CONTINUITY_SEEN);
	REFUSES(A, 12, RTP_CONTINUITY_SEEN);
}

static void a_switch_continues(void **state)
{
	(void)state;
	struct rtp_continuity c = start(5);
	struct rtp_continuity_out out;
	struct rtp_continuity_in in = packet(B, 60000, 123456, 1500000); // 0.5 s later
	assert_int_equal(rtp_continuity_switch(&c, &in, &out), RTP_CONTINUITY_SEND);
	assert_int_equal(out.index, 101);
	assert_int_equal(out.ts, 77 + 45000);
	REFUSES(A, 6, RTP_CONTINUITY_OTHER_SOURCE);
	REFUSES(B, 59999, RTP_CONTINUITY_TOO_LATE);
	in = packet(B, 60001, 123456 + 3000, 1533333);
	assert_int_equal(rtp_continuity_map(&c, &in, &out), RTP_CONTINUITY_SEND);
	assert_int_equal(out.index, 102);
	assert_int_equal(out.ts, 77 + 45000 + 3000);
}

static void a_switch_within_one_instant_advances_the_timestamp(void **state)
{
	(void)state;
	struct rtp_continuity c = start(5);
	struct rtp_continuity_out out;
	struct rtp_continuity_in in = packet(B, 1, 9, 1000000);
	assert_int_equal(rtp_continuity_switch(&c, &in, &out), RTP_CONTINUITY_SEND);
	assert_int_equal(out.ts, 78);
	in = packet(A, 6, 9, 900000); // a clock that goes back counts as standing still
	assert_int_equal(rtp_continuity_switch(&c, &in, &out), RTP_CONTINUITY_SEND);
	assert_int_equal(out.ts, 79);
}

// Half a second of pictures taken before the newest: each has a timestamp of its own, none goes
// back, and the first one taken later shows its time as ever, as do all that follow.
static void what_was_taken_before_creeps(void **state)
{
	(void)state;
	struct rtp_continuity c = start(5);
	struct rtp_continuity_out out;
	uint32_t newest = 77, creeping[15];
	const uint32_t clock = 77 - 14 * 3000; // what the consumer's shows for the first

	for (unsigned i = 0; i < 20; i++) {
		struct rtp_continuity_in in = packet(B, 1 + i, 500 + i * 3000, 1000000);
		if (i == 0)
			assert_int_equal(rtp_continuity_switch_to(&c, &in, clock, &out),
					 RTP_CONTINUITY_SEND);
		else
			assert_int_equal(rtp_continuity_map_next(&c, &in, &out),
					 RTP_CONTINUITY_SEND);
		assert_int_equal(out.index, 101 + i);
		assert_true(seq_ts_newer(out.ts, newest));
		if (i < 15)
			creeping[i] = out.ts;
		else
			assert_int_equal(out.ts, clock + i * 3000);
		newest = out.ts;
	}
	assert_true(seq_ts_newer(77 + 90, creeping[14])); // all within a millisecond
	for (unsigned i = 0; i < 15; i++) // a repair has it again
		assert_int_equal(rtp_continuity_ts(&c, 500 + i * 3000), creeping[i]);
	assert_int_equal(rtp_continuity_ts(&c, 500 + UINT32_C(3000000000)), // nine hours on
			 clock + UINT32_C(3000000000));
	assert_true(rtp_continuity_valid(&c));
}

static void a_pause_resumes_without_a_gap(void **state)
{
	(void)state;
	struct rtp_continuity c = start(5);
	struct rtp_continuity_out out;
	struct rtp_continuity_in in = packet(A, 4000, 5000 + 270000, 4000000);
	assert_int_equal(rtp_continuity_switch(&c, &in, &out), RTP_CONTINUITY_SEND);
	assert_int_equal(out.index, 101);
	assert_int_equal(out.ts, 77 + 270000); // the source's own distance
	in.index = 4000;
	assert_int_equal(rtp_continuity_switch(&c, &in, &out), RTP_CONTINUITY_SEEN);
	in.index = 3999;
	assert_int_equal(rtp_continuity_switch(&c, &in, &out), RTP_CONTINUITY_TOO_LATE);
}

static void the_window_is_bounded(void **state)
{
	(void)state;
	struct rtp_continuity c = start(5);
	MAPS(A, 10 + RTP_CONTINUITY_WINDOW, 105 + RTP_CONTINUITY_WINDOW);
	REFUSES(A, 10, RTP_CONTINUITY_TOO_LATE);
	MAPS(A, 11, 106);
}

static void a_jump_of_the_source_is_spliced(void **state)
{
	(void)state;
	struct rtp_continuity c = start(5);
	uint64_t far = 5 + RTP_CONTINUITY_GAP_MAX + 1;
	struct rtp_continuity kept = c;
	MAPS(A, far, 100 + RTP_CONTINUITY_GAP_MAX + 1); // the largest true gap
	c = kept;
	MAPS(A, far + 1, 101);
	REFUSES(A, far, RTP_CONTINUITY_TOO_LATE);
	MAPS(A, far + 2, 102);
}

static void adoption_jumps_ahead(void **state)
{
	(void)state;
	struct rtp_continuity c = start(5);
	assert_false(rtp_continuity_jump(&c, 100));
	assert_false(rtp_continuity_jump(&c, 101 + 0x8000));
	assert_true(rtp_continuity_jump(&c, 101 + 0x7fff));
	REFUSES(A, 4, RTP_CONTINUITY_TOO_LATE);
	MAPS(A, 7, 101 + 0x7fff + 1);
	MAPS(A, 6, 101 + 0x7fff);
	assert_true(rtp_continuity_valid(&c));
}

static void what_never_left_is_given_out_again(void **state)
{
	(void)state;
	struct rtp_continuity c = start(5);
	struct rtp_continuity_in in = packet(B, 9, 0, 2000000);
	struct rtp_continuity_out out;
	uint64_t index;

	for (uint64_t i = 1; i <= 10; i++)
		MAPS(A, 5 + i, 100 + i);
	rtp_continuity_take_back(&c, 104);
	assert_true(rtp_continuity_valid(&c));
	for (uint64_t i = 0; i <= 15; i++) // nothing of it is asked for, nor comes late
		REFUSES(A, i, RTP_CONTINUITY_TOO_LATE);
	assert_false(rtp_continuity_source_of(&c, 103, &index));
	assert_int_equal(rtp_continuity_switch(&c, &in, &out), RTP_CONTINUITY_SEND);
	assert_int_equal(out.index, 104);
	assert_int_equal(out.ts, 77 + 90000); // time goes on
	MAPS(B, 10, 105);
	rtp_continuity_take_back(&c, 106); // nothing to take back
	MAPS(B, 11, 106);
	assert_true(rtp_continuity_source_of(&c, 105, &index));
	assert_int_equal(index, 10);
}

static void rollover_counts_up(void **state)
{
	(void)state;
	struct rtp_continuity c = start(5);
	for (uint64_t i = 1; i < 70000; i++)
		MAPS(A, 5 + i, 100 + i);
}

static void the_last_index_is_the_last(void **state)
{
	(void)state;
	struct rtp_continuity c = start(5);
	c.out_next = SEQ_INDEX_MAX; // as read back from a record after years
	assert_true(rtp_continuity_valid(&c));
	MAPS(A, 6, SEQ_INDEX_MAX);
	struct rtp_continuity before = c;
	REFUSES(A, 7, RTP_CONTINUITY_EXHAUSTED);
	drop(&c, A, 8);
	assert_memory_equal(&c, &before, sizeof(c));
	struct rtp_continuity_in in = packet(B, 1, 1, 1);
	struct rtp_continuity_out out;
	assert_int_equal(rtp_continuity_switch(&c, &in, &out), RTP_CONTINUITY_EXHAUSTED);
}

static void garbage_is_not_valid(void **state)
{
	(void)state;
	const struct rtp_continuity good = start(5);
	struct rtp_continuity c = good;
	assert_true(rtp_continuity_valid(&c));
#define BAD(change)                                                                                \
	c = good;                                                                                  \
	change;                                                                                    \
	if (rtp_continuity_valid(&c))                                                              \
	fail_msg("valid after " #change)
	BAD(c.started = 3);
	BAD(c.started = 0);
	BAD(c.in_highest = SEQ_INDEX_MAX + 1);
	BAD(c.in_highest = 6);
	BAD(c.in_floor = 7);
	BAD(c.out_next = SEQ_INDEX_MAX + 2);
	BAD(c.out_next = 0);
	BAD(c.bits[1].dropped = 1);
	BAD(c.bits[0].seen |= UINT64_C(1) << (c.in_highest + 1)); // not come yet
	BAD(memset(&c, 0xff, sizeof(c)));
	BAD((c.in_floor = 0, c.out_next = 3)); // index 0 would map below 0
#undef BAD
	rtp_continuity_init(&c, 0, 0);
	assert_true(rtp_continuity_valid(&c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_before_a_source),
		cmocka_unit_test(losses_are_true_gaps),
		cmocka_unit_test(drops_leave_no_gap),
		cmocka_unit_test(a_switch_continues),
		cmocka_unit_test(a_switch_within_one_instant_advances_the_timestamp),
		cmocka_unit_test(what_was_taken_before_creeps),
		cmocka_unit_test(a_pause_resumes_without_a_gap),
		cmocka_unit_test(the_window_is_bounded),
		cmocka_unit_test(a_jump_of_the_source_is_spliced),
		cmocka_unit_test(adoption_jumps_ahead),
		cmocka_unit_test(what_never_left_is_given_out_again),
		cmocka_unit_test(rollover_counts_up),
		cmocka_unit_test(the_last_index_is_the_last),
		cmocka_unit_test(garbage_is_not_valid),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
