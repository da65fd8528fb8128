// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/layers.c - the layers of one encoding that a consumer follows, and its picture
// ids.
//
// Path     forward/switch.c -> [layers] -> forward/rewrite.c
// Thread   the worker that owns the subscriber's transport.
// Who      a consumer that began with a keyframe of a codec whose layers can be told. Others get
//          every packet.
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

enum layer_verdict layers_begin(struct subscription *s, const struct packet *p)
{
	struct layer_choice *c = &s->layers;

	c->follows = p->keyframe && p->layer.form != LAYER_FORM_NONE;
	if (!c->follows)
		return p->marker ? LAYER_FORWARD_MARKED : LAYER_FORWARD;
	layer_selector_init(&c->selector, c->target.pair);
	picture_ids_switch(&c->ids, id_mask(&p->layer), p->layer.picture_id, p->layer.tl0);
	return layers_choose(s, p);
}

enum layer_verdict layers_choose(struct subscription *s, const struct packet *p)
{
	struct layer_choice *c = &s->layers;
	enum layer_verdict verdict = LAYER_FORWARD;

	if (c->follows && p->layer.form != LAYER_FORM_NONE)
		verdict = layer_select(&c->selector, &p->layer, p->timestamp);
	if (verdict == LAYER_FORWARD && p->marker)
		return LAYER_FORWARD_MARKED;
	// Receivers of VP8 take a gap in picture ids for a loss; in the others ids tell references
	// by their distance, so they stay.
	if (verdict == LAYER_DROP && p->layer.form == LAYER_FORM_VP8 && has_picture_id(&p->layer))
		picture_ids_leave_out(&c->ids, p->layer.picture_id);
	return verdict;
}

bool layers_number(struct subscription *s, const struct packet *p, struct placement *out)
{
	out->picture_id = p->layer.picture_id;
	out->tl0 = p->layer.tl0;
	out->patched = false;
	if (!s->layers.follows || !has_picture_id(&p->layer))
		return true;
	if (!picture_ids_map(&s->layers.ids, p->layer.picture_id, &out->picture_id, &out->tl0))
		return false;
	out->patched = out->picture_id != p->layer.picture_id || out->tl0 != p->layer.tl0;
	return true;
}

void layers_want(struct subscription *s, const struct layer_target *target)
{
	s->layers.target = *target;
	if (s->layers.follows)
		layer_selector_want(&s->layers.selector, target->pair);
}
