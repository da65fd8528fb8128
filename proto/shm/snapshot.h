// SPDX-License-Identifier: Apache-2.0
//
// proto/shm/snapshot.h - one writer, many readers, no locks: a bounded seqlock over 32-bit words.
//
// The reader only copies inside the section and looks at the copy after it was validated. Retries
// are bounded: a writer that died in mid-write must not hang the other process.
#pragma once

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { SHM_SNAPSHOT_TRIES = 1000 };

// Writes 'size' bytes (a multiple of 4). 'seq' is odd while the words are being written.
static inline void shm_snapshot_write(_Atomic uint32_t *seq, void *to, const void *from,
				      size_t size)
{
	uint32_t before = atomic_load_explicit(seq, memory_order_relaxed);
	_Atomic uint32_t *word = to;

	assert(size % 4 == 0);
	// An odd number here is a writer that died: go on to the next odd one.
	before += before & 1;
	atomic_store_explicit(seq, before + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release); // odd 'seq' before any word
	for (size_t i = 0; i < size / 4; i++) {
		uint32_t v;
		memcpy(&v, (const uint8_t *)from + 4 * i, 4);
		atomic_store_explicit(&word[i], v, memory_order_relaxed);
	}
	atomic_store_explicit(seq, before + 2, memory_order_release);
}

// Reads 'size' bytes. False if no consistent copy was had within SHM_SNAPSHOT_TRIES.
static inline bool shm_snapshot_read(_Atomic uint32_t *seq, void *to, const void *from, size_t size)
{
	const _Atomic uint32_t *word = from;

	for (int tries = 0; tries < SHM_SNAPSHOT_TRIES; tries++) {
		uint32_t before = atomic_load_explicit(seq, memory_order_acquire);
		for (size_t i = 0; i < size / 4; i++) {
			uint32_t v = atomic_load_explicit(&word[i], memory_order_relaxed);
			memcpy((uint8_t *)to + 4 * i, &v, 4);
		}
		atomic_thread_fence(memory_order_acquire); // words before the second look
		if ((before & 1) == 0 && atomic_load_explicit(seq, memory_order_relaxed) == before)
			return true;
	}
	return false;
}
