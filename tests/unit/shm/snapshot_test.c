// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/shm/snapshot_test.c - no reader ever sees half a write, and none waits for ever.
#include "proto/shm/snapshot.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <pthread.h>

enum { WORDS = 48, READS_WANTED = 1000 };

struct shared {
	_Atomic uint32_t seq;
	uint32_t words[WORDS];
	_Atomic bool done;
};

// Writes blocks whose words are all equal, until the reader has seen enough.
static void *write_blocks(void *arg)
{
	struct shared *s = arg;

	for (uint32_t i = 1; !atomic_load(&s->done); i++) {
		uint32_t block[WORDS];
		for (int w = 0; w < WORDS; w++)
			block[w] = i;
		shm_snapshot_write(&s->seq, s->words, block, sizeof(block));
	}
	return NULL;
}

static void no_torn_read(void **state)
{
	static struct shared s;
	pthread_t writer;
	uint32_t last = 0;
	unsigned changes = 0;

	(void)state;
	assert_int_equal(pthread_create(&writer, NULL, write_blocks, &s), 0);
	while (changes < READS_WANTED) {
		uint32_t block[WORDS];
		if (!shm_snapshot_read(&s.seq, block, s.words, sizeof(block)))
			continue;
		for (int w = 1; w < WORDS; w++)
			assert_int_equal(block[w], block[0]);
		assert_true(block[0] >= last);
		changes += block[0] != last;
		last = block[0];
	}
	atomic_store(&s.done, true);
	pthread_join(writer, NULL);
}

static void a_dead_writer_hangs_nobody(void **state)
{
	struct shared s = {.seq = 7}; // odd: died in mid-write
	uint32_t block[WORDS] = {0}, got[WORDS];

	(void)state;
	assert_false(shm_snapshot_read(&s.seq, got, s.words, sizeof(got)));
	block[3] = 99;
	shm_snapshot_write(&s.seq, s.words, block, sizeof(block));
	assert_true(shm_snapshot_read(&s.seq, got, s.words, sizeof(got)));
	assert_memory_equal(got, block, sizeof(got));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_torn_read),
		cmocka_unit_test(a_dead_writer_hangs_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
