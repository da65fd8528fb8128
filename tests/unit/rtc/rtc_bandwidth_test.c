// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_bandwidth_test.c - the parts of the estimator one by one, on figures worked
// out by hand. What they do together is in tests/sim.
#include "tests/unit/rtc/test.h"

#include "proto/rtc/bandwidth/estimator.h"
#include "proto/rtc/rtcp.h"

#include <string.h>

enum { SLOTS = 256 };
static struct sent_packet slots[SLOTS];
static struct sent_log sent;

// Feedback as the peer's own receiver writes it, on numbers 0..count-1 but those in 'lost', each
// arriving 'delay_us' after i * 10 ms.
static size_t feedback(uint8_t *buf, size_t room, unsigned count, uint64_t lost, uint64_t delay_us)
{
	static struct twcc_receiver r;

	twcc_init(&r, 1, 1000);
	for (unsigned i = 0; i < count; i++)
		if ((lost >> i & 1) == 0)
			twcc_receive(&r, (uint16_t)i, 2, i * 10000 + delay_us);
	return twcc_poll(&r, UINT64_C(1) << 40, buf, room);
}

static struct twcc_feedback read(const uint8_t *buf, size_t size)
{
	struct rtcp_walk w;
	struct rtcp_packet p;
	struct twcc_feedback f;

	rtcp_walk_init(&w, buf, size);
	assert_true(rtcp_walk_next(&w, &p));
	assert_true(twcc_read(&p, &f));
	return f;
}

static void fill_log(unsigned count)
{
	sent_log_init(&sent, slots, SLOTS);
	for (unsigned i = 0; i < count; i++)
		sent_log_add(&sent, 1000, PACKET_VIDEO, 0, i * 10000);
}

static void feedback_finds_its_packets(void **state)
{
	(void)state;
	uint8_t buf[256];
	struct sent_log_reader r;
	struct sent_result s;
	unsigned received = 0, lost = 0;

	fill_log(10);
	assert_true(sent_log_waits(&sent));
	assert_int_equal(sent.bytes, 10000);
	struct twcc_feedback f = read(buf, feedback(buf, sizeof(buf), 10, 1u << 3, 500000));
	sent_log_read(&r, &sent, &f, 600000);
	int64_t first_us = 0;
	while (sent_log_next(&r, &s)) {
		unsigned i = received + lost;
		assert_int_equal(s.sent_us, i * 10000);
		assert_int_equal(s.received, i != 3);
		if (i == 0)
			first_us = s.arrival_us;
		if (s.received)
			assert_int_equal(s.arrival_us - first_us, i * 10000);
		received += s.received;
		lost += !s.received;
	}
	assert_int_equal(received, 9);
	assert_int_equal(lost, 1);
	assert_false(sent_log_waits(&sent));
}

static void each_packet_is_reported_once(void **state)
{
	(void)state;
	uint8_t buf[256];
	struct sent_log_reader r;
	struct sent_result s;

	fill_log(4);
	struct twcc_feedback f = read(buf, feedback(buf, sizeof(buf), 4, 1u << 1, 500000));
	sent_log_read(&r, &sent, &f, 600000);
	while (sent_log_next(&r, &s))
		;
	sent_log_read(&r, &sent, &f, 600000); // the same again
	assert_false(sent_log_next(&r, &s));
	f = read(buf, feedback(buf, sizeof(buf), 4, 0, 500000)); // number 1 came after all
	sent_log_read(&r, &sent, &f, 610000);
	assert_true(sent_log_next(&r, &s));
	assert_int_equal(s.sent_us, 10000);
	assert_true(s.received && s.was_lost);
	assert_false(sent_log_next(&r, &s));
}

static void numbers_never_sent_are_skipped(void **state)
{
	(void)state;
	uint8_t buf[256];
	struct sent_log_reader r;
	struct sent_result s;

	fill_log(2);
	struct twcc_feedback f = read(buf, feedback(buf, sizeof(buf), 6, 0, 500000));
	sent_log_read(&r, &sent, &f, 600000);
	assert_true(sent_log_next(&r, &s) && sent_log_next(&r, &s));
	assert_false(sent_log_next(&r, &s));
	sent_log_init(&sent, slots, SLOTS); // nothing was sent at all
	sent_log_read(&r, &sent, &f, 600000);
	assert_false(sent_log_next(&r, &s));
}

// All that is kept of a packet, at the ends of its ranges; and only of as many as there are slots.
static void a_packet_is_kept_whole_while_there_is_a_slot(void **state)
{
	(void)state;
	const uint64_t start_us = (UINT64_C(1) << 40) - 1000; // its upper bits change on the way
	uint8_t buf[256];
	struct sent_log_reader r;
	struct sent_result s;

	sent_log_init(&sent, slots, 4);
	for (unsigned i = 0; i < 6; i++)
		sent_log_add(&sent, i % 2 == 0 ? 1 : SENT_SIZE_MAX,
			     i % 2 == 0 ? PACKET_AUDIO : PACKET_PADDING,
			     i % 2 == 0 ? 0 : SENT_PROBE_MAX, start_us + i * 400);
	struct twcc_feedback f = read(buf, feedback(buf, sizeof(buf), 6, 0, 500000));
	sent_log_read(&r, &sent, &f, start_us + 100000);
	for (unsigned i = 2; i < 6; i++) {
		assert_true(sent_log_next(&r, &s));
		assert_int_equal(s.sent_us, start_us + i * 400);
		assert_int_equal(s.size, i % 2 == 0 ? 1 : SENT_SIZE_MAX);
		assert_int_equal(s.kind, i % 2 == 0 ? PACKET_AUDIO : PACKET_PADDING);
		assert_int_equal(s.probe, i % 2 == 0 ? 0 : SENT_PROBE_MAX);
		assert_true(s.received && !s.was_lost);
	}
	assert_false(sent_log_next(&r, &s));
}

static void a_clock_that_jumps_is_told(void **state)
{
	(void)state;
	uint8_t buf[256];
	struct sent_log_reader r;

	fill_log(4);
	struct twcc_feedback f = read(buf, feedback(buf, sizeof(buf), 4, 0, 500000));
	assert_false(sent_log_read(&r, &sent, &f, 600000)); // the first: nothing to compare with
	assert_true(sent_log_read(&r, &sent, &f, 600000));
	f = read(buf, feedback(buf, sizeof(buf), 4, 0, 20500000));
	assert_false(sent_log_read(&r, &sent, &f, 700000));
	assert_int_equal(sent.absurd, 1);
}

// Packets every 10 ms, of which each arrives 'growth_us' later than the one before.
static enum path_usage usage_at(int64_t growth_us, int groups)
{
	struct trendline t;
	enum path_usage usage = USAGE_NORMAL;

	trendline_init(&t);
	for (int64_t i = 1; i <= groups; i++) {
		struct arrival_delta d = {.sent_us = 10000,
					  .arrival_us = 10000 + growth_us,
					  .at_us = i * (10000 + growth_us)};
		usage = trendline_feed(&t, &d);
	}
	return usage;
}

static void a_growing_queue_is_overuse(void **state)
{
	(void)state;
	assert_int_equal(usage_at(0, 200), USAGE_NORMAL);
	assert_int_equal(usage_at(2500, 40), USAGE_OVER);
	assert_int_equal(usage_at(-2500, 40), USAGE_UNDER);
	assert_int_equal(usage_at(2500, TRENDLINE_WINDOW - 1), USAGE_NORMAL); // too early to tell
}

static void bursts_are_one_group(void **state)
{
	(void)state;
	struct arrival_groups g;
	struct arrival_delta d;

	arrival_groups_init(&g);
	assert_false(arrival_groups_feed(&g, 0, 100000, &d));
	assert_false(arrival_groups_feed(&g, 4000, 104000, &d)); // within 5 ms
	assert_false(
		arrival_groups_feed(&g, 20000, 120000, &d)); // closes the first; none before it
	assert_true(arrival_groups_feed(&g, 40000, 143000, &d));
	assert_int_equal(d.sent_us, 16000);
	assert_int_equal(d.arrival_us, 16000);
	assert_true(arrival_groups_feed(&g, 60000, 160000, &d));
	assert_int_equal(d.sent_us, 20000);
	assert_int_equal(d.arrival_us, 23000);
}

static void throughput_over_its_window(void **state)
{
	(void)state;
	struct throughput t;

	throughput_init(&t);
	assert_int_equal(throughput_bps(&t), 0);
	for (int64_t us = 0; us <= 2000000; us += 1000)
		throughput_add(&t, us, 125); // 1 Mbit/s
	assert_in_range(throughput_bps(&t), 990000, 1060000);
	throughput_add(&t, 4000000, 125); // a pause
	assert_in_range(throughput_bps(&t), 1000, 3000);
}

static void the_rate_goes_up_slowly_and_down_at_once(void **state)
{
	(void)state;
	struct rate_control r;

	rate_control_init(&r, 1000000, 30000, 5000000);
	r.changed_us = 1;
	for (uint64_t us = 1; us <= 1000001; us += 100000)
		rate_control_update(&r, USAGE_NORMAL, 1000000, us);
	assert_in_range(r.rate_bps, 1070000, 1090000); // 8 % a second
	rate_control_update(&r, USAGE_OVER, 1000000, 1100000);
	assert_in_range(r.rate_bps, 849000, 851000);
	rate_control_update(&r, USAGE_UNDER, 800000, 1200000);
	assert_in_range(r.rate_bps, 849000, 851000); // holds while the queue drains
	rate_control_update(&r, USAGE_OVER, 10, 1400000);
	rate_control_update(&r, USAGE_OVER, 10, 1600000);
	assert_in_range(r.rate_bps, 30000, 30000);
}

static void growth_ends_at_what_gets_through(void **state)
{
	(void)state;
	struct rate_control r;

	rate_control_init(&r, 1000000, 30000, 50000000);
	for (uint64_t us = 1; us < 100000000; us += 100000)
		rate_control_update(&r, USAGE_NORMAL, 1000000, us);
	assert_in_range(r.rate_bps, 1500000, 1510000);
}

static void loss_windows(struct loss_control *l, uint32_t lost, int windows, uint64_t *now_us)
{
	for (int i = 0; i < windows; i++, *now_us += LOSS_WINDOW_US)
		loss_control_feed(l, 1000 - lost, lost, 1000000, *now_us);
}

static void loss_beyond_what_is_usual_lowers_the_limit(void **state)
{
	(void)state;
	struct loss_control l;
	uint64_t now_us = 1;

	loss_control_init(&l, 1000000, 30000, 5000000);
	loss_windows(&l, 0, 3, &now_us);
	assert_true(l.limit_bps > 1000000);
	double before = l.limit_bps;
	loss_windows(&l, 50, 1, &now_us); // between 2 % and 10 %: holds
	assert_in_range(l.limit_bps, before, before);
	loss_windows(&l, 200, 1, &now_us);
	assert_in_range(l.limit_bps, 899000, 901000); // 1 - 20 % / 2
}

static void inherent_loss_does_not_hold_the_rate_down(void **state)
{
	(void)state;
	struct loss_control l;
	uint64_t now_us = 1;

	loss_control_init(&l, 1000000, 30000, 5000000);
	loss_windows(&l, 50, 20, &now_us);
	assert_true(l.limit_bps > 2000000);
}

static void probes_follow_one_another(void **state)
{
	(void)state;
	struct probe_control c;
	struct probe p;

	probe_control_init(&c, 300000);
	assert_false(probe_control_poll(&c, 300000, 0, true, 1, &p)); // nobody wants more
	assert_true(probe_control_poll(&c, 300000, 10000000, true, 1, &p));
	assert_int_equal(p.bps, 900000);
	assert_false(probe_control_poll(&c, 300000, 10000000, true, 1, &p)); // one at a time
	assert_true(probe_control_poll(&c, 300000, 10000000, true, 300000, &p));
	assert_int_equal(p.bps, 1800000);
	probe_control_result(&c, 1700000, 300000, 400000);
	assert_false(probe_control_poll(&c, 1700000, 10000000, false, 400001, &p)); // not calm
	assert_true(probe_control_poll(&c, 1700000, 10000000, true, 400001, &p));
	assert_int_equal(p.bps, 3400000);
	probe_control_result(&c, 2000000, 1700000, 500000); // well below: it found the end
	assert_false(probe_control_poll(&c, 2000000, 10000000, true, 500001, &p));
	assert_true(
		probe_control_poll(&c, 2000000, 2400000, true, 500000 + PROBE_INTERVAL_MAX_US, &p));
	assert_int_equal(p.bps, 3600000); // half more than wanted, not twice the estimate
}

static void a_probe_without_result_is_repeated_a_few_times(void **state)
{
	(void)state;
	struct probe_control c;
	struct probe p;
	unsigned probes = 0;

	probe_control_init(&c, 300000);
	for (uint64_t now_us = 1; now_us < 2900000; now_us += 1000)
		probes += probe_control_poll(&c, 300000, 10000000, true, now_us, &p);
	assert_int_equal(probes, 2 + PROBE_REPEATS_MAX);
}

static uint64_t measure_probe(uint64_t arrival_gap_us)
{
	struct probe_results r;
	struct probe p = {.id = 7, .bps = 2000000, .bytes = 8000, .pkts = 8};
	uint64_t bps = 0;

	probe_results_init(&r);
	probe_results_start(&r, &p);
	for (uint64_t i = 0; i < 8 && bps == 0; i++) {
		struct sent_result s = {.sent_us = i * 4000,
					.arrival_us = (int64_t)(i * arrival_gap_us),
					.size = 1000,
					.probe = 7,
					.received = true};
		bps = probe_results_feed(&r, &s);
	}
	return bps;
}

static void a_probe_measures_the_slower_rate(void **state)
{
	(void)state;
	assert_int_equal(measure_probe(4000), 2000000); // as sent: 1000 bytes each 4 ms
	assert_int_equal(measure_probe(3000), 2000000); // arrived faster
	assert_int_equal(measure_probe(8000), 950000); // 1 Mbit/s arrived: 95 % of it
	assert_int_equal(measure_probe(1000), 0); // much faster than sent is no measurement
}

static void using_less_than_allowed_is_noticed(void **state)
{
	(void)state;
	struct app_limit a;

	app_limit_init(&a, 0);
	for (uint64_t us = 0; us < 2000000; us += 10000)
		app_limit_sent(&a, 1250, 1000000, us); // all of it
	assert_false(a.limited);
	for (uint64_t us = 2000000; us < 4000000; us += 10000)
		app_limit_sent(&a, 300, 1000000, us); // a quarter
	assert_true(a.limited);
	for (uint64_t us = 4000000; us < 6000000; us += 10000)
		app_limit_sent(&a, 1250, 1000000, us);
	assert_false(a.limited);
}

static void without_feedback_remb_and_reports_count(void **state)
{
	(void)state;
	struct estimator e;
	struct estimator_limits limits = {
		.start_bps = 300000, .min_bps = 30000, .max_bps = 5000000};

	estimator_init(&e, &limits, slots, SLOTS, 0);
	assert_int_equal(estimator_bps(&e), 300000);
	estimator_remb(&e, UINT64_MAX); // nothing was sent that would prove it
	assert_int_equal(estimator_bps(&e), 300000);
	estimator_remb(&e, 0);
	assert_int_equal(estimator_bps(&e), 30000);
	estimator_remb(&e, 250000);
	assert_int_equal(estimator_bps(&e), 250000);
	for (uint64_t s = 1; s < 10; s++)
		estimator_report(&e, 128, 50000, s * 1000000); // half of it lost
	assert_true(estimator_bps(&e) < 150000);
}

// Reports of no loss are no bound, however little the start; losses lower what is really sent.
static void reports_bound_where_they_tell_of_losses(void **state)
{
	(void)state;
	struct estimator e;
	struct estimator_limits limits = {
		.start_bps = 300000, .min_bps = 30000, .max_bps = 90000000};
	uint64_t us = 0;

	estimator_init(&e, &limits, slots, SLOTS, 0);
	estimator_set_wanted(&e, 20000000);
	for (; us < 10000000; us += 25000) {
		estimator_left(&e, 25000, us); // 8 Mbit/s
		if (us % 1000000 == 0)
			estimator_report(&e, 0, 50000, us);
	}
	assert_false(estimator_knows(&e));
	for (; us < 15000000; us += 25000) {
		estimator_left(&e, 25000, us);
		if (us % 1000000 == 0)
			estimator_report(&e, 128, 50000, us);
		if (estimator_knows(&e))
			break;
	}
	assert_true(estimator_knows(&e));
	assert_in_range(estimator_bps(&e), 4000000, 8000000);
}

// Losses held everything back: nothing is sent, nobody reports, and it is tried again.
static void what_is_not_reported_on_is_tried_again(void **state)
{
	(void)state;
	struct estimator e;
	struct estimator_limits limits = {
		.start_bps = 300000, .min_bps = 30000, .max_bps = 5000000};
	uint64_t us = 1000000;

	estimator_init(&e, &limits, slots, SLOTS, 0);
	estimator_set_wanted(&e, 500000);
	for (; us < 20000000; us += 1000000)
		estimator_report(&e, 200, 50000, us);
	assert_int_equal(estimator_bps(&e), 30000);
	for (; us < 80000000; us += ESTIMATOR_POLL_US) {
		estimator_unreported(&e, us);
		if (us == 23900000)
			assert_int_equal(estimator_bps(&e), 30000);
	}
	assert_in_range(estimator_bps(&e), 500000, 540000); // what is wanted, and no more
}

static void silence_slows_down_and_ends_with_sending(void **state)
{
	(void)state;
	struct estimator e;
	struct probe p;
	uint8_t buf[256];
	struct estimator_limits limits = {
		.start_bps = 1000000, .min_bps = 30000, .max_bps = 5000000};

	estimator_init(&e, &limits, slots, SLOTS, 0);
	for (uint64_t i = 0; i < 4; i++)
		estimator_sent(&e, 1000, PACKET_VIDEO, 0, i * 10000);
	struct twcc_feedback f = read(buf, feedback(buf, sizeof(buf), 4, 0, 50000));
	estimator_feedback(&e, &f, 100000);
	uint64_t now_us = 100000;
	for (; now_us < 4000000; now_us += 10000) {
		estimator_sent(&e, 1000, PACKET_VIDEO, 0, now_us);
		estimator_poll(&e, now_us, &p);
	}
	uint64_t slowed = estimator_bps(&e);
	assert_true(slowed < 600000);
	for (; now_us < 20000000; now_us += 10000) // nothing is sent: nothing to be heard of
		estimator_poll(&e, now_us, &p);
	assert_in_range(estimator_bps(&e), slowed * 7 / 10, slowed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(feedback_finds_its_packets),
		cmocka_unit_test(each_packet_is_reported_once),
		cmocka_unit_test(numbers_never_sent_are_skipped),
		cmocka_unit_test(a_packet_is_kept_whole_while_there_is_a_slot),
		cmocka_unit_test(a_clock_that_jumps_is_told),
		cmocka_unit_test(a_growing_queue_is_overuse),
		cmocka_unit_test(bursts_are_one_group),
		cmocka_unit_test(throughput_over_its_window),
		cmocka_unit_test(the_rate_goes_up_slowly_and_down_at_once),
		cmocka_unit_test(growth_ends_at_what_gets_through),
		cmocka_unit_test(loss_beyond_what_is_usual_lowers_the_limit),
		cmocka_unit_test(inherent_loss_does_not_hold_the_rate_down),
		cmocka_unit_test(probes_follow_one_another),
		cmocka_unit_test(a_probe_without_result_is_repeated_a_few_times),
		cmocka_unit_test(a_probe_measures_the_slower_rate),
		cmocka_unit_test(using_less_than_allowed_is_noticed),
		cmocka_unit_test(without_feedback_remb_and_reports_count),
		cmocka_unit_test(reports_bound_where_they_tell_of_losses),
		cmocka_unit_test(what_is_not_reported_on_is_tried_again),
		cmocka_unit_test(silence_slows_down_and_ends_with_sending),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
