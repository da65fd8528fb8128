// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_red_test.c - redundant audio, typed by hand after RFC 2198 3.
#include "tests/unit/rtc/test.h"

#include "proto/rtc/loss/red.h"

static void two_blocks(void **state)
{
	(void)state;
	// PT 111, 960 ticks back, 3 bytes; then the primary one, PT 111
	const uint8_t payload[] = {0x80 | 111, 0x0f, 0x00, 0x03, 111, 1, 2, 3, 4, 5};
	struct red r;

	assert_true(red_read(&r, payload, sizeof(payload)));
	assert_int_equal(r.count, 2);
	assert_int_equal(r.blocks[0].ts_offset, 960);
	assert_int_equal(r.blocks[0].size, 3);
	assert_ptr_equal(r.blocks[0].payload, payload + 5);
	assert_int_equal(red_primary(&r)->pt, 111);
	assert_int_equal(red_primary(&r)->size, 2);
	assert_ptr_equal(red_primary(&r)->payload, payload + 8);
}

static void the_primary_block_alone(void **state)
{
	(void)state;
	const uint8_t payload[] = {111, 9};
	struct red r;

	assert_true(red_read(&r, payload, sizeof(payload)));
	assert_int_equal(r.count, 1);
	assert_int_equal(red_primary(&r)->size, 1);
	assert_true(red_read(&r, payload, 1)); // DTX: an empty primary block
	assert_int_equal(red_primary(&r)->size, 0);
}

static void what_does_not_fit_is_refused(void **state)
{
	(void)state;
	uint8_t payload[64] = {0x80 | 111, 0x0f, 0x00, 0x03, 111, 1, 2, 3};
	struct red r;

	assert_false(red_read(&r, payload, 0));
	for (size_t size = 1; size < 8; size++)
		assert_false(red_read(&r, payload, size));
	assert_true(red_read(&r, payload, 8));
	for (size_t i = 0; i < 4 * RED_BLOCKS_MAX; i++)
		payload[i] = i % 4 == 0 ? 0x80 : 0; // one more than there is room for
	assert_false(red_read(&r, payload, sizeof(payload)));
	payload[4 * (RED_BLOCKS_MAX - 1)] = 0;
	assert_true(red_read(&r, payload, sizeof(payload)));
	assert_int_equal(r.count, RED_BLOCKS_MAX);
}

static void blocks_are_renumbered(void **state)
{
	(void)state;
	uint8_t payload[] = {0x80 | 111, 0x0f, 0x00, 0x03, 0x80 | 13, 0,  0,
			     1,		 111,  111,  111,  111,	      111};
	const uint8_t wanted[] = {0x80 | 96, 0x0f, 0x00, 0x03, 0x80 | 13, 0,  0,
				  1,	     96,   111,	 111,  111,	  111};
	struct red r;

	assert_true(red_read(&r, payload, sizeof(payload)));
	red_renumber(payload, sizeof(payload), 111, 96);
	assert_memory_equal(payload, wanted, sizeof(payload));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_blocks),
		cmocka_unit_test(the_primary_block_alone),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(blocks_are_renumbered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
