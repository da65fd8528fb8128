// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/core_place.c - lcore, CPU and NUMA node of the calling thread.
#include "dataplane/core/core_place.h"

#include <rte_lcore.h>
#include <sched.h>

void core_place(struct shm_worker_stats *stats)
{
	cpu_set_t allowed;

	stats->lcore = rte_lcore_id();
	stats->cpu = -1;
	stats->numa_node = (int32_t)rte_socket_id();
	if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0 && CPU_COUNT(&allowed) == 1)
		stats->cpu = sched_getcpu();
}
