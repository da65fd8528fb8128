// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_ladder_test.c - steps of a track from the rates of its encodings, by hand.
#include "tests/unit/rtc/test.h"

#include "proto/rtc/layer/ladder.h"

enum { SECOND_US = 1000000 };

// Ten packets in the second before 'end_us' in each of the layers.
static struct layer_rates rates(unsigned spatial, unsigned temporal, uint32_t bytes)
{
	struct layer_rates r = {0};

	for (unsigned n = 0; n < 10; n++)
		for (unsigned s = 0; s < spatial; s++)
			for (unsigned t = 0; t < temporal; t++)
				layer_rates_add(&r, s, t, bytes, SECOND_US + n * 100000);
	layer_rates_settle(&r, 2 * SECOND_US - 1);
	return r;
}

static void steps_rise_by_encoding_then_layer(void **state)
{
	static const struct layer_step expected[] = {
		{.rate_kbps = 11, .active = 1},
		{.rate_kbps = 21, .temporal = 1, .active = 1},
		{.rate_kbps = 41, .encoding = 1, .active = 1},
		{.rate_kbps = 81, .encoding = 1, .temporal = 1, .active = 1},
		{.rate_kbps = 81, .encoding = 1, .spatial = 1, .active = 1},
		{.rate_kbps = 161, .encoding = 1, .spatial = 1, .temporal = 1, .active = 1},
	};
	static const uint8_t pictures[] = {0, 0, 4, 4, 5, 5};
	struct layer_rates low = rates(1, 2, 125), high = rates(2, 2, 500);
	struct layer_ladder l = {.count = 0};

	(void)state;
	layer_ladder_add(&l, 0, &low);
	layer_ladder_add(&l, 1, &high);
	assert_int_equal(l.count, 6);
	for (unsigned i = 0; i < 6; i++) {
		assert_memory_equal(&l.step[i], &expected[i], sizeof(expected[i]));
		assert_int_equal(layer_step_picture(&l.step[i]), pictures[i]);
	}
}

static void no_step_is_cheaper_than_the_one_below(void **state)
{
	struct layer_rates low = rates(1, 2, 500), high = rates(1, 1, 125);
	struct layer_ladder l = {.count = 0};

	(void)state;
	layer_ladder_add(&l, 0, &low);
	layer_ladder_add(&l, 1, &high);
	assert_int_equal(l.count, 3);
	assert_int_equal(l.step[2].rate_kbps, 81);
}

static void what_there_is_no_room_for_is_left_out(void **state)
{
	struct layer_rates r = rates(4, 4, 125);
	struct layer_ladder l = {.count = 0};

	(void)state;
	layer_ladder_add(&l, 0, &r);
	layer_ladder_add(&l, 1, &r);
	assert_int_equal(l.count, ALLOCATE_STEPS_MAX);
	assert_int_equal(l.step[ALLOCATE_STEPS_MAX - 1].encoding, 0);
}

static void the_step_one_has_is_found(void **state)
{
	static const struct layer_step steps[] = {
		{.temporal = 0},
		{.temporal = 1},
		{.encoding = 1, .temporal = 1},
		{.encoding = 2, .temporal = 0},
	};
	static const struct {
		struct layer_step now;
		int found;
	} cases[] = {
		{{.temporal = 0}, 0},
		{{.temporal = 1}, 1},
		{{.temporal = 3}, 1}, // a layer that is gone
		{{.encoding = 1, .temporal = 0}, 1},
		{{.encoding = 1, .temporal = 1}, 2},
		{{.encoding = 3, .temporal = 0}, 3},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(layer_step_find(steps, 4, &cases[i].now), cases[i].found);
	assert_int_equal(layer_step_find(steps + 2, 2, &cases[0].now), ALLOCATE_PAUSED);
}

static void a_lone_step_is_kept_for_half(void **state)
{
	static const struct layer_step steps[] = {
		{.rate_kbps = 100, .active = 1},
		{.rate_kbps = 300, .encoding = 1},
	};
	struct allocate_step costs[2];

	(void)state;
	layer_step_costs(steps, 2, 0, costs);
	assert_int_equal(costs[0].rate_bps, 100000);
	assert_true(costs[0].active);
	assert_int_equal(costs[1].rate_bps, 300000);
	assert_int_equal(costs[1].picture, 4);
	assert_false(costs[1].active);
	layer_step_costs(steps, 1, 0, costs);
	assert_int_equal(costs[0].rate_bps, 50000);
	layer_step_costs(steps, 1, ALLOCATE_PAUSED, costs);
	assert_int_equal(costs[0].rate_bps, 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_rise_by_encoding_then_layer),
		cmocka_unit_test(no_step_is_cheaper_than_the_one_below),
		cmocka_unit_test(what_there_is_no_room_for_is_left_out),
		cmocka_unit_test(the_step_one_has_is_found),
		cmocka_unit_test(a_lone_step_is_kept_for_half),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
