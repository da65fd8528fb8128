// SPDX-License-Identifier: Apache-2.0
// Wishes for encodings: merged where consumers are, united and aged where the publisher is.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/rtc/layer/wanted.h"

enum { LOW = 1, MIDDLE = 2, HIGH = 4, ALL = 7, ENCODINGS = 3 };
#define S(seconds) ((uint64_t)((seconds)*1000000))

static void wishes_are_merged_and_repeated(void **state)
{
	static const struct {
		uint64_t at_us;
		uint8_t wish;
		uint8_t told;
	} steps[] = {
		{S(10), LOW, LOW}, // the first is told at once
		{S(10.1), LOW, 0},
		{S(10.2), HIGH, LOW | HIGH}, // what is new as well, with what there is
		{S(10.9), LOW, 0},
		{S(11), LOW, LOW | HIGH}, // everything since the last time
		{S(11.5), HIGH, 0}, // was told half a second ago
		{S(12), LOW, LOW | HIGH},
		{S(12.5), LOW, 0},
		{S(13), LOW, LOW}, // nobody has wanted more for a second
		{S(13.1), MIDDLE, MIDDLE},
		{S(13.2), 0, 0},
		{S(14.2), 0, MIDDLE},
		{S(15.2), 0, 0}, // nothing is wanted, nothing is said
	};
	struct layer_wishes w = {0};

	(void)state;
	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		assert_int_equal(layer_wishes_add(&w, steps[i].wish, steps[i].at_us),
				 steps[i].told);
}

static void all_run_until_nobody_has_wanted_them_for_long(void **state)
{
	struct layer_wanted w;

	(void)state;
	layer_wanted_init(&w, S(100));
	assert_int_equal(layer_wanted_mask(&w, ENCODINGS, S(104.9)), ALL);
	assert_int_equal(layer_wanted_mask(&w, ENCODINGS, S(105)), LOW);
}

static void a_track_has_no_more_than_its_encodings(void **state)
{
	struct layer_wanted w;

	(void)state;
	layer_wanted_init(&w, S(100));
	assert_int_equal(layer_wanted_mask(&w, 1, S(100)), LOW);
	assert_int_equal(layer_wanted_mask(&w, 2, S(100)), LOW | MIDDLE);
	assert_int_equal(layer_wanted_mask(&w, 9, S(100)), 15);
}

// Two places, one of which falls silent: its wish goes, the other's stays.
static void a_wish_that_is_not_repeated_goes(void **state)
{
	struct layer_wanted w;

	(void)state;
	layer_wanted_init(&w, S(100));
	layer_wanted_add(&w, HIGH, S(100.5));
	for (unsigned second = 101; second <= 105; second++)
		layer_wanted_add(&w, MIDDLE, S(second));
	assert_int_equal(layer_wanted_mask(&w, ENCODINGS, S(105.4)), ALL);
	assert_int_equal(layer_wanted_mask(&w, ENCODINGS, S(105.5)), LOW | MIDDLE);
	layer_wanted_add(&w, HIGH, S(106));
	assert_int_equal(layer_wanted_mask(&w, ENCODINGS, S(106)), ALL); // back at once
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wishes_are_merged_and_repeated),
		cmocka_unit_test(all_run_until_nobody_has_wanted_them_for_long),
		cmocka_unit_test(a_track_has_no_more_than_its_encodings),
		cmocka_unit_test(a_wish_that_is_not_repeated_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
