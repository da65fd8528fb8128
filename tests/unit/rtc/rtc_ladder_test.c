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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_rise_by_encoding_then_layer),
		cmocka_unit_test(no_step_is_cheaper_than_the_one_below),
		cmocka_unit_test(what_there_is_no_room_for_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
