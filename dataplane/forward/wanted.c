// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/wanted.c - wishes for encodings on their way to the publisher.
//
// Path     forward/allocation.c -> [wanted] -> other workers -> [wanted] -> main -> control plane
// Thread   the consumers' worker, then the publisher's.
#include "dataplane/forward/wanted.h"

#include "dataplane/tables/transport.h"

static bool is_simulcast(const struct track_config *c)
{
	return c->shm.kind == SHM_KIND_VIDEO && c->shm.encoding_count > 1;
}

// All between the lowest and the highest it would take: the lower ones are what it falls back on.
// By number, not by what is sent now: an encoding that was stopped would else never come back.
static uint8_t encodings_of(const struct track_config *track,
			    const struct shm_subscription_config *c)
{
	unsigned bottom = 0, top = track->shm.encoding_count - 1u;
	unsigned mask = 0;

	if ((c->layer_wishes & SHM_LAYER_MINIMUM) != 0)
		bottom = c->minimum.spatial;
	if ((c->layer_wishes & SHM_LAYER_MAXIMUM) != 0 && c->maximum.spatial < top)
		top = c->maximum.spatial;
	if ((c->layer_wishes & SHM_LAYER_WANTED) != 0 && c->wanted.spatial < top)
		top = c->wanted.spatial;
	for (unsigned i = bottom; i <= top; i++)
		mask |= 1u << i;
	return (uint8_t)mask;
}

static void tell(struct worker *w, struct track *t, const struct track_config *c)
{
	struct xmsg event = {
		.kind = XMSG_EVENT_WANTED,
		.ref = {c->index, c->generation},
		.a = layer_wanted_mask(&t->wanted, c->shm.encoding_count, w->now_us),
		.time_us = w->now_us,
	};

	if (event.a != t->wanted_told && xmsg_to_main(w, &event)) // a full ring: the next time
		t->wanted_told = (uint8_t)event.a;
}

// The wishes for the track as it runs now. A new one is sent in full, and nobody need be told.
static struct track *wishes_for(struct worker *w, const struct track_config *c)
{
	struct track *t = &w->dp->tracks[c->index];

	if (t->wanted_generation != c->generation) {
		layer_wanted_init(&t->wanted, w->now_us);
		t->wanted_generation = c->generation;
		t->wanted_told = layer_wanted_mask(&t->wanted, c->shm.encoding_count, w->now_us);
	}
	return t;
}

static void wanted_here(struct worker *w, const struct track_config *c, uint8_t mask)
{
	struct track *t = wishes_for(w, c);

	layer_wanted_add(&t->wanted, mask, w->now_us);
	tell(w, t, c);
}

static void spread(struct worker *w, const struct track_config *c, uint8_t mask)
{
	const struct transport *publisher = &w->dp->transports[c->shm.transport.index];
	uint32_t owner = atomic_load_explicit(&publisher->owner, memory_order_acquire);

	if (owner == w->id) {
		wanted_here(w, c, mask);
	} else if (owner != TRANSPORT_UNOWNED) {
		struct xmsg msg = {
			.kind = XMSG_WANTED,
			.ref = {c->index, c->generation},
			.a = mask,
		};
		xmsg_to_worker(w, owner, &msg); // a lost wish is repeated
	}
}

void wanted_by_consumer(struct worker *w, const struct track_config *track,
			const struct shm_subscription_config *c)
{
	struct track_wishes *tw = &w->wishes[track->index];

	if (!is_simulcast(track))
		return;
	if (tw->generation != track->generation)
		*tw = (struct track_wishes){.generation = track->generation};
	uint8_t mask = layer_wishes_add(&tw->wishes, encodings_of(track, c), w->now_us);
	if (mask != 0)
		spread(w, track, mask);
}

void wanted_message(struct worker *w, const struct xmsg *msg)
{
	const struct track_config *c = track_config_of(w->dp, msg->ref);

	if (c == NULL || !is_simulcast(c))
		return;
	const struct transport *publisher = &w->dp->transports[c->shm.transport.index];
	if (atomic_load_explicit(&publisher->owner, memory_order_acquire) == w->id)
		wanted_here(w, c, (uint8_t)msg->a);
}

void wanted_due(struct worker *w, struct transport *t)
{
	const struct transport_links *l = atomic_load_explicit(&t->links, memory_order_acquire);

	if (l == NULL || l->track_count == 0 || w->now_us < t->wanted_due_us)
		return;
	t->wanted_due_us = w->now_us + WANTED_US;
	for (uint32_t i = 0; i < l->track_count; i++) {
		const struct track_config *c = atomic_load_explicit(
			&w->dp->tracks[l->index[i]].config, memory_order_acquire);

		if (c != NULL && is_simulcast(c))
			tell(w, wishes_for(w, c), c);
	}
}
