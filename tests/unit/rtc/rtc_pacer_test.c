// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_pacer_test.c - order, rate, bounds and probes of the pacer.
#include "tests/unit/rtc/test.h"

#include "proto/rtc/bandwidth/pacer.h"

enum { ITEMS = 64, RATE_BPS = 1000000 };

static struct pacer_item audio[ITEMS], retransmissions[ITEMS], video[ITEMS];
static struct pacer p;
static struct pacer_out out;

static void start(void)
{
	struct pacer_item *items[PACER_CLASSES] = {audio, retransmissions, video};
	const uint32_t counts[PACER_CLASSES] = {ITEMS, ITEMS, ITEMS};

	pacer_init(&p, items, counts, 0);
	pacer_set_rate(&p, RATE_BPS);
}

static void audio_then_retransmissions_then_video(void **state)
{
	(void)state;
	start();
	assert_int_equal(pacer_deadline_us(&p), UINT64_MAX);
	assert_true(pacer_push(&p, PACKET_VIDEO, 1, 1000, 0));
	assert_true(pacer_push(&p, PACKET_RETRANSMISSION, 2, 1000, 0));
	assert_true(pacer_push(&p, PACKET_AUDIO, 3, 100, 0));
	assert_true(pacer_push(&p, PACKET_AUDIO, 4, 100, 0));
	assert_true(pacer_poll(&p, 0, &out) && out.handle == 3);
	assert_true(pacer_poll(&p, 0, &out) && out.handle == 4); // audio does not wait
	assert_false(pacer_poll(&p, 0, &out));
	uint64_t at_us = pacer_deadline_us(&p);
	assert_in_range(at_us, 1400, 1600); // 1600 bits at 1.1 Mbit/s
	assert_false(pacer_poll(&p, at_us - 10, &out));
	assert_true(pacer_poll(&p, at_us, &out) && out.handle == 2);
	at_us = pacer_deadline_us(&p);
	assert_true(pacer_poll(&p, at_us, &out) && out.handle == 1);
	assert_false(pacer_poll(&p, 10000000, &out));
}

static void the_rate_is_a_little_above_the_estimate(void **state)
{
	(void)state;
	uint64_t bytes = 0;

	start();
	for (uint64_t us = 0; us < 1000000; us += 100) {
		while (pacer_push(&p, PACKET_VIDEO, 1, 1000, us))
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
		pacer_push(&p, PACKET_VIDEO, 1, 1000, 60000000);
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
	assert_true(pacer_push(&p, PACKET_VIDEO, 1, 1000, 0));
	assert_false(pacer_pass(&p, PACKET_VIDEO, 1000, 0));
	assert_true(pacer_pass(&p, PACKET_RETRANSMISSION, 1000, 0)); // but what goes before it
	assert_true(pacer_push(&p, PACKET_RETRANSMISSION, 2, 1000, 0));
	assert_false(pacer_pass(&p, PACKET_RETRANSMISSION, 1000, 10000000));
	assert_true(pacer_poll(&p, 10000000, &out) && out.handle == 2);
}

static void the_queue_is_bounded(void **state)
{
	(void)state;
	unsigned taken = 0;

	start();
	for (int i = 0; i < 2 * ITEMS; i++)
		taken += pacer_push(&p, PACKET_VIDEO, 1, 10, 0);
	assert_int_equal(taken, ITEMS); // in count
	assert_int_equal(p.refused, ITEMS);
	start();
	taken = 0;
	for (int i = 0; i < ITEMS; i++)
		taken += pacer_push(&p, PACKET_VIDEO, 1, 9000, 0);
	assert_in_range(taken, PACER_QUEUE_BYTES_MIN / 9000, PACER_QUEUE_BYTES_MIN / 9000 + 1);
	assert_false(pacer_push(&p, PACKET_RETRANSMISSION, 1, 100, 0));
	assert_true(pacer_push(&p, PACKET_AUDIO, 1, 100, 0)); // audio is never too late
}

static void what_is_cancelled_costs_nothing(void **state)
{
	static const struct {
		unsigned handle, size;
	} comes[] = {{1, 1000}, {2, 0}, {3, 1000}, {4, 1000}};

	(void)state;
	start();
	for (unsigned place = 0; place < 5; place++)
		assert_true(pacer_push(&p, PACKET_VIDEO, place, 1000, 0));
	pacer_cancel(&p, PACKET_VIDEO, 2);
	pacer_cancel(&p, PACKET_VIDEO, 4); // the last, which leaves its place
	pacer_cancel(&p, PACKET_VIDEO, 0); // the first
	assert_int_equal(p.queued_bytes, 2000);
	assert_int_equal(p.queues[PACKET_VIDEO].count, 3);
	assert_true(pacer_push(&p, PACKET_VIDEO, 4, 1000, 0));
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
		assert_true(pacer_push(&p, PACKET_VIDEO, place, 10, 0));
	for (unsigned place = 0; place < ITEMS; place++)
		pacer_cancel(&p, PACKET_VIDEO, place);
	assert_int_equal(p.queues[PACKET_VIDEO].count, 0);
	assert_int_equal(pacer_deadline_us(&p), UINT64_MAX);
	assert_true(pacer_pass(&p, PACKET_VIDEO, 1000, 0));
}

static void a_probe_is_padded(void **state)
{
	(void)state;
	struct probe probe = {.bps = 4000000, .id = 9, .bytes = 6000, .pkts = 4};
	uint64_t us = 0, bytes = 0;
	unsigned padding = 0;

	start();
	pacer_push(&p, PACKET_VIDEO, 1, 1000, 0);
	pacer_probe(&p, &probe);
	for (; p.probe.id != 0 && us < 1000000; us += 100)
		while (pacer_poll(&p, us, &out)) {
			assert_int_equal(out.probe, 9);
			bytes += out.size;
			padding += out.kind == PACKET_PADDING;
			assert_true(out.kind != PACKET_PADDING || out.handle == 0);
		}
	assert_in_range(bytes, 6000, 6000 + PROBE_PACKET_BYTES);
	assert_int_equal(padding, 5); // 1000 and 5 of 1200
	assert_in_range(us, 11000, 13000); // 7000 bytes less the last, at 4 Mbit/s
	assert_false(pacer_poll(&p, 1000000, &out)); // no padding but for probes
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(audio_then_retransmissions_then_video),
		cmocka_unit_test(the_rate_is_a_little_above_the_estimate),
		cmocka_unit_test(time_without_packets_is_not_saved_up),
		cmocka_unit_test(what_need_not_wait_passes),
		cmocka_unit_test(nothing_passes_what_waits),
		cmocka_unit_test(the_queue_is_bounded),
		cmocka_unit_test(what_is_cancelled_costs_nothing),
		cmocka_unit_test(all_may_be_cancelled),
		cmocka_unit_test(a_probe_is_padded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
