// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/rtp_source.c - RFC 3550 A.1 on unwrapped indices.
#include "proto/rtc/rtp_source.h"

#include "proto/rtc/seq.h"

enum { NOTHING_AWAITED = UINT32_MAX };

void rtp_source_init(struct rtp_source *s)
{
	*s = (struct rtp_source){.awaited = NOTHING_AWAITED};
}

static bool jumped(const struct rtp_source *s, uint64_t index)
{
	return index > s->highest + RTP_SOURCE_DROPOUT_MAX || index + REPLAY_SPAN <= s->highest;
}

// The next rollover period: above all that came before.
static bool start_over(struct rtp_source *s, uint16_t seq, uint64_t *index)
{
	*index = ((s->highest >> 16) + 1) << 16 | seq;
	if (*index > SEQ_INDEX_MAX)
		return false;
	s->replay = (struct replay){0};
	return true;
}

static bool received(struct rtp_source *s, uint64_t index)
{
	if (!replay_check(&s->replay, index))
		return false;
	replay_commit(&s->replay, index);
	if (!s->started || index > s->highest)
		s->highest = index;
	s->started = true;
	s->awaited = NOTHING_AWAITED;
	return true;
}

bool rtp_source_receive(struct rtp_source *s, uint16_t seq, uint64_t *index)
{
	if (!s->started) {
		*index = seq;
		return received(s, seq);
	}
	bool guessed = seq_index_guess(s->highest, seq, index);
	if (guessed && !jumped(s, *index))
		return received(s, *index);
	if (s->awaited != seq) {
		s->awaited = (uint16_t)(seq + 1);
		return false;
	}
	return start_over(s, seq, index) && received(s, *index);
}
