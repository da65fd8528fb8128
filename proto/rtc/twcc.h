// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/twcc.h - transport-wide congestion control: the receiver's feedback, and reading one.
//
// Place   a publisher's transport, fed per authenticated packet that carries a transport-wide
// number. Thread  one owner. Time is the caller's microseconds and never goes back. Owns    a
// bounded window of arrivals; older ones are forgotten unreported. Spec
// draft-holmer-rmcat-transport-wide-cc-extensions-01, section 3.1.
#pragma once

#include "proto/rtc/rtcp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TWCC_WINDOW_PKTS = 1024, // arrivals remembered; a power of two
	TWCC_FEEDBACK_BYTES_MIN = 64, // less room than this is a caller's bug
};

struct twcc_receiver {
	uint64_t arrival_us[TWCC_WINDOW_PKTS]; // arrival + 1, 0: not received
	int64_t next; // first unwrapped number not reported yet
	int64_t highest; // received so far
	uint64_t interval_us;
	uint64_t due_us; // of the next feedback, UINT64_MAX: nothing to report
	uint32_t sender_ssrc;
	uint32_t media_ssrc;
	uint8_t feedback_count;
	bool started;
};

void twcc_init(struct twcc_receiver *r, uint32_t sender_ssrc, uint64_t interval_us);
// A packet of 'media_ssrc' numbered 'seq' arrived. Repeats and packets behind the window change
// nothing.
void twcc_receive(struct twcc_receiver *r, uint16_t seq, uint32_t media_ssrc, uint64_t now_us);
// Earliest time twcc_poll() has something to send, UINT64_MAX if never.
uint64_t twcc_deadline_us(const struct twcc_receiver *r);
// Writes one whole RTCP packet if one is due and returns its size, else 0. Call until it returns 0:
// what did not fit one packet makes another.
size_t twcc_poll(struct twcc_receiver *r, uint64_t now_us, uint8_t *buf, size_t room);

// Reading feedback on packets of our own.
struct twcc_feedback {
	const uint8_t *chunks;
	const uint8_t *deltas;
	const uint8_t *end;
	uint32_t reference_64ms; // 24 bits, signed in meaning
	uint16_t base_seq;
	uint16_t status_count;
	uint8_t feedback_count;
};
struct twcc_status {
	uint16_t seq;
	bool received;
	int16_t delta_250us; // since the packet received before, the first one since the reference
};
struct twcc_feedback_iter {
	const uint8_t *chunk;
	const uint8_t *chunks_end;
	const uint8_t *delta;
	const uint8_t *deltas_end;
	uint16_t word; // chunk being read
	uint16_t symbol; // index of its next symbol
	uint16_t left; // statuses still to read
	uint16_t seq;
};

// False unless 'p' is well-formed feedback whose chunks and deltas lie inside it.
bool twcc_read(const struct rtcp_packet *p, struct twcc_feedback *f);
void twcc_feedback_iter_init(struct twcc_feedback_iter *it, const struct twcc_feedback *f);
bool twcc_feedback_next(struct twcc_feedback_iter *it, struct twcc_status *s);
