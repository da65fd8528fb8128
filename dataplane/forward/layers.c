// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/layers.c - the layers of one encoding that a consumer follows, and its picture
// ids.
//
// Path     forward/switch.c -> [layers] -> forward/rewrite.c
// Thread   the worker that owns the subscriber's transport.
// Who      a consumer of a codec whose layers can be told, from where it wants less than all or has
//          changed its source. Others get every packet as it is.
#include "dataplane/forward/layers.h"
#include "dataplane/forward/consumer.h"

static bool has_picture_id(const struct layer_packet *l)
{
	return l->form == LAYER_FORM_DD || l->picture_id_offset != 0;
}

static uint16_t id_mask(const struct layer_packet *l)
{
	if (l->form == LAYER_FORM_DD)
		return UINT16_MAX;
	return (l->flags & LAYER_ID_15) != 0 ? 0x7fff : 0x7f;
}

static bool wants_all(const struct layer_target *t)
{
	return t->pair.spatial == LAYER_HIGHEST && t->pair.temporal == LAYER_HIGHEST;
}

static enum layer_verdict as_it_is(const struct packet *p)
{
	return p->marker ? LAYER_FORWARD_MARKED : LAYER_FORWARD;
}

enum layer_verdict layers_begin(struct subscription *s, const struct packet *p, bool lone)
{
	struct layer_choice *c = &s->layers;
	bool layered = p->keyframe && p->layer.form != LAYER_FORM_NONE;
	bool first = lone && s->continuity.started == 0;

	c->joinable = layered && first && wants_all(&c->target);
	c->follows = layered && !c->joinable;
	c->settled = false;
	s->whole = !c->follows;
	if (!c->follows)
		return as_it_is(p);
	layer_selector_init(&c->selector, c->target.pair);
	picture_ids_switch(&c->ids, id_mask(&p->layer), p->layer.picture_id, p->layer.tl0);
	return layers_choose(s, p);
}

// Less is wanted from now on: begins to count at the first packet of a new picture.
static void join(struct subscription *s, const struct packet *p)
{
	struct layer_choice *c = &s->layers;

	if ((p->layer.flags & LAYER_FRAME_START) == 0 || p->layer.spatial != 0 ||
	    p->index <= s->continuity.in_highest)
		return;
	layer_selector_join(&c->selector, &p->layer, p->timestamp);
	layer_selector_want(&c->selector, c->target.pair);
	picture_ids_join(&c->ids, id_mask(&p->layer), p->layer.picture_id, p->layer.tl0);
	c->follows = true;
	c->joinable = false;
}

enum layer_verdict layers_choose(struct subscription *s, const struct packet *p)
{
	struct layer_choice *c = &s->layers;

	if (c->joinable && !wants_all(&c->target))
		join(s, p);
	if (!c->follows || p->layer.form == LAYER_FORM_NONE)
		return as_it_is(p);
	enum layer_verdict verdict = layer_select(&c->selector, &p->layer, p->timestamp);
	if (verdict == LAYER_FORWARD)
		return as_it_is(p);
	// Receivers of VP8 take a gap in picture ids for a loss; in the others ids tell references
	// by their distance, so they stay.
	if (verdict == LAYER_DROP && p->layer.form == LAYER_FORM_VP8 && has_picture_id(&p->layer))
		picture_ids_leave_out(&c->ids, p->layer.picture_id);
	return verdict;
}

static bool is_settled(const struct subscription *s)
{
	const struct layer_choice *c = &s->layers;

	return c->follows && !c->target.paused &&
	       (!c->target.set || c->target.encoding == s->encoding) && c->selector.started &&
	       c->ids.started;
}

bool layers_number(struct subscription *s, const struct packet *p, struct placement *out)
{
	out->picture_id = p->layer.picture_id;
	out->tl0 = p->layer.tl0;
	out->patched = false;
	s->layers.settled = is_settled(s);
	if (!s->layers.follows || !has_picture_id(&p->layer))
		return true;
	if (!picture_ids_map(&s->layers.ids, p->layer.picture_id, &out->picture_id, &out->tl0))
		return false;
	out->patched = out->picture_id != p->layer.picture_id || out->tl0 != p->layer.tl0;
	return true;
}

void layers_want(struct subscription *s, const struct layer_target *target)
{
	struct layer_choice *c = &s->layers;

	c->target = *target;
	c->settled = false; // until the next packet that is looked at
	if (c->follows)
		layer_selector_want(&c->selector, target->pair);
	s->whole = !c->follows && !target->paused &&
		   (!target->set || target->encoding == s->encoding) &&
		   (!c->joinable || wants_all(target));
}
