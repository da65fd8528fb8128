// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_standing_queue_test.c - a queue that stays full, one that does not, and one
// that others fill.
#include "tests/unit/rtc/test.h"

#include "proto/rtc/bandwidth/standing_queue.h"

enum { REPORT_US = 50000, CLOCKS_APART_US = -7000000, SECOND_US = 1000000 };

static struct standing_queue q;
static uint64_t now_us;

static void start(void)
{
	standing_queue_init(&q);
	now_us = 1000;
}

// How often the rate shall go down while each packet waits 'queue_us', or longer.
static unsigned run(uint64_t us, int64_t queue_us)
{
	unsigned downs = 0;

	for (uint64_t end_us = now_us + us; now_us < end_us; now_us += REPORT_US) {
		standing_queue_feed(&q, CLOCKS_APART_US + queue_us + 90000);
		standing_queue_feed(&q, CLOCKS_APART_US + queue_us);
		downs += standing_queue_over(&q, now_us);
	}
	return downs;
}

static void a_full_queue_is_told(void **state)
{
	(void)state;
	start();
	assert_int_equal(run(SECOND_US, 5000), 0);
	assert_int_equal(run(STANDING_US, 300000), 0); // it may be a burst
	assert_int_equal(run(SECOND_US, 300000), 1 + (SECOND_US - REPORT_US) / STANDING_US);
	assert_int_equal(run(SECOND_US, 5000), 0);
}

static void bursts_are_no_queue(void **state)
{
	(void)state;
	start();
	assert_int_equal(run(SECOND_US, 0), 0);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(run(STANDING_US - REPORT_US, 300000), 0);
		assert_int_equal(run(REPORT_US, 0), 0);
	}
}

static void a_short_queue_is_none(void **state)
{
	(void)state;
	start();
	assert_int_equal(run(SECOND_US, 0), 0);
	assert_int_equal(run(60 * (uint64_t)SECOND_US, STANDING_DELAY_US - 1), 0);
}

static void what_others_fill_is_left_to_them(void **state)
{
	(void)state;
	start();
	run(SECOND_US, 0);
	assert_int_equal(run(20 * (uint64_t)SECOND_US, 300000), STANDING_TRIES);
	// From there it counts again.
	assert_int_equal(run(SECOND_US, 600000), (SECOND_US - REPORT_US) / STANDING_US);
}

static void nothing_is_told_without_arrivals(void **state)
{
	(void)state;
	start();
	run(SECOND_US, 0);
	run(STANDING_US, 300000);
	assert_false(standing_queue_over(&q, now_us + SECOND_US));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_queue_is_told),
		cmocka_unit_test(bursts_are_no_queue),
		cmocka_unit_test(a_short_queue_is_none),
		cmocka_unit_test(what_others_fill_is_left_to_them),
		cmocka_unit_test(nothing_is_told_without_arrivals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
