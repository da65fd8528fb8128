// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/shm/spsc_test.c - the ring between two threads, and against a peer that lies.
#include "proto/shm/spsc.h"

#include <setjmp.h>
#include <stdarg.h>

#include <assert.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

enum { SLOTS = 16, MESSAGES = 200000 };

struct message {
	uint64_t number;
	uint64_t filler[6];
	uint64_t check; // of the number: a torn message shows
};
static_assert(sizeof(struct message) == SHM_SLOT_BYTES, "one message, one slot");

static struct shm_ring *ring_new(void)
{
	size_t bytes = shm_ring_bytes(SLOTS);
	struct shm_ring *r = aligned_alloc(SHM_CACHE_LINE, bytes);

	assert_non_null(r);
	memset((void *)r, 0, bytes);
	return r;
}

static struct message message_of(uint64_t number)
{
	struct message m = {.number = number, .check = ~number};

	for (int i = 0; i < 6; i++)
		m.filler[i] = number * (uint64_t)(i + 3);
	return m;
}

static void *produce(void *arg)
{
	struct shm_ring *r = arg;
	uint64_t number = 0;

	while (number < MESSAGES) {
		// Batches of 1 to 4, never more than are left.
		struct message batch[4];
		uint32_t count = 1 + (uint32_t)(number % 4);
		if (count > MESSAGES - number)
			count = (uint32_t)(MESSAGES - number);
		for (uint32_t i = 0; i < count; i++)
			batch[i] = message_of(number + i);
		if (shm_ring_push(r, SLOTS, batch, count))
			number += count;
		else
			sched_yield();
	}
	return NULL;
}

static void two_threads(void **state)
{
	struct shm_ring *r = ring_new();
	pthread_t producer;

	(void)state;
	assert_int_equal(pthread_create(&producer, NULL, produce, r), 0);
	for (uint64_t number = 0; number < MESSAGES;) {
		struct message got, want = message_of(number);
		if (!shm_ring_pop(r, SLOTS, &got)) {
			sched_yield();
			continue;
		}
		assert_memory_equal(&got, &want, sizeof(got));
		number++;
	}
	pthread_join(producer, NULL);
	assert_false(shm_ring_pop(r, SLOTS, &(struct message){0}));
	free(r);
}

static void all_or_nothing(void **state)
{
	struct shm_ring *r = ring_new();
	struct message batch[SLOTS + 1] = {0};
	struct message got;

	(void)state;
	assert_false(shm_ring_push(r, SLOTS, batch, SLOTS + 1));
	assert_false(shm_ring_pop(r, SLOTS, &got));
	assert_true(shm_ring_push(r, SLOTS, batch, SLOTS - 1));
	assert_false(shm_ring_push(r, SLOTS, batch, 2));
	assert_true(shm_ring_push(r, SLOTS, batch, 1));
	assert_false(shm_ring_push(r, SLOTS, batch, 1));
	assert_true(shm_ring_pop(r, SLOTS, &got));
	assert_true(shm_ring_push(r, SLOTS, batch, 1));
	free(r);
}

static void indices_wrap(void **state)
{
	struct shm_ring *r = ring_new();

	(void)state;
	atomic_store(&r->head, UINT32_MAX - 3);
	atomic_store(&r->tail, UINT32_MAX - 3);
	for (uint64_t i = 0; i < 3 * SLOTS; i++) {
		struct message want = message_of(i), got;
		assert_true(shm_ring_push(r, SLOTS, &want, 1));
		assert_true(shm_ring_pop(r, SLOTS, &got));
		assert_memory_equal(&got, &want, sizeof(got));
	}
	free(r);
}

static void a_lying_peer_gets_nowhere(void **state)
{
	static const uint32_t lies[] = {SLOTS + 1, SLOTS * 2, 0x80000000, UINT32_MAX - SLOTS};
	struct message m = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct shm_ring *r = ring_new();
		atomic_store(&r->head, lies[i]); // a producer claims more than fits
		assert_false(shm_ring_pop(r, SLOTS, &m));
		assert_int_equal(atomic_load(&r->tail), 0);
		atomic_store(&r->head, 0);
		atomic_store(&r->tail, lies[i]); // a consumer claims to be elsewhere
		assert_false(shm_ring_push(r, SLOTS, &m, 1));
		assert_int_equal(atomic_load(&r->head), 0);
		free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_threads),
		cmocka_unit_test(all_or_nothing),
		cmocka_unit_test(indices_wrap),
		cmocka_unit_test(a_lying_peer_gets_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
