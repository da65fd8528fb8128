// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/bandwidth/pacer.h - when which packet of one transport leaves.
//
// Place   the consumer's worker, between rewriting and sealing; polled at its deadline.
// Thread  one owner. Time is the caller's microseconds and never goes back.
// Owns    nothing: items are the caller's, and so are the packets behind the handles.
//
// Audio leaves at once, then retransmissions, whose budget bounds them already (loss/resend.h):
// both only count. Video leaves a little above the estimate, and waits in order for what left
// before it to be covered. A full queue refuses the packet. What need not wait passes without being
// queued.
#pragma once

#include "proto/rtc/bandwidth/sent_log.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	PACER_FACTOR_PERCENT = 110, // of the estimate: more would fill the path's queue with bursts
	PACER_QUEUE_US = 500000, // what the rate sends in this time may be queued, and at least
	PACER_QUEUE_BYTES_MIN = 131072, // a keyframe, however low the estimate
	// Time without packets that is saved up: so much leaves at once.
	PACER_CREDIT_US = 5000,
	PACER_RATE_MIN_BPS = 100000, // for what shall leave in the end, however low the estimate
};

struct pacer_item {
	uintptr_t handle;
	uint64_t queued_us;
	uint32_t size; // bytes on the wire; 0: cancelled
};

struct pacer {
	int64_t debt_bits; // sent and not yet covered by the rate; below 0: credit
	uint64_t updated_us; // until when it is
	uint64_t sending_bps; // the rate that pays it: what 'rate_bps' makes of it
	uint64_t queued_bytes;
	uint64_t rate_bps; // estimate
	struct pacer_item *items; // ring
	uint32_t mask; // items - 1
	uint32_t head; // oldest
	uint32_t count;
};

// 'count' items, a power of two (assert).
void pacer_init(struct pacer *p, struct pacer_item *items, uint32_t count, uint64_t now_us);
void pacer_set_rate(struct pacer *p, uint64_t estimate_bps);

// Time passes: what was sent is paid for.
void pacer_pay(struct pacer *p, uint64_t now_us);

// True if a packet of the kind need not wait: it counts as sent. Inline, for it is asked once a
// packet.
static inline bool pacer_pass(struct pacer *p, enum packet_kind kind, uint32_t size,
			      uint64_t now_us)
{
	if (kind == PACKET_VIDEO) {
		if (now_us != p->updated_us)
			pacer_pay(p, now_us);
		if (p->debt_bits > 0 || p->count != 0)
			return false;
	}
	p->debt_bits += (int64_t)size * 8;
	return true;
}

// Where the next item that is pushed will lie in the ring.
static inline uint32_t pacer_place(const struct pacer *p)
{
	return (p->head + p->count) & p->mask;
}
// One that has to, of more than 0 bytes (assert). False if the queue is full: the packet stays the
// caller's.
bool pacer_push(struct pacer *p, uintptr_t handle, uint32_t size, uint64_t now_us);
// The item in that place, which waits, will never leave. Its handle may still come out of
// pacer_poll(), with a size of 0.
void pacer_cancel(struct pacer *p, uint32_t place);

struct pacer_out {
	uintptr_t handle;
	uint64_t queued_us;
	uint32_t size;
};
// True if something shall leave now; it then counts as sent. Call until it returns false.
bool pacer_poll(struct pacer *p, uint64_t now_us, struct pacer_out *out);
// What was let go is not sent after all.
void pacer_undo(struct pacer *p, const struct pacer_out *out);
// Earliest time pacer_poll() returns true, UINT64_MAX if nothing is queued.
uint64_t pacer_deadline_us(const struct pacer *p);
