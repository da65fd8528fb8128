// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_pacer_test.c - order, rate and bounds of the pacer.
#include "tests/unit/rtc/test.h"

#include "proto/rtc/bandwidth/pacer.h"

enum { ITEMS = 64, RATE_BPS = 1000000 };

static struct pacer_item items[ITEMS];
static struct pacer p;
static struct pacer_out out;

static void start(void)
{
	pacer_init(&p, items, ITEMS, 0);
	pacer_set_rate(&p, RATE_BPS);
}

static void video_waits_for_what_goes_before_it(void **state)
{
	(void)state;
	start();
	assert_int_equal(pacer_deadline_us(&p), UINT64_MAX);
	assert_true(pacer_push(&p, 1, 1000, 0));
	assert_true(pacer_pass(&p, PACKET_AUDIO, 100, 0));
	assert_true(pacer_pass(&p, PACKET_RETRANSMISSION, 1000, 0)); // neither waits
	assert_false(pacer_poll(&p, 0, &out));
	uint64_t at_us = pacer_deadline_us(&p);
	assert_in_range(at_us, 7900, 8100); // 8800 bits at 1.1 Mbit/s
	assert_false(pacer_poll(&p, at_us - 10, &out));
	assert_true(pacer_poll(&p, at_us, &out) && out.handle == 1);
	assert_false(pacer_poll(&p, 10000000, &out));
}

static void the_rate_is_a_little_above_the_estimate(void **state)
{
	(void)state;
	uint64_t bytes = 0;

	start();
	for (uint64_t us = 0; us < 1000000; us += 100) {
		while (pacer_push(&p, 1, 1000, us))
			;
		while (pacer_poll(&p, us, &out))
			bytes += out.size;
	}
	assert_in_range(bytes * 8, RATE_BPS * 108 / 100, RATE_BPS * 111 / 100);
}

static void time_without_packets_is_not_saved_up(void **state)
{
	(void)state;
	start();
	for (int i = 0; i < 10; i++)
		pacer_push(&p, 1, 1000, 60000000);
	assert_true(pacer_poll(&p, 60000000, &out));
	assert_false(pacer_poll(&p, 60000000, &out));
}

static void what_need_not_wait_passes(void **state)
{
	(void)state;
	start();
	assert_true(pacer_pass(&p, PACKET_VIDEO, 1000, 0));
	assert_false(pacer_pass(&p, PACKET_VIDEO, 1000, 0)); // 8000 bits are owed
	assert_true(pacer_pass(&p, PACKET_AUDIO, 100, 0));
	uint64_t paid_us = 8800000000 / (RATE_BPS / 100 * PACER_FACTOR_PERCENT);
	assert_false(pacer_pass(&p, PACKET_VIDEO, 1000, paid_us - 10));
	assert_true(pacer_pass(&p, PACKET_VIDEO, 1000, paid_us + 10));
}

static void nothing_passes_what_waits(void **state)
{
	(void)state;
	start();
	assert_true(pacer_push(&p, 1, 1000, 0));
	assert_false(pacer_pass(&p, PACKET_VIDEO, 1000, 0));
	assert_false(pacer_pass(&p, PACKET_VIDEO, 1000, 10000000)); // though it could leave
	assert_true(pacer_poll(&p, 10000000, &out) && out.handle == 1);
}

static void the_queue_is_bounded(void **state)
{
	(void)state;
	unsigned taken = 0;

	start();
	for (int i = 0; i < 2 * ITEMS; i++)
		taken += pacer_push(&p, 1, 10, 0);
	assert_int_equal(taken, ITEMS); // in count
	start();
	taken = 0;
	for (int i = 0; i < ITEMS; i++)
		taken += pacer_push(&p, 1, 9000, 0);
	assert_in_range(taken, PACER_QUEUE_BYTES_MIN / 9000, PACER_QUEUE_BYTES_MIN / 9000 + 1);
	assert_true(pacer_pass(&p, PACKET_AUDIO, 100, 0)); // never too late
}

static void what_is_cancelled_costs_nothing(void **state)
{
	static const struct {
		unsigned handle, size;
	} comes[] = {{1, 1000}, {2, 0}, {3, 1000}, {4, 1000}};

	(void)state;
	start();
	for (unsigned place = 0; place < 5; place++)
		assert_true(pacer_push(&p, place, 1000, 0));
	pacer_cancel(&p, 2);
	pacer_cancel(&p, 4); // the last, which leaves its place
	pacer_cancel(&p, 0); // the first
	assert_int_equal(p.queued_bytes, 2000);
	assert_int_equal(p.count, 3);
	assert_true(pacer_push(&p, 4, 1000, 0));
	for (unsigned i = 0; i < sizeof(comes) / sizeof(comes[0]); i++) {
		assert_true(pacer_poll(&p, pacer_deadline_us(&p), &out));
		assert_int_equal(out.handle, comes[i].handle);
		assert_int_equal(out.size, comes[i].size);
	}
	assert_int_equal(p.queued_bytes, 0);
}

static void all_may_be_cancelled(void **state)
{
	(void)state;
	start();
	for (unsigned place = 0; place < ITEMS; place++)
		assert_true(pacer_push(&p, place, 10, 0));
	for (unsigned place = 0; place < ITEMS; place++)
		pacer_cancel(&p, place);
	assert_int_equal(p.count, 0);
	assert_int_equal(pacer_deadline_us(&p), UINT64_MAX);
	assert_true(pacer_pass(&p, PACKET_VIDEO, 1000, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(video_waits_for_what_goes_before_it),
		cmocka_unit_test(the_rate_is_a_little_above_the_estimate),
		cmocka_unit_test(time_without_packets_is_not_saved_up),
		cmocka_unit_test(what_need_not_wait_passes),
		cmocka_unit_test(nothing_passes_what_waits),
		cmocka_unit_test(the_queue_is_bounded),
		cmocka_unit_test(what_is_cancelled_costs_nothing),
		cmocka_unit_test(all_may_be_cancelled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
