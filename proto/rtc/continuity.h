// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/continuity.h - one consumer's sequence numbers and timestamps stay in one piece while
// its source is switched, thinned out and loses packets.
//
// Place   forward stage, per consumer. Its output is the egress SRTP index, so it promises: no
//         index is given out twice, whatever comes in (AES-GCM dies of nonce reuse), but for those
//         the caller takes back.
// Thread  the owner of the consumer's transport.
// Owns    nothing; plain fixed-width integers that may lie in shared memory, where whoever reads
//         the state back runs rtp_continuity_valid() first.
//
// How packets map, index being the unwrapped 48-bit one:
//   sent       keeps its distance to its neighbours, so a packet lost upstream leaves a true gap;
//   dropped    on purpose leaves no gap, if newer than all before it; a late one leaves its gap;
//   late       maps where it belongs, within RTP_CONTINUITY_WINDOW of the newest and not behind
//              the switch; else it is refused;
//   far ahead  of the newest by more than RTP_CONTINUITY_GAP_MAX continues without a gap (a larger
//              jump would cost receivers the rollover counter); what lies behind is refused.
// Timestamps keep the source's distances, and over a switch the consumer's clock: by the sources'
// own clocks where the caller knows them, else by the time that passed. They never go back: where
// the source taken over is behind that clock, they creep until it has caught up.
#pragma once

#include "proto/rtc/seq.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	RTP_CONTINUITY_WINDOW = 1024, // packets behind the newest that still map
	RTP_CONTINUITY_GAP_MAX = 8192, // largest true gap; below 2^15
	RTP_CONTINUITY_WORDS = RTP_CONTINUITY_WINDOW / 64 + 1, // a window begins in any bit
};

// 64 source indexes.
struct rtp_continuity_bits {
	uint64_t seen; // sent or dropped
	uint64_t dropped; // dropped when newest: later packets moved up by one
};

struct rtp_continuity {
	uint64_t in_highest; // newest source index, sent or dropped
	uint64_t in_floor; // source indexes below belong to before the switch
	uint64_t out_next; // index that in_highest + 1 would get
	uint64_t ts_arrival_us; // when the packet with 'ts_newest' arrived
	uint32_t ts_newest; // newest timestamp given out
	uint32_t ts_delta; // given out minus source's
	uint32_t source; // SSRC being forwarded
	uint32_t started; // 1 once a source is set; 2: and its timestamps still creep
	// By how many words a source index lies behind the newest: the first, which every packet
	// changes, shares a cache line with what is above.
	struct rtp_continuity_bits bits[RTP_CONTINUITY_WORDS];
	uint32_t switch_in; // source's timestamp at the switch
	uint32_t switch_out; // what was given out for it
};
static_assert(sizeof(struct rtp_continuity) == 56 + 2 * RTP_CONTINUITY_WORDS * 8, "no padding");

struct rtp_continuity_in {
	uint64_t index; // unwrapped source index, at most SEQ_INDEX_MAX
	uint64_t now_us; // arrival
	uint32_t source; // SSRC
	uint32_t ts;
	uint32_t clock_rate; // Hz, not 0
};
struct rtp_continuity_out {
	uint64_t index; // rollover counter << 16 | sequence number
	uint32_t ts;
};

enum rtp_continuity_verdict {
	RTP_CONTINUITY_SEND,
	RTP_CONTINUITY_OTHER_SOURCE, // not the source being forwarded, or none is yet
	RTP_CONTINUITY_TOO_LATE, // behind the window, the switch or the splice
	RTP_CONTINUITY_SEEN, // this source index was sent or dropped already
	RTP_CONTINUITY_EXHAUSTED, // no egress index left under this key
};

// Starts with nothing given out. 'first' is the sequence number of the first packet to be sent,
// random below 2^15 (assert) so that receivers guess the rollover counter right; 'ts' its
// timestamp.
void rtp_continuity_init(struct rtp_continuity *c, uint16_t first, uint32_t ts);

// Maps a packet of the source being forwarded. Only on SEND is '*out' filled and state changed; the
// index then counts as used, whether or not the packet leaves.
enum rtp_continuity_verdict rtp_continuity_map(struct rtp_continuity *c,
					       const struct rtp_continuity_in *in,
					       struct rtp_continuity_out *out);

// False for one packet in 64, which begins another word of 'bits'.
static inline bool rtp_continuity_may_be_next(const struct rtp_continuity_in *in)
{
	return in->index % 64 != 0;
}

// Of those that may be: true for the packet right behind the newest, which nearly every one is,
// where the index it gets lies below 'limit', at most SEQ_INDEX_MAX + 1.
static inline bool rtp_continuity_is_next(const struct rtp_continuity *c,
					  const struct rtp_continuity_in *in, uint64_t limit)
{
	// Two comparisons in one.
	const uint64_t steady = (uint64_t)1 << 32 | in->source;

	return ((uint64_t)c->started << 32 | c->source) == steady &&
	       c->in_highest == in->index - 1 && c->out_next < limit;
}

// Maps that packet, without a call.
static inline struct rtp_continuity_out rtp_continuity_take_next(struct rtp_continuity *c,
								 const struct rtp_continuity_in *in)
{
	struct rtp_continuity_out out = {.index = c->out_next++, .ts = in->ts + c->ts_delta};

	c->bits[0].seen |= UINT64_C(1) << (in->index % 64);
	c->in_highest = in->index;
	if (seq_ts_newer(out.ts, c->ts_newest)) {
		c->ts_newest = out.ts;
		c->ts_arrival_us = in->now_us;
	}
	return out;
}

// Any packet of the source, the next one without a call.
static inline enum rtp_continuity_verdict
rtp_continuity_map_next(struct rtp_continuity *c, const struct rtp_continuity_in *in,
			struct rtp_continuity_out *out)
{
	if (!rtp_continuity_may_be_next(in) || !rtp_continuity_is_next(c, in, SEQ_INDEX_MAX + 1))
		return rtp_continuity_map(c, in, out);
	*out = rtp_continuity_take_next(c, in);
	return RTP_CONTINUITY_SEND;
}

// Makes the packet's source the one forwarded and maps the packet as its first: the next index, a
// timestamp of rtp_continuity_clock() (but newer than the newest). Also resumes the same source
// after a pause without a gap; its timestamps then go on as they were. Returns SEND or EXHAUSTED;
// TOO_LATE or SEEN where the same source would resume at a packet not newer than its newest.
enum rtp_continuity_verdict rtp_continuity_switch(struct rtp_continuity *c,
						  const struct rtp_continuity_in *in,
						  struct rtp_continuity_out *out);

// The same where the caller knows what the consumer's clock shows for the packet: 'clock_ts'.
enum rtp_continuity_verdict rtp_continuity_switch_to(struct rtp_continuity *c,
						     const struct rtp_continuity_in *in,
						     uint32_t clock_ts,
						     struct rtp_continuity_out *out);

// Packets that were given 'index' and what follows it never left and never will (the caller's word:
// if one did, its nonce is used twice): what is switched to next gets these indexes. Until then no
// packet of the source maps that is not newer than its newest. 'index' is at most the next one
// (assert).
void rtp_continuity_take_back(struct rtp_continuity *c, uint64_t index);

// The timestamp that a packet of the source now forwarded has, or had, with 'ts' of the source.
uint32_t rtp_continuity_ts(const struct rtp_continuity *c, uint32_t ts);

// What the consumer's clock shows for the packet, by the time that passed since the newest one.
uint32_t rtp_continuity_clock(const struct rtp_continuity *c, const struct rtp_continuity_in *in);

// The packet is dropped on purpose (layer, mute): later ones close the gap. Not for packets that a
// full ring or a failed seal cost us; those are losses and show. Other sources, repeats and late
// packets change nothing but 'seen'.
void rtp_continuity_drop(struct rtp_continuity *c, const struct rtp_continuity_in *in);

// The other way: to which packet of the source now forwarded sequence number 'seq' belongs, for a
// NACK. It need not have been sent: what comes late goes there, too. False where none can, for
// 'seq' is too old, from before the last switch, or not reached yet.
bool rtp_continuity_source_of(const struct rtp_continuity *c, uint16_t seq, uint64_t *index);

// After adoption of a record: give out nothing below 'index' (a reserved high-water mark). Returns
// false, nothing changed, if that is not 0..2^15-1 ahead of the next index.
bool rtp_continuity_jump(struct rtp_continuity *c, uint64_t index);

// True if a state read back could have been written by the functions above, as far as it can be
// told: every use of a valid one stays in bounds.
bool rtp_continuity_valid(const struct rtp_continuity *c);
