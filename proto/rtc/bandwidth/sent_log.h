// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/bandwidth/sent_log.h - what left under which transport-wide number, and what became of
// it.
//
// Place   the consumer's worker, per transport: egress adds, transport-wide feedback asks.
// Thread  one owner. Times are the caller's microseconds; arrivals are the peer's own clock,
// unwrapped. Owns    nothing: slots are the caller's. Spec
// draft-holmer-rmcat-transport-wide-cc-extensions-01.
//
// Feedback may lie, repeat itself and overlap: each packet is reported received once at most, and
// lost once at most before that. Numbers that were never sent, or too long ago, are skipped.
#pragma once

#include "proto/rtc/twcc.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum packet_kind {
	PACKET_AUDIO,
	PACKET_RETRANSMISSION,
	PACKET_VIDEO,
	PACKET_PADDING, // sent to probe
};

enum {
	SENT_SIZE_MAX = 4095,
	SENT_PROBE_MAX = 255,
	// Where things lie in a packet's word; its time comes first, modulo 2^40 us (twelve days).
	SENT_SIZE_BIT = 40, // bytes on the wire
	SENT_PROBE_BIT = 52, // cluster it belongs to, 0: none
	SENT_KIND_BIT = 60, // enum packet_kind
	SENT_FATE_BIT = 62, // internal
};

// Small, since every packet to everybody writes one: eight of them share a cache line.
struct sent_packet {
	uint64_t word;
};

struct sent_log {
	// What every packet touches comes first.
	struct sent_packet *slots;
	uint64_t next; // number of the next packet
	uint64_t told; // numbers below it have been reported on, or never will be
	uint64_t newest_us; // when the newest packet left
	uint32_t mask; // slots - 1
	uint32_t bytes; // that left since somebody took account of them
	int64_t reference; // last feedback's reference time, unwrapped, in 64 ms
	int64_t clock_offset_us; // peer's clock minus ours, when it was last set
	uint64_t absurd; // feedback whose clock went elsewhere than ours
	bool referenced;
};

// 'slots' has 'count' of them, a power of two (assert), up to 32768; they are emptied.
void sent_log_init(struct sent_log *l, struct sent_packet *slots, uint32_t count);
// The transport-wide number the next sent_log_add() takes.
static inline uint16_t sent_log_number(const struct sent_log *l)
{
	return (uint16_t)l->next;
}
static inline uint64_t sent_time(uint64_t us)
{
	return us & ((UINT64_C(1) << SENT_SIZE_BIT) - 1);
}
// 'size' up to SENT_SIZE_MAX, 'probe' up to SENT_PROBE_MAX. Reads nothing of the slot it writes.
static inline void sent_log_add(struct sent_log *l, uint32_t size, enum packet_kind kind,
				uint32_t probe, uint64_t now_us)
{
	// The same for a packet to many, of which hardly any probes.
	uint64_t word = sent_time(now_us) | (uint64_t)(size & SENT_SIZE_MAX) << SENT_SIZE_BIT |
			(uint64_t)kind << SENT_KIND_BIT;

	if (probe != 0)
		word |= (uint64_t)(probe & SENT_PROBE_MAX) << SENT_PROBE_BIT;
	struct sent_packet *slot = &l->slots[l->next++ & l->mask];
	slot->word = word;
	if (((uintptr_t)(slot + 1) & 63) == 0) // a line of the cache ends: the next is not at hand
		__builtin_prefetch(slot + 1);
	l->newest_us = now_us;
	l->bytes += size;
}
// True while packets are out that are newer than all that was reported on.
static inline bool sent_log_waits(const struct sent_log *l)
{
	return l->told != l->next;
}

struct sent_result {
	uint64_t sent_us;
	int64_t arrival_us; // of the peer's clock; only where 'received'
	uint32_t size;
	uint32_t probe;
	uint8_t kind;
	bool received; // false: the peer did not get it, so far
	bool was_lost; // it had been reported lost before
};

// Reads feedback step by step, so that no buffer bounds it.
struct sent_log_reader {
	struct twcc_feedback_iter it;
	struct sent_log *log;
	int64_t arrival_us;
	int64_t number;
};
// False at the first feedback, and where the peer's clock jumped: arrivals from here on are not to
// be compared with earlier ones.
bool sent_log_read(struct sent_log_reader *r, struct sent_log *l, const struct twcc_feedback *f,
		   uint64_t now_us);
bool sent_log_next(struct sent_log_reader *r, struct sent_result *out);
