// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/loss/resend.h - one consumer's memory of what was sent, and whether a NACK is answered.
//
// Place   the consumer's worker: egress records, feedback asks. The packet itself is in the
// history. Thread  one owner. Time is the caller's microseconds and never goes back. Owns nothing:
// slots are the caller's. Spec    RFC 4585 6.2.1; RFC 3711 9.1 (why a repeat without RTX is the
// sealed packet bit for bit).
//
// A retransmission without RTX goes out under its old SRTP index, so it has to be the same
// plaintext down to the extension block, which is therefore kept here. Answers cost: a budget that
// fills with the consumer's rate bounds what any storm of NACKs can send, and a packet is not sent
// again while its last copy may still be under way.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	RESEND_EXT_BYTES = 48, // an extension block larger than this is not repeated without RTX
	RESEND_BURST_US = 250000, // of the share: what may be asked for at once
	RESEND_SHARE_PERCENT = 30, // of the transport's rate that answers may take
	RESEND_RATE_MIN_BPS = 100000, // repair is possible at any rate
};

struct resend_slot {
	uint64_t index; // egress SRTP index
	uint64_t source_index; // in the history
	uint64_t sent_us; // last time, in whatever form; 0: empty
	uint32_t source; // caller's number of the history
	uint16_t size; // bytes on the wire
	uint16_t resends;
	uint16_t ext_size; // bytes kept in 'ext'
	bool ext_kept; // false: it was too large
	uint8_t ext[RESEND_EXT_BYTES]; // header and body, as written
};

// What answers may cost: one for all consumers of a transport, or their storms would add up.
struct resend_budget {
	uint64_t filled_us; // when 'credit' was last filled
	uint64_t rate_bps; // of answers
	int64_t credit_bytes;
};

struct resend {
	struct resend_slot *slots;
	uint64_t highest; // egress index
	uint32_t mask; // slots - 1
	uint64_t answered; // counters, one a verdict
	uint64_t unknown;
	uint64_t too_soon;
	uint64_t over_budget;
};

enum resend_verdict {
	RESEND_SEND, // the packet then counts as sent again
	RESEND_UNKNOWN, // never sent, or too long ago
	RESEND_TOO_SOON, // the last copy may still arrive
	RESEND_OVER_BUDGET,
};

// 'slots' has 'count' of them, a power of two (assert); they are emptied.
void resend_init(struct resend *r, struct resend_slot *slots, uint32_t count);

// Starts at RESEND_RATE_MIN_BPS, full.
void resend_budget_init(struct resend_budget *b);
// What the transport may be sent in total, from the estimator; a share of it is for answers.
void resend_budget_set_rate(struct resend_budget *b, uint64_t bps);

// True if 'bytes' more may be sent now; they then count.
bool resend_budget_take(struct resend_budget *b, uint32_t bytes, uint64_t now_us);

struct resend_sent {
	uint64_t index;
	uint64_t source_index;
	const uint8_t *ext; // NULL without
	uint32_t source;
	uint16_t size;
	uint16_t ext_size;
};
// An original left. 'now_us' is not 0.
void resend_record(struct resend *r, const struct resend_sent *sent, uint64_t now_us);
// The consumer misses 'seq'. '*slot' is what was sent under it, valid until the next call, on
// RESEND_SEND alone. 'rtt_us' is the round trip to the consumer.
enum resend_verdict resend_ask(struct resend *r, struct resend_budget *b, uint16_t seq,
			       uint64_t now_us, uint64_t rtt_us, const struct resend_slot **slot);
