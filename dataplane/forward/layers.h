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

// Both without a call, for a packet that nothing begins or ends with. False, and nothing changed:
// ask them.
static inline bool layers_choose_steady(struct subscription *s, const struct packet *p,
					enum layer_verdict *verdict)
{
	struct layer_choice *c = &s->layers;

	if (!c->follows || !layer_select_steady(&c->selector, &p->layer, p->timestamp, verdict) ||
	    *verdict == LAYER_DROP)
		return false;
	if (p->marker)
		*verdict = LAYER_FORWARD_MARKED;
	return true;
}

static inline bool layers_number_next(struct subscription *s, const struct packet *p,
				      struct placement *out)
{
	out->picture_id = p->layer.picture_id;
	out->tl0 = p->layer.tl0;
	if (p->layer.picture_id_offset == 0 ||
	    !picture_ids_map_next(&s->layers.ids, p->layer.picture_id, &out->picture_id, &out->tl0))
		return false;
	out->patched = out->picture_id != p->layer.picture_id || out->tl0 != p->layer.tl0;
	return true;
}

// What is to be followed from now on, where the decoder can.
void layers_want(struct subscription *s, const struct layer_target *target);
