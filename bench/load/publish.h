// SPDX-License-Identifier: Apache-2.0
//
// bench/load/publish.h - publishers: valid SRTP in Ethernet frames, one packet of one publisher
// after another.
//
// Media    VP8 (RFC 7741) with 15-bit picture ids: frames of ten packets at 30 frames' worth of
//          timestamp apart, a keyframe every 60 frames. The rest of the payload tells who sent
//          what.
// Index    48 bits and counted on from trial to trial: sequence, rollover counter and the replay
//          window of the receiver are as a real sender has them.
#pragma once

#include "bench/load/plan.h"

#include <rte_mbuf.h>
#include <stdbool.h>

enum {
	PUBLISH_FRAME_BYTES_MAX = 1518,
	PUBLISH_SENT_SLOTS = 1 << 16, // of a publisher: one for each sequence number
	PUBLISH_VP8_BYTES = 5, // payload descriptor and the first byte of VP8 itself
	PUBLISH_MARK_BYTES = 16, // behind it: publisher, index
};

struct publishers;

// Ends the process with a sentence without memory or where the suite is refused.
struct publishers *publishers_new(const struct plan *p);
void publishers_free(struct publishers *ps); // wipes the keys

// Writes the next frame into 'frame' (PUBLISH_FRAME_BYTES_MAX). Returns its size in bytes.
// Says whose it is and under which sequence number.
struct publish_id {
	uint32_t publisher;
	uint16_t sequence;
};
uint16_t publishers_next(struct publishers *ps, uint8_t *frame, struct publish_id *id);

// That packet left at 'ticks'.
void publishers_sent(struct publishers *ps, const struct publish_id *id, uint64_t ticks);

// When the packet with that sequence number left; 0: none has.
uint64_t publishers_sent_ticks(const struct publishers *ps, uint32_t publisher, uint16_t sequence);

// Reads the mark of an opened payload. False: it is none of ours.
bool publish_mark_read(const uint8_t *payload, size_t size, uint32_t *publisher, uint64_t *index);
