// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/layer/selector.h - which packets of one encoding a consumer gets, by the layers it
// wants.
//
// Place   forward stage, per consumer, after the encoding is chosen. Choosing among encodings
//         (simulcast) is the caller's: every keyframe of the new one starts a selector anew.
// Thread  the owner of the consumer's transport.
// Owns    nothing; plain integers.
//
// A frame is forwarded whole or not at all, however its packets come. Layers change only where the
// decoder can follow: downwards with the next frame that stands on what was sent; upwards at a
// keyframe, or where the publisher marked it (VP8 Y, VP9 U or a layer frame not predicted from
// earlier pictures, Dependency Descriptor: a Switch indication on a frame whose references were
// all sent).
#pragma once

#include "proto/rtc/layer/packet.h"
#include "proto/rtc/seq.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
	LAYER_HIGHEST = 0xff,
	LAYER_FRAMES_KEPT = 128, // Dependency Descriptor: frames back whose fate is known
	LAYER_BEHIND_TICKS = 1 << 30, // a change long ago stays so far behind a wrapping timestamp
};

struct layer_pair {
	uint8_t spatial;
	uint8_t temporal;
};

struct layer_selector {
	struct layer_pair wanted; // LAYER_HIGHEST: no bound
	struct layer_pair current; // followed now
	struct layer_pair before; // followed by packets older than 'changed_ts' (VP8, VP9)
	uint32_t changed_ts; // RTP timestamp of the newest change
	uint32_t newest_ts; // VP8, VP9: newest frame seen, by timestamp and then spatial layer
	uint8_t newest_spatial;
	bool started; // a keyframe was forwarded
	uint8_t target; // DD: decode target followed
	uint8_t target_before; // DD: of frames before 'changed_number'
	uint16_t changed_number;
	uint32_t topped_ts; // DD: the picture whose highest frame was forwarded last
	uint16_t newest_number; // DD: newest frame decided on
	uint64_t known[LAYER_FRAMES_KEPT / 64]; // DD, by frame number: decided
	uint64_t sent[LAYER_FRAMES_KEPT / 64]; // DD, by frame number: forwarded
};

enum layer_verdict {
	LAYER_FORWARD,
	LAYER_FORWARD_MARKED, // and set the marker bit: the last packet of what this consumer gets
	LAYER_DROP, // on purpose: leaves no gap in the consumer's numbers
	LAYER_WAIT, // nothing can be followed before the next keyframe
};

// Follows nothing yet: the first frame forwarded will be a keyframe.
void layer_selector_init(struct layer_selector *s, struct layer_pair wanted);

// Follows from this packet on, the first of a new picture, everything having been forwarded so far.
void layer_selector_join(struct layer_selector *s, const struct layer_packet *l, uint32_t ts);

// What it wants from now on; takes effect where the decoder can follow.
void layer_selector_want(struct layer_selector *s, struct layer_pair wanted);

// 'ts' is the packet's RTP timestamp.
enum layer_verdict layer_select(struct layer_selector *s, const struct layer_packet *l,
				uint32_t ts);

// True if a layer of VP8 or VP9 can begin or end with the packet.
static inline bool layer_select_changes(const struct layer_selector *s,
					const struct layer_packet *l)
{
	const struct layer_pair *wanted = &s->wanted, *current = &s->current;

	if (memcmp(current, wanted, sizeof(*current)) == 0)
		return false;
	return current->temporal > wanted->temporal || current->spatial > wanted->spatial ||
	       ((l->flags & LAYER_SWITCH_UP) != 0 && current->temporal != wanted->temporal) ||
	       (l->form == LAYER_FORM_VP9 && current->spatial != wanted->spatial);
}

// True for a packet of VP8 or VP9 that changes nothing, to most who get it.
static inline bool layer_select_may_be_steady(const struct layer_packet *l)
{
	return (l->form == LAYER_FORM_VP8 || l->form == LAYER_FORM_VP9) &&
	       (l->flags & LAYER_KEYFRAME) == 0;
}

// Of those: true if it is forwarded and changes nothing. The selector has begun.
static inline bool layer_select_is_steady(const struct layer_selector *s,
					  const struct layer_packet *l, uint32_t ts)
{
	return ts - s->changed_ts <= LAYER_BEHIND_TICKS && !layer_select_changes(s, l) &&
	       l->spatial <= s->current.spatial && l->temporal <= s->current.temporal;
}

// layer_select() of that packet, without a call. True: FORWARD_MARKED.
static inline bool layer_select_take_steady(struct layer_selector *s, const struct layer_packet *l,
					    uint32_t ts)
{
	if (seq_ts_newer(ts, s->newest_ts)) {
		s->newest_ts = ts;
		s->newest_spatial = l->spatial;
	} else if (ts == s->newest_ts && l->spatial > s->newest_spatial) {
		s->newest_spatial = l->spatial;
	}
	return l->form == LAYER_FORM_VP9 && (l->flags & LAYER_FRAME_END) != 0 &&
	       l->spatial == s->current.spatial;
}

// True while another spatial layer is wanted than followed, with 'l' a recent packet. Where that
// lasts (a higher one; in key modes a lower one too, whose frames were left out so far) only a
// keyframe brings it: the caller asks at its own pace.
bool layer_selector_wants_keyframe(const struct layer_selector *s, const struct layer_packet *l);
