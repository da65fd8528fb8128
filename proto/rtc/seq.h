// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/seq.h - order of wrapping counters, and from 16 bits to the 48-bit SRTP index.
//
// Place   receive path before the replay check, feedback, continuity.
// Spec    RFC 3711 3.3.1 (index guess), RFC 1982 (order of serial numbers).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SEQ_INDEX_MAX UINT64_C(0xffffffffffff) // rollover counter << 16 | sequence number

// True if 'a' comes after 'b'. Two values exactly half the space apart are ordered neither way.
static inline bool seq_newer(uint16_t a, uint16_t b)
{
	uint16_t ahead = (uint16_t)(a - b);
	return ahead != 0 && ahead < 0x8000;
}

// The same for RTP timestamps.
static inline bool seq_ts_newer(uint32_t a, uint32_t b)
{
	uint32_t ahead = a - b;
	return ahead != 0 && ahead < UINT32_C(0x80000000);
}

// The counter value nearest to 'near' whose low 16 bits are 'seq'. Exactly half a cycle away counts
// as behind. May be negative.
static inline int64_t seq_unwrap(int64_t near, uint16_t seq)
{
	uint16_t ahead = (uint16_t)(seq - (uint16_t)(uint64_t)near);
	return near + ahead - (ahead >= 0x8000 ? 0x10000 : 0);
}

// RFC 3711 3.3.1: the likely 48-bit index of a packet numbered 'seq', where 'highest' is the
// highest index authenticated so far. Returns false, '*index' untouched, where the guess would
// leave 0..SEQ_INDEX_MAX. Pure: nothing moves before the packet has been authenticated.
static inline bool seq_index_guess(uint64_t highest, uint16_t seq, uint64_t *index)
{
	int64_t guess = seq_unwrap((int64_t)highest, seq);
	// The RFC keeps a distance of exactly 2^15 in the same rollover period.
	if ((uint16_t)(seq - (uint16_t)highest) == 0x8000 && (highest & 0xffff) < 0x8000)
		guess += 0x10000;
	if (guess < 0 || (uint64_t)guess > SEQ_INDEX_MAX)
		return false;
	*index = (uint64_t)guess;
	return true;
}
