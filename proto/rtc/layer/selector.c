// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/layer/selector.c - choosing packets by layer. Contract in layer_selector.h.
#include "proto/rtc/layer/selector.h"

#include "proto/rtc/seq.h"

void layer_selector_init(struct layer_selector *s, struct layer_pair wanted)
{
	*s = (struct layer_selector){.wanted = wanted};
}

void layer_selector_want(struct layer_selector *s, struct layer_pair wanted)
{
	s->wanted = wanted;
}

static bool has(const struct layer_packet *l, enum layer_flags flag)
{
	return (l->flags & flag) != 0;
}

// --- VP8 and VP9: layers by number ---

static void change(struct layer_selector *s, struct layer_pair to, uint32_t ts)
{
	if (to.spatial == s->current.spatial && to.temporal == s->current.temporal)
		return;
	if (s->changed_ts != ts) // several changes within one picture are one
		s->before = s->current;
	s->current = to;
	s->changed_ts = ts;
}

// At a keyframe everything wanted can be followed.
static void begin_at(struct layer_selector *s, uint32_t ts)
{
	if (s->started) {
		change(s, s->wanted, ts);
		return;
	}
	s->started = true;
	s->current = s->wanted;
	s->before = (struct layer_pair){0};
	s->changed_ts = ts;
	s->newest_ts = ts;
}

static uint8_t lower(uint8_t a, uint8_t b)
{
	return a < b ? a : b;
}

// True if nothing of this frame or a newer one has been seen: its fate, and that of all that comes,
// is still open. Makes it the newest.
static bool is_newest(struct layer_selector *s, const struct layer_packet *l, uint32_t ts)
{
	bool newer = seq_ts_newer(ts, s->newest_ts) ||
		     (ts == s->newest_ts && l->spatial > s->newest_spatial);

	if (!newer)
		return false;
	s->newest_ts = ts;
	s->newest_spatial = l->spatial;
	return true;
}

// A frame begins: may the layers followed change here?
static void follow(struct layer_selector *s, const struct layer_packet *l, uint32_t ts)
{
	struct layer_pair to = s->current;

	if (l->spatial == 0) { // a new picture: what is not wanted any more ends
		to.spatial = lower(to.spatial, s->wanted.spatial);
		to.temporal = lower(to.temporal, s->wanted.temporal);
	}
	// VP9 marks the frame after which higher layers may be followed, VP8 the higher frame.
	if (has(l, LAYER_SWITCH_UP) && s->wanted.temporal > to.temporal) {
		if (l->form == LAYER_FORM_VP9 && l->spatial == 0 && l->temporal <= to.temporal)
			to.temporal = s->wanted.temporal;
		if (l->form == LAYER_FORM_VP8 && l->temporal > to.temporal)
			to.temporal = lower(l->temporal, s->wanted.temporal);
	}
	if (l->form == LAYER_FORM_VP9 && !has(l, LAYER_PREDICTED) && l->spatial == to.spatial + 1 &&
	    l->spatial <= s->wanted.spatial)
		to.spatial = l->spatial;
	change(s, to, ts);
}

// A change long ago stays in the past of a wrapping timestamp.
static void keep_behind(struct layer_selector *s, uint32_t ts)
{
	if (seq_ts_newer(ts, s->changed_ts) && ts - s->changed_ts > LAYER_BEHIND_TICKS)
		s->changed_ts = ts - LAYER_BEHIND_TICKS;
}

static enum layer_verdict select_by_number(struct layer_selector *s, const struct layer_packet *l,
					   uint32_t ts)
{
	if (has(l, LAYER_KEYFRAME) && (!s->started || !seq_ts_newer(s->changed_ts, ts)))
		begin_at(s, ts);
	if (!s->started)
		return LAYER_WAIT;
	bool is_before = seq_ts_newer(s->changed_ts, ts);
	if (is_newest(s, l, ts) && !is_before && has(l, LAYER_FRAME_START))
		follow(s, l, ts);
	struct layer_pair followed = is_before ? s->before : s->current;
	keep_behind(s, ts);
	if (l->spatial > followed.spatial || l->temporal > followed.temporal)
		return LAYER_DROP;
	return l->form == LAYER_FORM_VP9 && has(l, LAYER_FRAME_END) &&
			       l->spatial == followed.spatial
		       ? LAYER_FORWARD_MARKED
		       : LAYER_FORWARD;
}

// --- Dependency Descriptor: layers by decode target ---

static bool bit_get(const uint64_t *bits, uint16_t number)
{
	return (bits[number % LAYER_FRAMES_KEPT / 64] >> (number % 64) & 1) != 0;
}

static void bit_put(uint64_t *bits, uint16_t number, bool set)
{
	uint64_t *word = &bits[number % LAYER_FRAMES_KEPT / 64];
	uint64_t bit = UINT64_C(1) << (number % 64);

	*word = set ? *word | bit : *word & ~bit;
}

// Frames between the newest and this one have not been seen yet.
static void frames_advance(struct layer_selector *s, uint16_t number)
{
	uint16_t by = (uint16_t)(number - s->newest_number);

	for (uint16_t i = 0; i < by && i < LAYER_FRAMES_KEPT; i++) {
		bit_put(s->known, (uint16_t)(number - i), false);
		bit_put(s->sent, (uint16_t)(number - i), false);
	}
	s->newest_number = number;
	// A change long ago stays in the past of a wrapping number.
	if ((uint16_t)(number - s->changed_number) > LAYER_FRAMES_KEPT)
		s->changed_number = (uint16_t)(number - LAYER_FRAMES_KEPT);
}

static bool references_sent(const struct layer_selector *s, const struct layer_packet *l)
{
	for (unsigned i = 0; i < l->reference_count; i++) {
		uint16_t back = (uint16_t)(s->newest_number - l->picture_id + l->references[i]);

		if (back >= LAYER_FRAMES_KEPT ||
		    !bit_get(s->sent, (uint16_t)(l->picture_id - l->references[i])))
			return false;
	}
	return true;
}

// The decode target with the highest layers not above what is wanted; the lowest if all are above.
static uint8_t target_wanted(const struct layer_selector *s, const struct layer_packet *l)
{
	unsigned best = 0, lowest = 0;
	bool found = false;

	for (unsigned i = 0; i < l->target_count; i++) {
		uint8_t layer = l->target_layer[i];

		if (layer < l->target_layer[lowest])
			lowest = i;
		if (layer >> 4 > s->wanted.spatial || (layer & 15) > s->wanted.temporal)
			continue;
		if (!found || layer > l->target_layer[best])
			best = i;
		found = true;
	}
	return (uint8_t)(found ? best : lowest);
}

static uint8_t spatial_of(const struct layer_packet *l, uint8_t target)
{
	return l->target_layer[target] >> 4;
}

// A picture that ends with the marker of a lower layer cannot go on with a higher one.
static bool picture_over(const struct layer_selector *s, const struct layer_packet *l, uint32_t ts)
{
	return s->topped_ts == ts && s->target < l->target_count &&
	       l->spatial > spatial_of(l, s->target);
}

static void follow_target(struct layer_selector *s, const struct layer_packet *l, uint32_t ts)
{
	uint8_t wanted = target_wanted(s, l);

	if (has(l, LAYER_KEYFRAME)) {
		s->started = true;
	} else if (wanted == s->target || picture_over(s, l, ts) ||
		   dd_indication_of(l->indications, wanted) != DD_SWITCH ||
		   !references_sent(s, l)) {
		return;
	}
	s->target_before = s->target;
	s->changed_number = l->picture_id;
	s->target = wanted;
}

// The target in force for a frame.
static uint8_t target_at(const struct layer_selector *s, uint16_t number)
{
	return seq_newer(s->changed_number, number) ? s->target_before : s->target;
}

static bool is_top(const struct layer_selector *s, const struct layer_packet *l)
{
	uint8_t target = target_at(s, l->picture_id);

	return target < l->target_count && l->spatial == spatial_of(l, target);
}

static bool frame_needed(struct layer_selector *s, const struct layer_packet *l, uint32_t ts)
{
	if (has(l, LAYER_FRAME_START) && l->picture_id == s->newest_number)
		follow_target(s, l, ts);
	uint8_t target = target_at(s, l->picture_id);
	if (target >= l->target_count || dd_indication_of(l->indications, target) == DD_NOT_PRESENT)
		return false;
	if (is_top(s, l))
		s->topped_ts = ts;
	return true;
}

static enum layer_verdict select_by_target(struct layer_selector *s, const struct layer_packet *l,
					   uint32_t ts)
{
	uint16_t number = l->picture_id;

	if (!s->started) {
		if (!has(l, LAYER_KEYFRAME))
			return LAYER_WAIT;
		s->newest_number = (uint16_t)(number - 1);
	}
	if (seq_newer(number, s->newest_number))
		frames_advance(s, number);
	else if ((uint16_t)(s->newest_number - number) >= LAYER_FRAMES_KEPT)
		return LAYER_DROP;
	if (!bit_get(s->known, number)) {
		bit_put(s->sent, number, frame_needed(s, l, ts));
		bit_put(s->known, number, true);
	}
	if (!bit_get(s->sent, number))
		return LAYER_DROP;
	return has(l, LAYER_FRAME_END) && is_top(s, l) ? LAYER_FORWARD_MARKED : LAYER_FORWARD;
}

enum layer_verdict layer_select(struct layer_selector *s, const struct layer_packet *l, uint32_t ts)
{
	switch ((enum layer_form)l->form) {
	case LAYER_FORM_VP8:
	case LAYER_FORM_VP9:
		return select_by_number(s, l, ts);
	case LAYER_FORM_DD:
		return select_by_target(s, l, ts);
	case LAYER_FORM_NONE:
		break;
	}
	return LAYER_FORWARD;
}

void layer_selector_join(struct layer_selector *s, const struct layer_packet *l, uint32_t ts)
{
	const struct layer_pair all = {LAYER_HIGHEST, LAYER_HIGHEST};

	*s = (struct layer_selector){
		.wanted = all,
		.current = all,
		.before = all,
		.changed_ts = ts,
		.newest_ts = ts - 1,
		.started = true,
		.topped_ts = ts - 1,
		.newest_number = (uint16_t)(l->picture_id - 1),
		.changed_number = (uint16_t)(l->picture_id - LAYER_FRAMES_KEPT),
	};
	for (unsigned i = 0; i < LAYER_FRAMES_KEPT / 64; i++)
		s->known[i] = s->sent[i] = UINT64_MAX;
	s->target = s->target_before = target_wanted(s, l);
}

bool layer_selector_wants_keyframe(const struct layer_selector *s, const struct layer_packet *l)
{
	if (l->form == LAYER_FORM_VP9)
		return s->started && s->wanted.spatial > s->current.spatial;
	if (l->form != LAYER_FORM_DD || !s->started || s->target >= l->target_count)
		return false;
	return spatial_of(l, target_wanted(s, l)) != spatial_of(l, s->target);
}
