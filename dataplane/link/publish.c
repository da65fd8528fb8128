// SPDX-License-Identifier: Apache-2.0
//
// dataplane/link/publish.c - a worker's states and statistics into the shared segment.
//
// Path     core/path.c (every PUBLISH_US), tables/transport.c, egress/ -> [publish] -> segment
// Thread   the worker, for itself and for what it owns: one writer per block, behind a seqlock.
// Indices  a reservation is in the segment before an index under it leaves: whoever takes a record
//          over goes on at the reservation, less than 2^15 ahead of what receivers saw.
#include "dataplane/link/publish.h"

#include "dataplane/srtp/srtcp.h"
#include "dataplane/tables/bandwidth.h"
#include "dataplane/tables/subscription.h"
#include "dataplane/tables/track.h"
#include "dataplane/tables/transport.h"
#include "proto/rtc/seq.h"
#include "proto/shm/snapshot.h"

// Raises a reservation once half of it is used; at most 'max'.
static uint64_t reserved_for(uint64_t reserved, uint64_t next, uint64_t max)
{
	if (next + INDEX_RESERVE / 2 < reserved)
		return reserved;
	uint64_t raised = next + INDEX_RESERVE;
	return raised < max ? raised : max;
}

static void transport_state(const struct transport *t, struct shm_transport_state *out)
{
	*out = (struct shm_transport_state){
		.generation = t->generation,
		.phase = t->phase,
		.path_generation = t->path_generation,
		.owner = atomic_load_explicit(&t->owner, memory_order_relaxed),
		.selected_remote = t->selected_remote,
		.selected_local = t->selected_local,
		.checked_count = t->checked_count,
		.twcc_next = t->bandwidth != NULL ? estimator_number(&t->bandwidth->path.estimator)
						  : t->twcc_next,
		.consent_us = t->consent.renewed_us,
		.srtcp_index_reserved = t->srtcp_index_reserved,
	};
	for (uint32_t i = 0; i < t->checked_count; i++)
		out->checked_remote[i] = t->checked[i].remote;
}

void publish_transport(struct worker *w, struct transport *t)
{
	struct shm_transport_slot *slot = &w->dp->shm.transports[t - w->dp->transports];
	struct shm_transport_state state;

	if (t->srtcp != NULL)
		t->srtcp_index_reserved = (uint32_t)reserved_for(
			t->srtcp_index_reserved, t->srtcp_index, (uint64_t)SRTCP_INDEX_MAX + 1);
	transport_state(t, &state);
	shm_snapshot_write(&slot->state_seq, &slot->state, &state, sizeof(state));
}

void publish_subscription(struct worker *w, struct subscription *s)
{
	struct shm_subscription_slot *slot = &w->dp->shm.subscriptions[s - w->dp->subscriptions];
	struct shm_subscription_state state = {
		.generation = s->generation,
		.continuity = s->continuity,
	};

	s->srtp_index_reserved =
		reserved_for(s->srtp_index_reserved, s->continuity.out_next, SEQ_INDEX_MAX + 1);
	s->rtx_index_reserved = reserved_for(s->rtx_index_reserved, s->rtx.next, SEQ_INDEX_MAX + 1);
	state.srtp_index_reserved = s->srtp_index_reserved;
	state.rtx_index_reserved = s->rtx_index_reserved;
	shm_snapshot_write(&slot->state_seq, &slot->state, &state, sizeof(state));
}

static void publish_subscription_all(struct worker *w, uint32_t index)
{
	struct subscription *s = &w->dp->subscriptions[index];
	struct shm_subscription_slot *slot = &w->dp->shm.subscriptions[index];
	const struct subscription_config *config =
		atomic_load_explicit(&s->config, memory_order_acquire);

	if (config == NULL || config->generation != s->generation)
		return;
	publish_subscription(w, s);
	shm_snapshot_write(&slot->stats_seq, &slot->stats, &s->stats, sizeof(s->stats));
}

static void publish_track(struct worker *w, uint32_t index)
{
	struct track *t = &w->dp->tracks[index];
	struct shm_track_slot *slot = &w->dp->shm.tracks[index];
	const struct track_config *config = atomic_load_explicit(&t->config, memory_order_acquire);
	struct shm_encoding_stats stats[SHM_ENCODINGS_MAX] = {0};

	if (config == NULL)
		return;
	struct shm_track_state state = {
		.generation = config->generation,
		.flags = (track_held_back(t) ? SHM_TRACK_HELD_BACK : 0) |
			 (atomic_load_explicit(&t->dominant, memory_order_relaxed)
				  ? SHM_TRACK_DOMINANT
				  : 0),
		.layers_wanted = t->wanted_generation == config->generation ? t->wanted_told : 0,
	};
	for (unsigned i = 0; i < SHM_ENCODINGS_MAX; i++) {
		struct encoding *e = &t->encodings[i];

		if (e->ssrc == 0 || e->stats.track_generation != config->generation)
			continue;
		e->stats.packets_lost = report_lost(&e->report);
		e->stats.jitter = (uint32_t)(e->report.jitter_x16 >> 4);
		stats[i] = e->stats;
		state.encodings[i].ssrc = e->ssrc;
		state.encodings[i].highest_index = e->highest_index;
	}
	shm_snapshot_write(&slot->state_seq, &slot->state, &state, sizeof(state));
	shm_snapshot_write(&slot->stats_seq, &slot->stats, stats, sizeof(stats));
}

static void publish_owned(struct worker *w, uint32_t index)
{
	struct transport *t = &w->dp->transports[index];
	struct shm_transport_slot *slot = &w->dp->shm.transports[index];
	const struct transport_links *l = atomic_load_explicit(&t->links, memory_order_acquire);

	t->stats.generation = t->generation;
	publish_transport(w, t);
	shm_snapshot_write(&slot->stats_seq, &slot->stats, &t->stats, sizeof(t->stats));
	for (uint32_t i = 0; l != NULL && i < l->track_count; i++)
		publish_track(w, l->index[i]);
	for (uint32_t i = 0; l != NULL && i < l->subscription_count; i++)
		publish_subscription_all(w, l->index[l->track_count + i]);
}

void publish_all(struct worker *w)
{
	struct shm_worker_slot *slot = &w->dp->shm.workers[w->id];

	w->stats.published_us = w->now_us;
	w->stats.transports = w->transports_owned_count;
	shm_snapshot_write(&slot->stats_seq, &slot->stats, &w->stats, sizeof(w->stats));
	for (uint32_t i = 0; i < w->transports_owned_count; i++)
		publish_owned(w, w->transports_owned[i]);
}
