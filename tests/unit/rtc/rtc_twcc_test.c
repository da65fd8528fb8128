// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_twcc_test.c - transport-wide feedback: packets typed as bytes, and random
// arrivals through a writer and a reader against what was fed.
#include "tests/unit/rtc/test.h"

#include "proto/rtc/twcc.h"

#include <string.h>

static struct rtcp_packet only(const uint8_t *buf, size_t size)
{
	struct rtcp_walk w;
	struct rtcp_packet p;
	assert_true(rtcp_check(buf, size));
	rtcp_walk_init(&w, buf, size);
	assert_true(rtcp_walk_next(&w, &p));
	assert_int_equal(w.left, 0);
	return p;
}

// Draft 3.1: base 0xfffe, 7 packets; a vector of two-bit symbols.
static const uint8_t typed[] = {
	0xaf, 205,  0, 7, 0, 0, 0, 1, 0, 0, 0, 2, // P, FMT 15
	0xff, 0xfe, 0, 7, // base, count
	0,    0,    3, 9, // reference 3 * 64 ms, feedback 9
	0xd8, 0x12, // 11 01 10 00 00 01 00 10
	4, // small: 1 ms
	0xff, 0xfc, // large: -1 ms
	8, // small: 2 ms
	0x01, 0x00, // large: 64 ms
	0,    0,    0, 4,
};

static void feedback_read(void **state)
{
	(void)state;
	static const struct twcc_status want[] = {
		{0xfffe, true, 4}, {0xffff, true, -4}, {0, false, 0},	 {1, false, 0},
		{2, true, 8},	   {3, false, 0},      {4, true, 0x100},
	};
	struct rtcp_packet p = only(typed, sizeof(typed));
	struct twcc_feedback f;
	struct twcc_feedback_iter it;
	struct twcc_status s;
	assert_true(twcc_read(&p, &f));
	assert_int_equal(f.reference_64ms, 3);
	assert_int_equal(f.feedback_count, 9);
	twcc_feedback_iter_init(&it, &f);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		assert_true(twcc_feedback_next(&it, &s));
		assert_int_equal(s.seq, want[i].seq);
		assert_int_equal(s.received, want[i].received);
		assert_int_equal(s.delta_250us, want[i].delta_250us);
	}
	assert_false(twcc_feedback_next(&it, &s));
}

static void lying_feedback_refused(void **state)
{
	(void)state;
	struct twcc_feedback f;
	uint8_t fci[16] = {0, 1, 0, 20, 0, 0, 0, 0, 0x20, 20, 1, 1, 1, 1, 1, 1};
	uint8_t body[24] = {0};
	struct rtcp_packet p = {
		.body = body, .body_size = 24, .type = RTCP_RTPFB, .count = RTCP_RTPFB_TWCC};
	memcpy(body + 8, fci, sizeof(fci));
	assert_false(twcc_read(&p, &f)); // 20 deltas announced, 6 there
	body[11] = 6; // 6 statuses: the run is longer than the rest, which is fine
	assert_true(twcc_read(&p, &f));
	body[16] = 0x60; // the reserved symbol
	assert_false(twcc_read(&p, &f));
	body[16] = 0; // an empty run
	body[17] = 0;
	assert_false(twcc_read(&p, &f));
	body[16] = 0x20;
	body[17] = 6;
	body[11] = 0; // no statuses at all
	assert_false(twcc_read(&p, &f));
	body[11] = 6;
	p.body_size = 17; // a chunk cut in two
	assert_false(twcc_read(&p, &f));
}

static void feedback_written(void **state)
{
	(void)state;
	// 64.000 ms, 64.250 ms, lost, 65.000 ms: all known in one one-bit vector
	static const uint8_t want[] = {0xaf, 205, 0, 6, 0, 0, 0,    1, 0, 0, 0, 2, 0x12, 0x34,
				       0,    4,	  0, 0, 1, 0, 0xb4, 0, 0, 1, 3, 0, 0,	 3};
	struct twcc_receiver r;
	uint8_t buf[256];
	twcc_init(&r, 1, 100000);
	assert_true(twcc_deadline_us(&r) == UINT64_MAX);
	assert_int_equal(twcc_poll(&r, 5000000, buf, sizeof(buf)), 0);
	twcc_receive(&r, 0x1234, 2, 64000);
	twcc_receive(&r, 0x1235, 2, 64250);
	twcc_receive(&r, 0x1237, 2, 65000);
	twcc_receive(&r, 0x1237, 2, 99999); // a repeat
	assert_true(twcc_deadline_us(&r) == 164000);
	assert_int_equal(twcc_poll(&r, 163999, buf, sizeof(buf)), 0);
	assert_int_equal(twcc_poll(&r, 164000, buf, sizeof(buf)), sizeof(want));
	assert_memory_equal(buf, want, sizeof(want));
	assert_true(twcc_deadline_us(&r) == UINT64_MAX);
	assert_int_equal(twcc_poll(&r, 9000000, buf, sizeof(buf)), 0);
	twcc_receive(&r, 0x1238, 2, 200000);
	assert_true(twcc_poll(&r, 300000, buf, sizeof(buf)) != 0);
	assert_int_equal(buf[13], 0x38); // goes on behind the last one
	assert_int_equal(buf[19], 1); // second feedback
}

enum { FED = 4000 };

struct fed {
	uint64_t tick; // arrival in 250 us + 1, 0: never
	bool told;
};

// Reads one feedback packet and holds it against what was fed.
static void check_against_fed(const uint8_t *buf, size_t size, struct fed *fed, uint64_t first)
{
	struct rtcp_packet p = only(buf, size);
	struct twcc_feedback f;
	struct twcc_feedback_iter it;
	struct twcc_status s;
	assert_true(twcc_read(&p, &f));
	twcc_feedback_iter_init(&it, &f);
	uint64_t at = (uint64_t)f.reference_64ms * 256;
	while (twcc_feedback_next(&it, &s)) {
		uint16_t i = (uint16_t)(s.seq - first);
		assert_true(i < FED);
		if (!s.received) {
			assert_int_equal(fed[i].tick, 0);
			continue;
		}
		at += (uint64_t)(int64_t)s.delta_250us;
		assert_true(fed[i].tick == at + 1);
		fed[i].told = true;
	}
}

static void one_random_run(struct prng *p, uint64_t spread_us, uint64_t loss_percent, size_t room)
{
	static struct fed fed[FED];
	struct twcc_receiver r;
	uint8_t buf[1500];
	uint64_t first = prng_below(p, 65536), now_us = 1000000 + prng_below(p, 1000000);
	memset(fed, 0, sizeof(fed));
	twcc_init(&r, 1, 50000);
	for (uint64_t n = 0; n < FED + 8; n++) {
		now_us += prng_below(p, spread_us);
		// a little reordering: n - 0..7
		uint64_t i = n < 8 ? n : n - prng_below(p, 8);
		if (i < FED && fed[i].tick == 0 && prng_below(p, 100) >= loss_percent) {
			twcc_receive(&r, (uint16_t)(first + i), 2, now_us);
			fed[i].tick = now_us / 250 + 1;
		}
		for (size_t size; (size = twcc_poll(&r, now_us, buf, room)) != 0;) {
			assert_true(size <= room);
			check_against_fed(buf, size, fed, first);
		}
	}
	for (size_t size; (size = twcc_poll(&r, now_us + 50000, buf, room)) != 0;)
		check_against_fed(buf, size, fed, first);
	for (size_t i = 0; i < FED; i++)
		if (fed[i].tick != 0 && !fed[i].told)
			fail_msg("packet %zu was never reported", i);
}

static void random_arrivals_come_back(void **state)
{
	(void)state;
	struct prng p = prng_start(0x7cc);
	for (int round = 0; round < 20; round++) {
		one_random_run(&p, 1000, 0, 1200);
		one_random_run(&p, 1000, 30, 1200);
		one_random_run(&p, 200000, 50, 1200); // deltas of two bytes
		one_random_run(&p, 100, 10, TWCC_FEEDBACK_BYTES_MIN);
	}
}

static void a_long_silence_starts_another_packet(void **state)
{
	(void)state;
	struct twcc_receiver r;
	struct twcc_feedback f;
	uint8_t buf[256];
	twcc_init(&r, 1, 100000);
	twcc_receive(&r, 1, 2, 1000000);
	twcc_receive(&r, 2, 2, 60000000); // 59 s: no 16-bit delta can say that
	size_t size = twcc_poll(&r, 61000000, buf, sizeof(buf));
	struct rtcp_packet p = only(buf, size);
	assert_true(twcc_read(&p, &f));
	assert_int_equal(f.status_count, 1);
	size = twcc_poll(&r, 61000000, buf, sizeof(buf));
	p = only(buf, size);
	assert_true(twcc_read(&p, &f));
	assert_int_equal(f.base_seq, 2);
	assert_int_equal(f.reference_64ms, 60000000 / 64000);
	assert_int_equal(twcc_poll(&r, 61000000, buf, sizeof(buf)), 0);
}

static void the_window_is_bounded(void **state)
{
	(void)state;
	struct twcc_receiver r;
	struct twcc_feedback f;
	uint8_t buf[1400];
	twcc_init(&r, 1, 100000);
	twcc_receive(&r, 10, 2, 1000);
	twcc_receive(&r, 30010, 2, 2000);
	twcc_receive(&r, 10, 2, 3000); // far behind now
	size_t size = twcc_poll(&r, 200000, buf, sizeof(buf));
	struct rtcp_packet p = only(buf, size);
	assert_true(twcc_read(&p, &f));
	assert_int_equal((uint16_t)(f.base_seq + f.status_count - 1), 30010);
	assert_in_range(f.status_count, 1, TWCC_WINDOW_PKTS);
	assert_int_equal(twcc_poll(&r, 200000, buf, sizeof(buf)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(feedback_read),
		cmocka_unit_test(lying_feedback_refused),
		cmocka_unit_test(feedback_written),
		cmocka_unit_test(random_arrivals_come_back),
		cmocka_unit_test(a_long_silence_starts_another_packet),
		cmocka_unit_test(the_window_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
