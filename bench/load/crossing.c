// SPDX-License-Identifier: Apache-2.0
//
// bench/load/crossing.c - a flag between two threads, there and back.
#include "bench/load/crossing.h"

#include <pthread.h>
#include <rte_cycles.h>
#include <rte_pause.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

enum { ROUNDS = 2000, LINE_BYTES = 128 }; // and the line fetched beside it

static struct {
	_Alignas(LINE_BYTES) atomic_uint flag; // odd: the far one's turn
	_Alignas(LINE_BYTES) uint64_t ticks[ROUNDS];
} crossing;

static void wait_for(unsigned value)
{
	while (atomic_load_explicit(&crossing.flag, memory_order_acquire) != value)
		rte_pause();
}

static void *answer(void *unused)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		wait_for(2 * i + 1);
		atomic_store_explicit(&crossing.flag, 2 * i + 2, memory_order_release);
	}
	return unused;
}

static bool answer_on(unsigned core, pthread_t *thread)
{
	pthread_attr_t attr;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(core, &cpus);
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus);
	bool started = pthread_create(thread, &attr, answer, NULL) == 0;
	pthread_attr_destroy(&attr);
	return started;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

uint64_t crossing_ticks(unsigned far)
{
	pthread_t thread;

	atomic_store(&crossing.flag, 0);
	if ((unsigned)sched_getcpu() == far || !answer_on(far, &thread))
		return 0;
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t start = rte_rdtsc();
		atomic_store_explicit(&crossing.flag, 2 * i + 1, memory_order_release);
		wait_for(2 * i + 2);
		crossing.ticks[i] = rte_rdtsc() - start;
	}
	pthread_join(thread, NULL);
	qsort(crossing.ticks, ROUNDS, sizeof(crossing.ticks[0]), compare);
	return crossing.ticks[ROUNDS / 2];
}
