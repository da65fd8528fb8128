// SPDX-License-Identifier: Apache-2.0
//
// dataplane/srtp/indices.h - which SRTP indices a stream may seal or open, the same for every
// engine. Inside srtp/ only.
//
// Owns     nothing; one per stream, the worker's.
// Spec     RFC 3711 3.3.1 (index guess), 9.1 (never twice).
#pragma once

#include "dataplane/srtp/engine.h"
#include "proto/rtc/seq.h"

struct srtp_indices {
	uint64_t next; // above all that were sealed, or authenticated; at first 'floor'
	uint64_t floor; // lower indices were before this stream: used up, or perhaps seen
};

static inline struct srtp_indices srtp_indices_from(uint64_t index)
{
	return (struct srtp_indices){.next = index, .floor = index};
}

// True if 'index' lies further behind than the window goes.
static inline bool srtp_indices_behind(const struct srtp_indices *s, uint64_t index)
{
	return index + SRTP_REPLAY_WINDOW < s->next;
}

static inline bool srtp_indices_may_seal(const struct srtp_indices *s, uint64_t index)
{
	return index <= SEQ_INDEX_MAX && index >= s->floor && !srtp_indices_behind(s, index);
}

// RFC 3711 3.3.1. A stream begins with rollover counter 0; what would lie before that is taken for
// a packet of the first 2^16 as well, and its tag tells. False: too old in any case.
static inline bool srtp_indices_guess(const struct srtp_indices *s, uint16_t seq, uint64_t *index)
{
	if (s->next == 0 || !seq_index_guess(s->next - 1, seq, index)) {
		*index = seq;
		if (s->next > 0x8000)
			return false;
	}
	return *index >= s->floor && !srtp_indices_behind(s, *index);
}

static inline void srtp_indices_done(struct srtp_indices *s, uint64_t index)
{
	if (index >= s->next)
		s->next = index + 1;
}

// An index to be sealed now. False where it may not be.
static inline bool srtp_indices_take(struct srtp_indices *s, uint64_t index)
{
	if (index >= s->next && index <= SEQ_INDEX_MAX) { // nearly always; and above the floor
		s->next = index + 1;
		return true;
	}
	return srtp_indices_may_seal(s, index);
}
