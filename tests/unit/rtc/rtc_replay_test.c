// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_replay_test.c - the replay window: a numbered table, and random indexes
// against a model that remembers everything.
#include "tests/unit/rtc/test.h"

#include "proto/rtc/replay.h"
#include "proto/rtc/seq.h"

#include <string.h>

static bool accept(struct replay *r, uint64_t index)
{
	if (!replay_check(r, index))
		return false;
	replay_commit(r, index);
	return true;
}

static void table(void **state)
{
	(void)state;
	struct replay r = {0};
#define T(n, index, want)                                                                          \
	if (accept(&r, (index)) != (want))                                                         \
	fail_msg("case " #n)
	T(1, 5, true);
	T(2, 5, false);
	T(3, 4, true);
	T(4, 5 + REPLAY_SPAN, true);
	T(5, 5, false);
	T(6, 6, true);
	T(7, 6, false);
	T(8, SEQ_INDEX_MAX, true);
	T(9, 5 + REPLAY_SPAN, false);
	T(10, SEQ_INDEX_MAX - REPLAY_SPAN, false);
	T(11, SEQ_INDEX_MAX - REPLAY_SPAN + 1, true);
	T(12, SEQ_INDEX_MAX - REPLAY_SPAN + 1, false);
#undef T
	assert_true(REPLAY_SPAN >= 1024);
}

static void index_zero_is_an_index(void **state)
{
	(void)state;
	struct replay r = {0};
	assert_true(accept(&r, 0));
	assert_false(accept(&r, 0));
	assert_true(accept(&r, 1));
}

static void check_changes_nothing(void **state)
{
	(void)state;
	struct replay r = {0}, before;
	replay_commit(&r, 1000);
	before = r;
	assert_true(replay_check(&r, 999));
	assert_true(replay_check(&r, 1000000)); // forged, far ahead
	assert_false(replay_check(&r, 1000));
	assert_memory_equal(&r, &before, sizeof(r));
}

enum { OPERATIONS = 20000 };

static bool model_accept(uint64_t *seen, size_t *count, uint64_t *top, uint64_t index)
{
	if (*count != 0 && index < *top && *top - index >= REPLAY_SPAN)
		return false;
	for (size_t i = 0; i < *count; i++)
		if (seen[i] == index)
			return false;
	seen[(*count)++] = index;
	if (*count == 1 || index > *top)
		*top = index;
	return true;
}

static void random_against_the_model(void **state)
{
	(void)state;
	static uint64_t seen[OPERATIONS];
	struct prng p = prng_start(0x4e91a7);
	struct replay r = {0};
	size_t count = 0;
	uint64_t top = 0, at = 70000;
	for (int i = 0; i < OPERATIONS; i++) {
		uint64_t kind = prng_below(&p, 100);
		if (kind < 60)
			at++;
		else if (kind < 62)
			at += prng_below(&p, 3 * REPLAY_SPAN);
		uint64_t back = kind >= 80 ? prng_below(&p, REPLAY_SPAN + 70) : prng_below(&p, 4);
		uint64_t index = at - back;
		bool got = accept(&r, index);
		if (got != model_accept(seen, &count, &top, index))
			fail_msg("operation %d, index %llu: window says %d", i,
				 (unsigned long long)index, got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(index_zero_is_an_index),
		cmocka_unit_test(check_changes_nothing),
		cmocka_unit_test(random_against_the_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
