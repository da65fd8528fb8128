// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/loss/history.h - the last packets of one source, kept for retransmission.
//
// Place   a consumer's worker, per encoding it forwards: the packets are shared by all its
// consumers. Thread  one owner. Owns    nothing: slots are the caller's, and so are the packets
// behind the handles. Whatever leaves
//         the window is handed back to be released.
//
// Bounded in count (the slots) and in time; the caller calls history_evict() when its pool runs
// low.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct history_slot {
	uint64_t index; // of the source
	uint64_t arrival_us;
	uintptr_t handle; // the caller's packet, 0: empty
};

struct history {
	struct history_slot *slots;
	uint64_t age_max_us;
	uint64_t oldest; // no packet below is kept
	uint64_t next; // one above the newest kept
	uint32_t mask; // slots - 1
	uint32_t count; // packets kept
};

// 'slots' has 'count' of them, a power of two (assert); they are emptied.
void history_init(struct history *h, struct history_slot *slots, uint32_t count,
		  uint64_t age_max_us);
// Keeps a packet; 'handle' is not 0 (assert). Returns the handle to release now, 0 if none: the
// packet it replaces, or 'handle' itself where it is a repeat or too old.
uintptr_t history_put(struct history *h, uint64_t index, uintptr_t handle, uint64_t now_us);
// The packet numbered 'index', 0 if it is not kept. It stays the history's.
uintptr_t history_find(const struct history *h, uint64_t index);
// The oldest packet where it is over age, 0 if none is. Call until it returns 0.
uintptr_t history_expire(struct history *h, uint64_t now_us);
// The oldest packet of all, 0 if none is kept.
uintptr_t history_evict(struct history *h);
