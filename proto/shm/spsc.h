// SPDX-License-Identifier: Apache-2.0
//
// proto/shm/spsc.h - single-producer single-consumer ring of 64-byte slots between two processes.
//
// Indices run free over 2^32 and are masked on access. 'slots' is a private copy of the ring's
// size on each side: the shared memory is never asked. A peer that lies about its index makes the
// ring look empty (to the consumer) or full (to the producer), nothing worse.
#pragma once

#include "proto/shm/abi.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { SHM_SLOT_BYTES = 64 };

struct shm_ring {
	alignas(SHM_CACHE_LINE) _Atomic uint32_t head; // producer writes
	alignas(SHM_CACHE_LINE) _Atomic uint32_t tail; // consumer writes
	alignas(SHM_CACHE_LINE) uint8_t slot[][SHM_SLOT_BYTES];
};

static inline size_t shm_ring_bytes(uint32_t slots)
{
	return sizeof(struct shm_ring) + (size_t)slots * SHM_SLOT_BYTES;
}

// Pushes all 'count' messages or none. 'slots' is a power of two.
static inline bool shm_ring_push(struct shm_ring *r, uint32_t slots, const void *msgs,
				 uint32_t count)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	// A: pairs with D; slots below 'tail' are ours again.
	uint32_t used = head - atomic_load_explicit(&r->tail, memory_order_acquire);

	if (used > slots || count > slots - used)
		return false;
	for (uint32_t i = 0; i < count; i++)
		memcpy(r->slot[(head + i) & (slots - 1)],
		       (const uint8_t *)msgs + (size_t)i * SHM_SLOT_BYTES, SHM_SLOT_BYTES);
	// B: pairs with C; publishes the slots.
	atomic_store_explicit(&r->head, head + count, memory_order_release);
	return true;
}

// Copies the next message out. False when the ring is empty.
static inline bool shm_ring_pop(struct shm_ring *r, uint32_t slots, void *msg)
{
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
	// C: pairs with B.
	uint32_t used = atomic_load_explicit(&r->head, memory_order_acquire) - tail;

	if (used == 0 || used > slots) // second test: the peer lied; treat as empty
		return false;
	memcpy(msg, r->slot[tail & (slots - 1)], SHM_SLOT_BYTES);
	// D: pairs with A.
	atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
	return true;
}

// True when a pop would find nothing. Consumer's side.
static inline bool shm_ring_is_empty(const struct shm_ring *r, uint32_t slots)
{
	uint32_t used = atomic_load_explicit(&r->head, memory_order_acquire) -
			atomic_load_explicit(&r->tail, memory_order_relaxed);

	return used == 0 || used > slots;
}
