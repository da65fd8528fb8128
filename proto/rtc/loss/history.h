// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/loss/history.h - the last packets of all sources a worker forwards, kept for
// retransmission.
//
// Place   a consumers' worker: one window for all its sources, so that its memory is known at start
//         and the oldest packet goes first, whoever sent it.
// Thread  one owner. Time is the caller's microseconds and never goes back.
// Owns    nothing: slots are the caller's, and so are the packets behind the handles. Whatever
//         leaves the window is handed back to be released.
// Bounds  in count (the slots) and in time; the caller calls history_evict() when its pool runs
//         low.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct history_slot {
	uintptr_t handle; // the caller's packet
	uint64_t index; // of the source
	uint64_t arrival_us;
	uint32_t source; // the caller's number
	uint32_t next; // in the chain of its bucket, plus one; 0: none
	uint32_t bucket; // heads the chain of those that hash to this slot's place; as above
	uint32_t reserved_zero;
};

struct history {
	struct history_slot *slots; // a ring
	uint64_t age_max_us;
	uint32_t mask; // slots - 1
	uint32_t oldest; // place in the ring
	uint32_t count; // packets kept
};

// 'slots' has 'count' of them, a power of two (assert); they are emptied.
void history_init(struct history *h, struct history_slot *slots, uint32_t count,
		  uint64_t age_max_us);
// Keeps a packet; 'handle' is not 0 (assert). Returns the handle to release now, 0 if none: the
// oldest where the window was full, or 'handle' itself where the packet is kept already.
uintptr_t history_put(struct history *h, uint32_t source, uint64_t index, uintptr_t handle,
		      uint64_t now_us);
// The packet of 'source' numbered 'index', 0 if it is not kept. It stays the history's.
uintptr_t history_find(const struct history *h, uint32_t source, uint64_t index);
// The oldest packet where it is over age, 0 if none is. Call until it returns 0.
uintptr_t history_expire(struct history *h, uint64_t now_us);
// The oldest packet of all, 0 if none is kept.
uintptr_t history_evict(struct history *h);
// The packet that goes next where the window is full, else 0: to be fetched before it does.
static inline uintptr_t history_next_out(const struct history *h)
{
	return h->count > h->mask ? h->slots[h->oldest].handle : 0;
}
