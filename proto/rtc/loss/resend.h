// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/loss/resend.h - which of a consumer's NACKs are answered.
//
// Place   the consumer's worker, between feedback and the history that has the packets.
// Thread  one owner. Time is the caller's microseconds and never goes back.
// Owns    nothing; plain integers.
// Spec    RFC 4585 6.2.1.
//
// Answers cost. A consumer is listened to so often and no more, what may still be under way is not
// sent again, and a budget that fills with the transport's rate bounds the bytes: no storm of NACKs
// sends more.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	RESEND_ASKS_US = 10000, // in this time
	RESEND_ASKS_MAX = 64, // a consumer is listened to so often
	RESEND_KEPT = 16, // answers remembered
	RESEND_BURST_US = 250000, // of the share: what may be asked for at once
	RESEND_SHARE_PERCENT = 30, // of the transport's rate that answers may take
	RESEND_RATE_MIN_BPS = 100000, // repair is possible at any rate
};

// One consumer's; zeroed at the start.
struct resend {
	uint64_t asks_us; // start of the time that 'asks' counts
	uint32_t asks;
	uint32_t next; // place of the oldest in 'given'
	struct {
		uint64_t at_us; // 0: none
		uint64_t index; // of the source
	} given[RESEND_KEPT];
};

// What answers may cost: one for all consumers of a transport, or their storms would add up.
struct resend_budget {
	uint64_t filled_us; // when 'credit' was last filled
	uint64_t rate_bps; // of answers
	int64_t credit_bytes;
};

// Starts at RESEND_RATE_MIN_BPS, full.
void resend_budget_init(struct resend_budget *b);
// What the transport may be sent in total, from the estimator; a share of it is for answers.
void resend_budget_set_rate(struct resend_budget *b, uint64_t bps);

// True if 'bytes' more may be sent now; they then count.
bool resend_budget_take(struct resend_budget *b, uint32_t bytes, uint64_t now_us);

// The consumer asks for a packet. False: it asks too often.
bool resend_ask(struct resend *r, uint64_t now_us);
// An answer may still arrive, for its NACK left half a round trip ago.
bool resend_under_way(const struct resend *r, uint64_t index, uint64_t now_us, uint64_t rtt_us);
// The packet was sent again. 'now_us' is not 0.
void resend_given(struct resend *r, uint64_t index, uint64_t now_us);
