// SPDX-License-Identifier: Apache-2.0
//
// dataplane/ingress/layers.c - layers of what comes in: read once per packet, and their rates told
// to every worker a few times a second.
//
// Path     ingress/rtp.c -> [layers]; core/path.c (housekeeping) -> [layers] -> tables/track.h
//          'steps'
// Thread   the publisher's worker.
#include "dataplane/ingress/ingress.h"
#include "dataplane/tables/bandwidth.h"
#include "dataplane/tables/track.h"
#include "dataplane/tables/transport.h"

#include <string.h>

void ingress_layers_read(struct worker *w, struct encoding *e, struct packet *p, enum codec codec,
			 const struct rtp_view *v, uint8_t dd_id)
{
	struct rtp_ext_item dd;
	bool described = dd_id != 0 && rtp_ext_find(v, dd_id, &dd);

	layer_read(&p->layer, codec, v->payload, v->payload_size, described ? dd.data : NULL,
		   described ? dd.size : 0, &e->structure);
	p->keyframe = (p->layer.flags & LAYER_KEYFRAME) != 0;
	layer_rates_add(&e->rates, p->layer.spatial, p->layer.temporal,
			p->payload_size + BANDWIDTH_UDP_BYTES, w->now_us);
	if ((p->layer.flags & LAYER_FRAME_START) != 0 && p->layer.spatial == 0)
		e->stats.frames++;
}

static void publish(struct track *t, const struct layer_ladder *all)
{
	for (unsigned i = 0; i < ALLOCATE_STEPS_MAX; i++) {
		uint64_t word = 0;

		if (i < all->count)
			memcpy(&word, &all->step[i], sizeof(word));
		atomic_store_explicit(&t->steps[i], word, memory_order_relaxed);
	}
}

static void track_due(struct worker *w, struct track *t, const struct track_config *c)
{
	struct layer_ladder all = {.count = 0};

	for (uint8_t n = 0; n < c->shm.encoding_count; n++) {
		struct encoding *e = &t->encodings[n];

		if (e->ssrc == 0 || e->stats.track_generation != c->generation)
			continue;
		layer_rates_settle(&e->rates, w->now_us);
		e->stats.rate_bps =
			layer_rates_bps(&e->rates, LAYER_RATES_SPATIAL, LAYER_RATES_TEMPORAL);
		layer_ladder_add(&all, n, &e->rates);
	}
	publish(t, &all);
}

void ingress_layers_due(struct worker *w, struct transport *t)
{
	const struct transport_links *l = atomic_load_explicit(&t->links, memory_order_acquire);

	if (l == NULL || l->track_count == 0 || w->now_us < t->layers_due_us)
		return;
	t->layers_due_us = w->now_us + LAYER_RATES_SLOT_US;
	for (uint32_t i = 0; i < l->track_count; i++) {
		struct track *track = &w->dp->tracks[l->index[i]];
		const struct track_config *c =
			atomic_load_explicit(&track->config, memory_order_acquire);

		if (c != NULL)
			track_due(w, track, c);
	}
}
