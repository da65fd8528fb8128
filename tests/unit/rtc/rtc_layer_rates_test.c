// SPDX-License-Identifier: Apache-2.0
// Rates per layer against sums made by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/rtc/layer/rates.h"

enum { SECOND_US = 1000000 };

// 10 packets of 125 bytes a second are 10 kbit/s.
static void feed(struct layer_rates *r, unsigned spatial, unsigned temporal, uint64_t from_us)
{
	for (unsigned i = 0; i < 10; i++)
		layer_rates_add(r, spatial, temporal, 125, from_us + i * 100000);
}

static void a_second_of_one_layer_is_its_rate(void **state)
{
	struct layer_rates r = {0};

	(void)state;
	feed(&r, 0, 0, SECOND_US);
	layer_rates_settle(&r, 2 * SECOND_US - 1);
	assert_int_equal(layer_rates_own_bps(&r, 0, 0), 10000);
	assert_int_equal(r.spatial_count, 1);
	assert_int_equal(r.temporal_count, 1);
}

static void a_layer_costs_everything_below_it(void **state)
{
	static const struct {
		unsigned spatial, temporal;
		uint64_t bps;
	} cases[] = {{0, 0, 10000}, {0, 1, 20000}, {1, 0, 20000}, {1, 1, 40000}, {3, 3, 40000}};
	struct layer_rates r = {0};

	(void)state;
	// In order of time: what a clock that never goes back allows.
	for (unsigned i = 0; i < 10; i++)
		for (unsigned layer = 0; layer < 4; layer++)
			layer_rates_add(&r, layer / 2, layer % 2, 125, SECOND_US + i * 100000);
	layer_rates_settle(&r, 2 * SECOND_US - 1);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(layer_rates_bps(&r, cases[i].spatial, cases[i].temporal),
				 cases[i].bps);
}

static void what_is_older_than_the_window_is_forgotten(void **state)
{
	struct layer_rates r = {0};

	(void)state;
	feed(&r, 0, 0, SECOND_US);
	layer_rates_settle(&r, 4 * SECOND_US + 400000);
	assert_int_equal(layer_rates_own_bps(&r, 0, 0), 1428); // the four from 1.6 s on, in 2.8 s
	layer_rates_settle(&r, 100 * (uint64_t)SECOND_US);
	assert_int_equal(layer_rates_own_bps(&r, 0, 0), 0);
	assert_int_equal(r.spatial_count, 1);
}

// A constant stream has its rate at whatever time one looks: not less because a slot has only
// begun, nor because the window began before the stream, nor for what was sent before a pause.
static void a_constant_stream_costs_the_same_at_any_time(void **state)
{
	static const uint64_t starts_us[] = {SECOND_US, SECOND_US + 70000, SECOND_US + 199999};
	const unsigned packet_us = 1000; // 125 bytes each: 1 Mbit/s

	(void)state;
	for (unsigned i = 0; i < sizeof(starts_us) / sizeof(starts_us[0]); i++) {
		struct layer_rates r = {0};
		uint64_t now_us = starts_us[i];

		for (unsigned stream = 0; stream < 2; stream++, now_us += 3 * SECOND_US / 2) {
			uint64_t from_us = now_us;

			for (; now_us < from_us + 3 * SECOND_US; now_us += packet_us) {
				layer_rates_add(&r, 0, 0, 125, now_us);
				if (now_us - from_us < LAYER_RATES_SLOT_US)
					continue;
				layer_rates_settle(&r, now_us);
				assert_in_range(layer_rates_own_bps(&r, 0, 0), 1000000, 1006000);
			}
		}
	}
}

// What is read before a slot has passed counts as one: a rate of what came first, a burst, would be
// without bounds.
static void the_first_packets_are_no_rate(void **state)
{
	struct layer_rates r = {0};

	(void)state;
	layer_rates_add(&r, 0, 0, 2500, SECOND_US);
	layer_rates_settle(&r, SECOND_US + 1);
	assert_int_equal(layer_rates_own_bps(&r, 0, 0), 100000);
}

// An encoder of a small picture leaves frames out after a keyframe: its layers are not gone. One
// whose picture size is not sent any more is, though the window still has it.
static void a_layer_is_sent_while_its_picture_is(void **state)
{
	struct layer_rates r = {0};

	(void)state;
	feed(&r, 0, 1, SECOND_US);
	layer_rates_add(&r, 1, 0, 125, 2 * SECOND_US - 1);
	feed(&r, 0, 0, 2 * SECOND_US);
	layer_rates_settle(&r, 3 * SECOND_US);
	assert_true(layer_rates_sent(&r, 0, 0));
	assert_true(layer_rates_sent(&r, 0, 1));
	assert_false(layer_rates_sent(&r, 1, 0)); // silent for a second
	assert_false(layer_rates_sent(&r, 1, 1)); // never was
	assert_true(layer_rates_own_bps(&r, 1, 0) != 0);
	feed(&r, 0, 0, 3 * SECOND_US);
	feed(&r, 0, 0, 4 * SECOND_US);
	layer_rates_settle(&r, 5 * SECOND_US);
	assert_false(layer_rates_sent(&r, 0, 1)); // the window has none of it
}

static void layers_above_the_highest_count_as_the_highest(void **state)
{
	struct layer_rates r = {0};

	(void)state;
	feed(&r, 200, 7, SECOND_US);
	layer_rates_settle(&r, 2 * SECOND_US - 1);
	assert_int_equal(layer_rates_own_bps(&r, LAYER_RATES_SPATIAL - 1, LAYER_RATES_TEMPORAL - 1),
			 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_of_one_layer_is_its_rate),
		cmocka_unit_test(a_layer_costs_everything_below_it),
		cmocka_unit_test(what_is_older_than_the_window_is_forgotten),
		cmocka_unit_test(a_constant_stream_costs_the_same_at_any_time),
		cmocka_unit_test(the_first_packets_are_no_rate),
		cmocka_unit_test(a_layer_is_sent_while_its_picture_is),
		cmocka_unit_test(layers_above_the_highest_count_as_the_highest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
