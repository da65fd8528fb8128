// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/rtp_source.h - the 48-bit index of packets that come without SRTP: order, repeats, and
// a sender that starts over.
//
// Place   ingress, per SSRC of a plain transport, in the place of an SRTP receive stream.
// Thread  the owner of the transport.
// Trust   nothing authenticates these packets. What is promised all the same: no index comes twice.
// Spec    RFC 3550 A.1 (a jump counts once the packet behind it comes, too).
#pragma once

#include "proto/rtc/replay.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	RTP_SOURCE_DROPOUT_MAX = 3000, // RFC 3550 A.1 MAX_DROPOUT: further ahead is a jump
};

struct rtp_source {
	struct replay replay;
	uint64_t highest;
	uint32_t awaited; // the sequence number that confirms a jump; above 0xffff: none
	bool started;
};

void rtp_source_init(struct rtp_source *s);

// The index of a packet numbered 'seq', which then counts as received. False: a repeat, too old, or
// the first packet of a jump. After a jump indices go on in the next rollover period, so they only
// grow.
bool rtp_source_receive(struct rtp_source *s, uint16_t seq, uint64_t *index);
