// SPDX-License-Identifier: Apache-2.0
//
// tests/path/growth_test.c - what 10 000 consumers on as many transports really take, against what
// the plan says of one: of DPDK's memory by its own statistics, of the C library's by its.
#include "bench/rig_records.h"
#include "dataplane/core/memplan.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <rte_malloc.h>

enum { CONSUMERS = 10000 };

static uint64_t dpdk_used(void)
{
	struct rte_malloc_socket_stats stats;

	assert_int_equal(rte_malloc_get_socket_stats(0, &stats), 0);
	return stats.heap_allocsz_bytes;
}

static uint64_t heap_used(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static void within_5_percent(const char *what, uint64_t planned, uint64_t measured)
{
	print_message("measured: %s: planned %llu, taken %llu bytes (%.1f %%)\n", what,
		      (unsigned long long)planned, (unsigned long long)measured,
		      100.0 * (double)measured / (double)planned);
	assert_in_range(100 * measured, 95 * planned, 105 * planned);
}

static void consumers_take_what_is_planned(void **state)
{
	const struct rig_plan plan = {
		.engine = &srtp_engine_ipsec_mb,
		.suite = SHM_SUITE_AEAD_AES_256_GCM,
		.bytes = 1200,
		.tracks = 1,
		.consumers = CONSUMERS,
	};
	struct memplan planned;
	(void)state;

	if (!srtp_engine_ipsec_mb.start()) {
		print_message("skipped: engine ipsec-mb does not run on this CPU\n");
		skip();
	}
	struct rig *r = rig_empty(&plan);
	memplan_make(&planned, &r->dp.limits, 8191, plan.engine);
	uint64_t dpdk = dpdk_used(), heap = heap_used();
	rig_records_make(r);
	dpdk = dpdk_used() - dpdk;
	heap = heap_used() - heap;
	within_5_percent("DPDK's memory",
			 (CONSUMERS + 1) * planned.transport.dpdk +
				 CONSUMERS * planned.consumer.dpdk + planned.track.dpdk,
			 dpdk);
	within_5_percent("the C library's heap",
			 (CONSUMERS + 1) * planned.transport.heap +
				 CONSUMERS * planned.consumer.heap + planned.track.heap,
			 heap);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(consumers_take_what_is_planned),
	};

	return cmocka_run_group_tests_name("growth", tests, NULL, NULL);
}
