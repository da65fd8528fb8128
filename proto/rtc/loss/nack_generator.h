// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/loss/nack_generator.h - which packets of one received stream to ask for again, and
// when.
//
// Place   the publisher's worker, per encoding, after the replay window; retransmissions count
// under
//         the number they restore.
// Thread  one owner. Time is the caller's microseconds and never goes back.
// Owns    a bounded list of missing packets; what does not fit is given up, oldest first.
// Spec    RFC 4585 6.2.1 (what is asked), RFC 4588 (what comes back).
//
// A gap is first asked for when it has outlived the reordering seen on this path, then once per
// round-trip time, NACK_TRIES_MAX times. What lies before a keyframe that has begun is given up: at
// once where too much was lost to be repaired, else after NACK_TRIES_OLD more, for its own frames
// may still be in time.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NACK_MISSING_MAX = 256, // packets waited for; a longer gap wants a keyframe instead
	NACK_TRIES_MAX = 10,
	NACK_TRIES_OLD = 2, // before a keyframe
	NACK_REORDER_MIN_US = 2000,
	NACK_REORDER_MAX_US = 60000,
	NACK_INTERVAL_MIN_US = 20000, // between two asks, whatever the round-trip time
	NACK_MARGIN_US = 2000, // a retransmission may be this much slower than the round-trip time
};

struct nack_missing {
	uint64_t index; // unwrapped number
	uint64_t noticed_us;
	uint64_t asked_us; // first ask
	uint64_t next_us; // of the next one
	uint32_t tries;
};

struct nack_generator {
	struct nack_missing missing[NACK_MISSING_MAX]; // ascending by index
	uint64_t highest; // received
	uint64_t keyframe; // where the last one began
	uint64_t reorder_us; // how long a packet may be overtaken before it counts as lost
	uint64_t rtt_us; // as the last poll had it
	uint64_t answer_us; // smoothed time from an ask to its answer, 0: none came
	uint64_t asked; // counters
	uint64_t recovered; // came after an ask
	uint64_t given_up;
	uint32_t count;
	bool started;
	bool broken; // more is lost than can be asked for: a keyframe is wanted
};

void nack_generator_init(struct nack_generator *g);
// A packet numbered 'index' (48-bit SRTP index or unwrapped number) arrived, in whatever way.
void nack_generator_receive(struct nack_generator *g, uint64_t index, uint64_t now_us);
// An answer to an ask of ours (RTX): true if the packet was missing, which it no longer is. The
// time it took becomes 'answer_us', so that the round trip is known where nothing else tells it.
bool nack_generator_repair(struct nack_generator *g, uint64_t index, uint64_t now_us);
// A keyframe begins at 'index': what is older is given up, as above, and nothing is broken any
// more.
void nack_generator_keyframe(struct nack_generator *g, uint64_t index);
// Writes up to 'cap' numbers due now, oldest first, which then count as asked. 'rtt_us' is the
// round trip to the sender. Returns how many; call again while it returns 'cap'.
size_t nack_generator_poll(struct nack_generator *g, uint64_t now_us, uint64_t rtt_us,
			   uint16_t *seqs, size_t cap);
