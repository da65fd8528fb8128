// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_rtcp_budget_test.c - what a peer's RTCP may cost, whatever it sends.
#include "tests/unit/rtc/test.h"

#include "proto/rtc/bytes.h"
#include "proto/rtc/rtcp_budget.h"
#include "proto/rtc/rtcp_build.h"

enum { SECOND_US = 1000000 };

static struct rtcp_packet pli(void)
{
	static uint8_t bytes[12];
	struct bytes_writer w;
	struct rtcp_walk walk;
	struct rtcp_packet p;

	bytes_writer_init(&w, bytes, sizeof(bytes));
	rtcp_put_pli(&w, 1, 2);
	rtcp_walk_init(&walk, bytes, sizeof(bytes));
	assert_true(rtcp_walk_next(&walk, &p));
	return p;
}

// Sender, media, base, count, reference; then runs of packets that never came (chunk 0x1fff).
static struct rtcp_packet absurd_feedback(uint16_t statuses)
{
	static uint8_t body[32];

	bytes_store_be16(body + 10, statuses);
	for (unsigned i = 16; i < sizeof(body); i += 2)
		bytes_store_be16(body + i, 0x1fff);
	return (struct rtcp_packet){.body = body,
				    .body_size = sizeof(body),
				    .type = RTCP_RTPFB,
				    .count = RTCP_RTPFB_TWCC};
}

static unsigned taken(struct rtcp_budget *b, const struct rtcp_packet *p, uint32_t streams,
		      uint64_t now_us)
{
	unsigned n = 0;

	while (rtcp_budget_take(b, p, streams, now_us))
		n++;
	return n;
}

static void a_flood_gets_the_rate_and_no_more(void **state)
{
	(void)state;
	const struct rtcp_packet p = pli(); // 8 bytes of body: 10 units
	struct rtcp_budget b = {0};
	unsigned total = 0;

	assert_int_equal(rtcp_cost(&p), 10);
	assert_int_equal(taken(&b, &p, 4, SECOND_US), 1200); // half a second of 24000
	for (uint64_t t = SECOND_US + 1000; t <= 2 * (uint64_t)SECOND_US; t += 1000)
		total += taken(&b, &p, 4, t);
	assert_int_equal(total, 2400);
}

static void silence_saves_up_the_burst_alone(void **state)
{
	(void)state;
	const struct rtcp_packet p = pli();
	struct rtcp_budget b = {0};

	assert_int_equal(taken(&b, &p, 0, 5), 1000);
	assert_int_equal(taken(&b, &p, 0, UINT64_MAX / 2), 1000);
}

// A few bytes that speak of 65535 packets are paid for by those, and the debt is waited for.
static void what_a_packet_speaks_of_counts(void **state)
{
	(void)state;
	const struct rtcp_packet absurd = absurd_feedback(65535), usual = pli();
	struct rtcp_budget b = {0};

	assert_int_equal(rtcp_cost(&absurd), 8 + 8 + 65535 / 16);
	assert_int_equal(taken(&b, &absurd, 0, SECOND_US), 3); // 12333 of 10000
	assert_false(rtcp_budget_take(&b, &usual, 0, SECOND_US + 116000));
	assert_true(rtcp_budget_take(&b, &usual, 0, SECOND_US + 117000));
}

// 50 streams, each with a NACK every 20 ms beside reports and feedback on 1000 packets a second.
static void a_browser_on_a_bad_link_is_heard(void **state)
{
	(void)state;
	static uint8_t body[16];
	const struct rtcp_packet nack = {
		.body = body, .body_size = 16, .type = RTCP_RTPFB, .count = 1};
	const struct rtcp_packet report = {.body = body, .body_size = 16, .type = RTCP_RR};
	struct rtcp_packet feedback = absurd_feedback(50);
	struct rtcp_budget b = {0};

	for (uint64_t t = SECOND_US; t < 5 * (uint64_t)SECOND_US; t += 20000) {
		for (unsigned i = 0; i < 50; i++)
			assert_true(rtcp_budget_take(&b, &nack, 50, t));
		assert_true(rtcp_budget_take(&b, &report, 50, t));
		assert_true(rtcp_budget_take(&b, &feedback, 50, t));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flood_gets_the_rate_and_no_more),
		cmocka_unit_test(silence_saves_up_the_burst_alone),
		cmocka_unit_test(what_a_packet_speaks_of_counts),
		cmocka_unit_test(a_browser_on_a_bad_link_is_heard),
	};

	return cmocka_run_group_tests_name("rtcp_budget", tests, NULL, NULL);
}
