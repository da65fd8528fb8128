// SPDX-License-Identifier: Apache-2.0
// tests/unit/auth/revoked_test.c - which tokens count no more, for how long, and after a restart.
#include "controlplane/auth/revoked.h"

// cmocka.h wants these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <glib.h>

enum { NOW = 1000, NEVER_MADE = 77 };

static unsigned entries(const struct shm_revoked *s)
{
	unsigned count = 0;

	for (unsigned i = 0; i < SHM_REVOKED_MAX; i++)
		count += s->tokens[i].until_s != 0;
	return count;
}

static void test_until_they_end(void **state)
{
	struct revoked *r = revoked_new();

	(void)state;
	revoked_add(r, 1, NOW + 10);
	revoked_add(r, 2, NOW + 5);
	assert_true(revoked_has(r, 1, NOW));
	assert_true(revoked_has(r, 2, NOW + 4));
	assert_false(revoked_has(r, 2, NOW + 5));
	assert_true(revoked_has(r, 1, NOW + 9));
	assert_false(revoked_has(r, NEVER_MADE, NOW));
	revoked_free(&r);
}

// One is revoked before there is a segment, one after; both are there for the next process, which
// keeps them where a third one finds them.
static void test_outlive_the_process(void **state)
{
	struct shm_revoked *s = g_new0(struct shm_revoked, 1);
	struct revoked *r = revoked_new();

	(void)state;
	revoked_add(r, 1, NOW + 10);
	revoked_attach(r, s, NOW);
	revoked_add(r, 2, NOW + 5);
	revoked_add(r, 2, NOW + 5); // twice is once
	assert_int_equal(entries(s), 2);
	revoked_free(&r);
	for (int restart = 0; restart < 2; restart++) {
		r = revoked_new();
		revoked_attach(r, s, NOW);
		assert_true(revoked_has(r, 1, NOW));
		assert_true(revoked_has(r, 2, NOW));
		assert_int_equal(entries(s), 2);
		revoked_free(&r);
	}
	r = revoked_new();
	revoked_attach(r, s, NOW + 7);
	assert_int_equal(entries(s), 1); // what ended goes
	assert_true(revoked_has(r, 1, NOW + 7));
	assert_false(revoked_has(r, 1, NOW + 10));
	assert_int_equal(entries(s), 0);
	revoked_free(&r);
	g_free(s);
}

static void test_another_segment(void **state)
{
	struct shm_revoked *first = g_new0(struct shm_revoked, 1);
	struct shm_revoked *second = g_new0(struct shm_revoked, 1);
	struct revoked *r = revoked_new();

	(void)state;
	revoked_attach(r, first, NOW);
	revoked_add(r, 1, NOW + 10);
	revoked_attach(r, NULL, NOW); // the dataplane is gone
	revoked_add(r, 2, NOW + 10);
	revoked_attach(r, second, NOW);
	assert_int_equal(entries(second), 2);
	revoked_free(&r);
	g_free(first);
	g_free(second);
}

static void test_when_full_the_soonest_to_end_goes(void **state)
{
	struct shm_revoked *s = g_new0(struct shm_revoked, 1);
	struct revoked *r = revoked_new();

	(void)state;
	revoked_attach(r, s, NOW);
	for (unsigned i = 0; i <= SHM_REVOKED_MAX; i++)
		revoked_add(r, 1 + i, NOW + 1 + i);
	assert_int_equal(entries(s), SHM_REVOKED_MAX);
	assert_false(revoked_has(r, 1, NOW));
	assert_true(revoked_has(r, 2, NOW));
	assert_true(revoked_has(r, 1 + SHM_REVOKED_MAX, NOW));
	revoked_free(&r);
	g_free(s);
}

// Random bytes in the segment: nobody crashes, and what is known stays known.
static void test_scribbled_on(void **state)
{
	struct shm_revoked *s = g_new0(struct shm_revoked, 1);
	struct revoked *r = revoked_new();
	GRand *rand = g_rand_new_with_seed(1);
	uint32_t *words = (uint32_t *)(void *)s;

	(void)state;
	for (size_t i = 0; i < sizeof(*s) / sizeof(*words); i++)
		words[i] = g_rand_int(rand);
	revoked_add(r, 1, INT64_MAX);
	revoked_attach(r, s, NOW);
	revoked_add(r, 2, INT64_MAX);
	assert_true(revoked_has(r, 1, NOW));
	assert_true(revoked_has(r, 2, NOW));
	revoked_free(&r);
	g_rand_free(rand);
	g_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_until_they_end),
		cmocka_unit_test(test_outlive_the_process),
		cmocka_unit_test(test_another_segment),
		cmocka_unit_test(test_when_full_the_soonest_to_end_goes),
		cmocka_unit_test(test_scribbled_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
