// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_send_path_test.c - what of a path's sender keeps to the estimate, and what a
// probe is short of. Estimator and pacer have tests of their own.
#include "proto/rtc/bandwidth/send_path.h"

#include "tests/unit/rtc/test.h"

enum { SLOTS = 64, ITEMS = 16, BYTES = 1000, START_US = 1000000 };

static struct sent_packet log_slots[SLOTS];
static struct pacer_item items[ITEMS];

static struct send_path path(void)
{
	struct send_path p;

	send_path_init(&p, log_slots, SLOTS, items, ITEMS, START_US);
	return p;
}

// What a probe would have begun: 8 packets and 8000 bytes at 800 kbit/s, one in 10 ms.
static void begin_probe(struct send_path *p)
{
	p->probe = (struct probe){.id = 7, .bps = 800000, .bytes = 8000, .pkts = 8};
	p->probe_id = p->probe.id;
	p->probe_us = START_US;
}

static void video_is_paced_once_there_is_an_estimate(void **state)
{
	struct send_path p = path();
	uint64_t now_us = START_US;

	(void)state;
	assert_true(send_path_is_due(&p, now_us));
	assert_false(send_path_poll(&p, now_us)); // nobody has reported: no probe
	send_path_pace(&p, false);
	for (int i = 0; i < 100; i++)
		assert_true(send_path_passes(&p, PACKET_VIDEO, BYTES, now_us));
	estimator_remb(&p.estimator, 400000);
	assert_false(send_path_is_due(&p, now_us + ESTIMATOR_POLL_US - 1));
	now_us += ESTIMATOR_POLL_US;
	assert_true(send_path_is_due(&p, now_us));
	send_path_poll(&p, now_us);
	send_path_pace(&p, false);
	assert_int_equal(p.pacer.rate_bps, 400000);
	assert_true(send_path_passes(&p, PACKET_VIDEO, BYTES, now_us));
	assert_false(send_path_passes(&p, PACKET_VIDEO, BYTES, now_us));
	assert_true(send_path_passes(&p, PACKET_AUDIO, BYTES, now_us));
}

static void numbers_count_up_and_belong_to_the_probe(void **state)
{
	struct send_path p = path();

	(void)state;
	assert_int_equal(send_path_number(&p, PACKET_VIDEO, BYTES, START_US), 0);
	assert_int_equal(p.probe_bytes, 0);
	begin_probe(&p);
	assert_int_equal(send_path_number(&p, PACKET_VIDEO, BYTES, START_US), 1);
	assert_int_equal(p.probe_bytes, BYTES);
	assert_int_equal(p.probe_pkts, 1);
	assert_int_equal(log_slots[0].word >> SENT_PROBE_BIT & SENT_PROBE_MAX, 0);
	assert_int_equal(log_slots[1].word >> SENT_PROBE_BIT & SENT_PROBE_MAX, 7);
}

static void a_probe_is_made_up_at_its_rate(void **state)
{
	struct send_path p = path();
	unsigned sent = 0;

	(void)state;
	assert_false(send_path_wants_padding(&p, START_US + 1000000));
	begin_probe(&p);
	for (uint64_t us = 0; us <= 100000; us += 1000) {
		while (send_path_wants_padding(&p, START_US + us)) {
			send_path_number(&p, PACKET_PADDING, BYTES, START_US + us);
			sent++;
		}
		// 100 bytes a millisecond; then it is complete.
		assert_int_equal(sent,
				 us / 1000 * 100 >= 8000 ? 8 : (us / 1000 * 100 + 999) / 1000);
	}
	send_path_is_due(&p, START_US + 100000);
	assert_int_equal(p.probe_id, 0);
}

static void a_probe_that_nobody_makes_up_ends(void **state)
{
	struct send_path p = path();

	(void)state;
	begin_probe(&p);
	send_path_is_due(&p, START_US + PROBE_RESULT_US);
	assert_int_equal(p.probe_id, 7);
	send_path_is_due(&p, START_US + PROBE_RESULT_US + 1);
	assert_int_equal(p.probe_id, 0);
}

static void media_goes_at_a_probes_rate_where_there_is_no_padding(void **state)
{
	struct send_path p = path();

	(void)state;
	estimator_remb(&p.estimator, 400000);
	begin_probe(&p);
	send_path_pace(&p, false);
	assert_int_equal(p.pacer.rate_bps, 400000);
	send_path_pace(&p, true);
	assert_int_equal(p.pacer.rate_bps, 800000);
	estimator_remb(&p.estimator, 900000); // more than the probe's
	send_path_pace(&p, true);
	assert_int_equal(p.pacer.rate_bps, 900000);
	p.probe_id = 0;
	estimator_remb(&p.estimator, 300000);
	send_path_pace(&p, true);
	assert_int_equal(p.pacer.rate_bps, 300000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(video_is_paced_once_there_is_an_estimate),
		cmocka_unit_test(numbers_count_up_and_belong_to_the_probe),
		cmocka_unit_test(a_probe_is_made_up_at_its_rate),
		cmocka_unit_test(a_probe_that_nobody_makes_up_ends),
		cmocka_unit_test(media_goes_at_a_probes_rate_where_there_is_no_padding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
