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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum packet_kind {
	PACKET_AUDIO,
	PACKET_RETRANSMISSION,
	PACKET_VIDEO,
	PACKET_PADDING, // sent to probe
};

struct sent_packet {
	uint64_t number; // transport-wide, unwrapped
	uint64_t sent_us; // + 1, 0: empty
	uint32_t size; // bytes on the wire
	uint32_t probe; // cluster it belongs to, 0: none
	uint8_t kind; // enum packet_kind
	uint8_t fate; // internal
};

struct sent_log {
	struct sent_packet *slots;
	uint64_t next; // number of the next packet
	int64_t reference; // last feedback's reference time, unwrapped, in 64 ms
	int64_t clock_offset_us; // peer's clock minus ours, when it was last set
	uint64_t in_flight_bytes;
	uint64_t absurd; // feedback whose clock went elsewhere than ours
	uint32_t mask; // slots - 1
	bool referenced;
};

// 'slots' has 'count' of them, a power of two (assert), up to 32768; they are emptied.
void sent_log_init(struct sent_log *l, struct sent_packet *slots, uint32_t count);
// The transport-wide number the next sent_log_add() takes.
static inline uint16_t sent_log_number(const struct sent_log *l)
{
	return (uint16_t)l->next;
}
void sent_log_add(struct sent_log *l, uint32_t size, enum packet_kind kind, uint32_t probe,
		  uint64_t now_us);

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
