// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/shm/repeats_test.c - kept answers expire without a control plane: wiped whole,
// whatever their chains say, and no other one touched.
#include "proto/shm/repeats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NOW_US = 1000000 };

static int fresh(void **state)
{
	*state = calloc(1, sizeof(struct shm_repeats));
	return *state == NULL;
}

static int leave(void **state)
{
	free(*state);
	return 0;
}

// An answer of 'count' blocks from 'first' on.
static void keep(struct shm_repeats *r, uint32_t slot, uint64_t until_us, uint32_t first,
		 uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		memset(r->blocks[first + i].bytes, 'x', SHM_REPEAT_BLOCK_BYTES);
		r->blocks[first + i].next = i + 1 < count ? first + i + 1 : SHM_REPEAT_NO_BLOCK;
	}
	struct shm_repeat *e = &r->entries[slot];
	memset(e, 'x', sizeof(*e));
	e->until_us = until_us;
	e->size = count * SHM_REPEAT_BLOCK_BYTES;
	e->first_block = first;
	atomic_store(&e->kept, 1);
}

static bool is_zero(const void *bytes, size_t size)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < size; i++)
		if (at[i] != 0)
			return false;
	return true;
}

static void what_expired_is_wiped_and_nothing_else(void **state)
{
	struct shm_repeats *r = *state;

	keep(r, 0, NOW_US, 10, 3);
	keep(r, 1, NOW_US + 1, 20, 2);
	keep(r, SHM_REPEATS_MAX - 1, 0, SHM_REPEAT_BLOCKS_MAX - 1, 1);
	struct shm_repeat stays = r->entries[1];
	shm_repeats_expire(r, NOW_US);
	assert_true(is_zero(&r->entries[0], sizeof(r->entries[0])));
	assert_true(is_zero(&r->blocks[10], 3 * sizeof(r->blocks[0])));
	assert_true(is_zero(&r->entries[SHM_REPEATS_MAX - 1], sizeof(r->entries[0])));
	assert_true(is_zero(&r->blocks[SHM_REPEAT_BLOCKS_MAX - 1], sizeof(r->blocks[0])));
	assert_memory_equal(&r->entries[1], &stays, sizeof(stays));
	assert_int_equal(r->blocks[21].bytes[SHM_REPEAT_BLOCK_BYTES - 1], 'x');
}

static void chains_may_lead_anywhere(void **state)
{
	struct shm_repeats *r = *state;

	keep(r, 4, NOW_US + 1, 0, 1);
	keep(r, 0, 0, 10, 2);
	r->blocks[11].next = 10; // a circle
	keep(r, 1, 0, 30, 2);
	r->blocks[30].next = SHM_REPEAT_BLOCKS_MAX; // past the end
	keep(r, 2, 0, 40, 1);
	r->entries[2].first_block = SHM_REPEAT_BLOCKS_MAX + 7;
	keep(r, 3, 0, 50, 1);
	r->entries[3].size = 0; // none, whatever stands there
	shm_repeats_expire(r, NOW_US);
	assert_true(is_zero(r->entries, 4 * sizeof(r->entries[0])));
	assert_true(is_zero(&r->blocks[10], 2 * sizeof(r->blocks[0])));
	assert_true(is_zero(&r->blocks[30], sizeof(r->blocks[0])));
	assert_int_equal(r->blocks[50].bytes[0], 'x');
	assert_int_equal(r->blocks[0].bytes[0], 'x');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_expired_is_wiped_and_nothing_else, fresh,
						leave),
		cmocka_unit_test_setup_teardown(chains_may_lead_anywhere, fresh, leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
