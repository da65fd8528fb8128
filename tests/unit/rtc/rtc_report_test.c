// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_report_test.c - receive accounting against figures worked out by hand (RFC
// 3550 6.4.1, A.3, A.8).
#include "tests/unit/rtc/test.h"

#include "proto/rtc/report.h"

static struct rtcp_report_block make(struct report *r, uint64_t now_us)
{
	struct rtcp_report_block b;
	assert_true(report_make(r, now_us, &b));
	return b;
}

static void nothing_received_is_no_block(void **state)
{
	(void)state;
	struct report r;
	struct rtcp_report_block b;
	report_init(&r, 7, 90000);
	assert_false(report_make(&r, 1000, &b));
}

static void loss(void **state)
{
	(void)state;
	struct report r;
	report_init(&r, 7, 8000);
	for (uint64_t i = 65530; i < 65546; i++) // across the wrap; 4 of 16 lost
		if (i % 4 != 1)
			report_receive(&r, i, (uint32_t)i * 160, i * 20000);
	struct rtcp_report_block b = make(&r, 0);
	assert_int_equal(b.ssrc, 7);
	assert_int_equal(b.extended_highest, 65544); // 65545 % 4 == 1: the last one is not known
	assert_int_equal(b.cumulative_lost, 3);
	assert_int_equal(b.fraction_lost, 3 * 256 / 15);
	b = make(&r, 0); // nothing in this interval
	assert_int_equal(b.fraction_lost, 0);
	assert_int_equal(b.cumulative_lost, 3);
	report_receive(&r, 65546, 0, 0); // 65545 lost: one of two
	b = make(&r, 0);
	assert_int_equal(b.fraction_lost, 128);
	report_receive(&r, 65545, 0, 0); // late: more received than expected
	b = make(&r, 0);
	assert_int_equal(b.fraction_lost, 0);
	assert_int_equal(b.cumulative_lost, 3);
	assert_int_equal(report_lost(&r), 3);
}

static void the_first_packet_can_be_overtaken(void **state)
{
	(void)state;
	struct report r;
	report_init(&r, 7, 8000);
	report_receive(&r, 100, 0, 0);
	report_receive(&r, 98, 0, 0);
	assert_int_equal(report_lost(&r), 1);
	assert_int_equal(make(&r, 0).extended_highest, 100);
}

static void jitter(void **state)
{
	(void)state;
	struct report r;
	report_init(&r, 7, 8000);
	report_receive(&r, 1, 160, 20000);
	report_receive(&r, 2, 320, 40000); // on time
	assert_int_equal(make(&r, 0).jitter, 0);
	report_receive(&r, 3, 480, 80000); // 20 ms late: D = 160; J = 160 / 16
	assert_int_equal(make(&r, 0).jitter, 10);
	report_receive(&r, 4, 640, 80000); // 20 ms early again: J = 10 + (160 - 10) / 16
	assert_int_equal(make(&r, 0).jitter, 19);
	// Steady again: in sixteenths 310 falls by (J + 8) / 16 a packet, to 143 after 12 and 0 at
	// last.
	for (uint32_t i = 5; i <= 16; i++)
		report_receive(&r, i, 160 * i, 20000 * (uint64_t)i);
	assert_int_equal(make(&r, 0).jitter, 8);
	for (uint32_t i = 17; i < 200; i++)
		report_receive(&r, i, 160 * i, 20000 * (uint64_t)i);
	assert_int_equal(make(&r, 0).jitter, 0);
}

static void jitter_of_an_absurd_clock_stays_in_range(void **state)
{
	(void)state;
	struct report r;
	report_init(&r, 7, 90000);
	for (uint32_t i = 0; i < 2000; i++)
		report_receive(&r, i, i % 2 == 0 ? 0 : UINT32_C(0x80000000), 0);
	assert_in_range(make(&r, 0).jitter, 0x70000000, 0x80000000);
}

static void last_sender_report(void **state)
{
	(void)state;
	struct report r;
	report_init(&r, 7, 90000);
	report_receive(&r, 1, 0, 0);
	assert_int_equal(make(&r, 9).last_sr, 0);
	assert_int_equal(make(&r, 9).delay_since_last_sr, 0);
	struct rtcp_sr sr = {.ssrc = 7, .ntp = UINT64_C(0x1111222233334444)};
	report_sender_report(&r, &sr, 1000000);
	struct rtcp_report_block b = make(&r, 2500000);
	assert_int_equal(b.last_sr, 0x22223333);
	assert_int_equal(b.delay_since_last_sr, 0x18000);
	assert_int_equal(make(&r, UINT64_C(70000) * 1000000).delay_since_last_sr, UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_received_is_no_block),
		cmocka_unit_test(loss),
		cmocka_unit_test(the_first_packet_can_be_overtaken),
		cmocka_unit_test(jitter),
		cmocka_unit_test(jitter_of_an_absurd_clock_stays_in_range),
		cmocka_unit_test(last_sender_report),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
