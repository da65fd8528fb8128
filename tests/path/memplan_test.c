// SPDX-License-Identifier: Apache-2.0
//
// tests/path/memplan_test.c - the plan against what starting really takes.
#include "dataplane/core/memplan.h"
#include "tests/path/harness.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <rte_malloc.h>

static uint64_t heap_used(void)
{
	struct rte_malloc_socket_stats stats;

	assert_int_equal(rte_malloc_get_socket_stats(0, &stats), 0);
	return stats.heap_allocsz_bytes;
}

static void covers_what_is_taken(void **state)
{
	(void)state;
	harness_eal();
	for (unsigned workers = 1; workers <= 4; workers++) {
		const struct shm_limits_config limits = {HARNESS_TRANSPORTS, HARNESS_TRACKS,
							 HARNESS_SUBSCRIPTIONS, workers};
		struct memplan plan;
		uint64_t before = heap_used();
		struct harness *h = harness_new(workers);
		uint64_t taken = heap_used() - before;

		memplan_make(&plan, &limits, HARNESS_PACKETS, h->dp.srtp);
		print_message("%u workers: planned %llu, taken %llu\n", workers,
			      (unsigned long long)(plan.total + plan.packets_padding),
			      (unsigned long long)taken);
		assert_true(taken <= plan.total + plan.packets_padding);
		assert_true(plan.total <= 3 * taken);
		assert_int_equal(plan.segment, h->dp.shm.size);
		assert_int_equal(harness_free(h), 0);
	}
}

static void grows_with_every_limit(void **state)
{
	const struct shm_limits_config base = {100, 100, 100, 2};
	struct memplan small, big;

	(void)state;
	memplan_make(&small, &base, 4095, &srtp_engine_libsrtp2);
	assert_int_equal(small.total, small.tables + small.workers + small.rings + small.packets);
#define GROWS(field)                                                                               \
	do {                                                                                       \
		struct shm_limits_config l = base;                                                 \
		l.field *= 4;                                                                      \
		memplan_make(&big, &l, 4095, &srtp_engine_libsrtp2);                               \
		assert_true(big.total > small.total);                                              \
		assert_true(memplan_eal_mb(&big) >= big.total >> 20);                              \
	} while (0)
	GROWS(transports);
	GROWS(tracks);
	GROWS(subscriptions);
	GROWS(workers);
#undef GROWS
	memplan_make(&big, &base, 8191, &srtp_engine_libsrtp2);
	assert_true(big.total > small.total);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(covers_what_is_taken),
		cmocka_unit_test(grows_with_every_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
