// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/layers.h - which packets of the encoding sent belong to the layers a consumer
// follows.
//
// Thread   the worker that owns the subscriber's transport.
#pragma once

#include "dataplane/core/packet.h"
#include "dataplane/tables/subscription.h"

struct placement;

// The consumer begins with this packet, or changes to its encoding. WAIT and DROP: it cannot.
// 'lone': its track has no other encoding to change to.
enum layer_verdict layers_begin(struct subscription *s, const struct packet *p, bool lone);

// A further packet of the encoding. FORWARD_MARKED: goes out with the marker bit.
enum layer_verdict layers_choose(struct subscription *s, const struct packet *p);

// The picture id, or frame number, and TL0PICIDX of a forwarded packet as the consumer gets them.
// False: the picture was left out, or is too old to be placed.
bool layers_number(struct subscription *s, const struct packet *p, struct placement *out);

// False: it is steady to nobody who follows layers.
static inline bool layers_may_be_steady(const struct layer_packet *l)
{
	return l->picture_id_offset != 0 && layer_select_may_be_steady(l);
}

// Of those that may be, and are of the encoding sent: true for a packet that nothing begins or ends
// with. layers_take_steady() then does what layers_choose() and layers_number() would, without a
// call.
static inline bool layers_is_steady(const struct subscription *s, const struct packet *p)
{
	const struct layer_choice *c = &s->layers;

	return c->settled && layer_select_is_steady(&c->selector, &p->layer, p->timestamp) &&
	       picture_ids_is_next(&c->ids, p->layer.picture_id);
}

static inline void layers_take_steady(struct subscription *s, const struct packet *p,
				      struct placement *out)
{
	const struct layer_packet *l = &p->layer;
	const uint16_t theirs = l->picture_id;
	uint8_t tl0 = l->tl0;

	out->marker = p->marker | layer_select_take_steady(&s->layers.selector, l, p->timestamp);
	const uint16_t id = picture_ids_take_next(&s->layers.ids, theirs, &tl0);
	out->patched = id != theirs || tl0 != l->tl0;
	out->picture_id = id;
	out->tl0 = tl0;
}

// What is to be followed from now on, where the decoder can.
void layers_want(struct subscription *s, const struct layer_target *target);
