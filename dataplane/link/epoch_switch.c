// SPDX-License-Identifier: Apache-2.0
//
// dataplane/link/epoch_switch.c - an epoch in force, behind us, or refused.
//
// Order    publish swaps the tables' pointers; the workers follow (tables/epoch.c); retire frees
// what
//          nobody refers to any more. abort undoes a build that was refused.

#include "dataplane/link/model.h"
#include "dataplane/tables/plain.h"
#include "dataplane/tables/ufrag.h"
#include "proto/shm/snapshot.h"

#include <rte_malloc.h>
#include <stdlib.h>
#include <string.h>

// Main writes a slot's state only while no worker owns it: before it exists and after it is gone.
static void write_transport_state(struct model *m, uint32_t index, uint32_t generation,
				  uint32_t phase)
{
	struct shm_transport_slot *slot = &m->dp->shm.transports[index];
	struct shm_transport_state state = {
		.generation = generation,
		.phase = phase,
		.owner = TRANSPORT_UNOWNED,
	};
	struct shm_transport_stats stats = {.generation = generation};

	shm_snapshot_write(&slot->state_seq, &slot->state, &state, sizeof(state));
	shm_snapshot_write(&slot->stats_seq, &slot->stats, &stats, sizeof(stats));
}

static void write_track_state(struct model *m, uint32_t index, uint32_t generation)
{
	struct shm_track_slot *slot = &m->dp->shm.tracks[index];
	struct shm_track_state state = {.generation = generation};

	shm_snapshot_write(&slot->state_seq, &slot->state, &state, sizeof(state));
}

// A new subscription's first indices are reserved before the first packet can leave. NULL: gone.
static void write_subscription_state(struct model *m, uint32_t index,
				     const struct subscription_config *c)
{
	struct shm_subscription_slot *slot = &m->dp->shm.subscriptions[index];
	struct shm_subscription_state state = {0};

	if (c != NULL) {
		state.generation = c->generation;
		state.srtp_index_reserved = c->shm.sequence_start + INDEX_RESERVE;
		state.rtx_index_reserved = c->shm.rtx_sequence_start + INDEX_RESERVE;
		rtp_continuity_init(&state.continuity, c->shm.sequence_start,
				    c->shm.timestamp_start);
	}
	shm_snapshot_write(&slot->state_seq, &slot->state, &state, sizeof(state));
}

static void transport_reset(struct transport *t, uint32_t generation)
{
	// 'config' and 'links' are the epoch's business.
	memset((uint8_t *)t + offsetof(struct transport, generation), 0,
	       sizeof(*t) - offsetof(struct transport, generation));
	t->generation = generation;
	t->phase = generation != 0 ? SHM_PHASE_NEW : SHM_PHASE_FREE;
	t->stats.generation = generation;
	atomic_store(&t->owner, TRANSPORT_UNOWNED);
}

// What the slot's last track left. Its workers are done with it.
static void track_reset(struct track *t)
{
	uint32_t holds = atomic_load_explicit(&t->holds, memory_order_relaxed);

	memset(t->encodings, 0, sizeof(t->encodings));
	memset(&t->speaker, 0, sizeof(t->speaker));
	for (unsigned i = 0; i < 2; i++)
		atomic_store_explicit(&t->heard[i], 0, memory_order_relaxed);
	atomic_store_explicit(&t->holds, holds + (holds & 1), memory_order_relaxed);
	atomic_store_explicit(&t->dominant, false, memory_order_relaxed);
	t->turn = 0;
	atomic_store_explicit(&t->spoke, 0, memory_order_relaxed);
}

static void plain_port_switch(struct dataplane *dp, const struct epoch_transport *et)
{
	const struct transport_config *c = et->after != NULL ? et->after : et->before;
	struct shm_ref ref = {0};

	if (!c->plain || (et->before != NULL && et->after != NULL))
		return;
	if (et->after != NULL)
		ref = (struct shm_ref){c->index, c->generation};
	plain_ports_set(dp, c->shm.selected_local.port, ref);
}

void model_publish(struct model *m, struct epoch *e)
{
	struct dataplane *dp = m->dp;

	for (uint32_t i = 0; i < e->transport_count; i++) {
		struct epoch_transport *et = &e->transports[i];
		struct transport *t = &dp->transports[et->index];
		if (et->before == NULL && et->after != NULL) {
			transport_reset(t, et->after->generation);
			if (et->after->plain)
				atomic_store(&t->owner, et->after->worker);
			write_transport_state(m, et->index, et->after->generation, SHM_PHASE_NEW);
		}
		if (et->links_after != NULL) {
			m->links[et->index] = et->links_after;
			atomic_store(&t->links, et->links_after);
		}
		atomic_store(&t->config, et->after);
		plain_port_switch(dp, et);
	}
	m->track_changes += e->track_count != 0;
	for (uint32_t i = 0; i < e->track_count; i++) {
		struct epoch_track *et = &e->tracks[i];
		struct track *t = &dp->tracks[et->index];
		if (et->before == NULL && et->after != NULL) {
			track_reset(t);
			write_track_state(m, et->index, et->after->generation);
		}
		atomic_store(&t->config, et->after);
	}
	for (uint32_t i = 0; i < e->subscription_count; i++) {
		struct epoch_subscription *es = &e->subscriptions[i];
		if (es->before == NULL && es->after != NULL)
			write_subscription_state(m, es->index, es->after);
		atomic_store(&dp->subscriptions[es->index].config, es->after);
	}
	for (uint32_t i = 0; i < e->fanout_count; i++)
		m->fanouts[e->fanouts[i].track * dp->worker_count + e->fanouts[i].worker] =
			e->fanouts[i].after;
}

static void config_free(const void *config, size_t size)
{
	void *p = (void *)(uintptr_t)config;

	if (p == NULL)
		return;
	explicit_bzero(p, size); // ICE passwords and master keys
	rte_free(p);
}

static void retire_transport(struct model *m, const struct epoch_transport *et)
{
	struct transport *t = &m->dp->transports[et->index];

	if (et->links_after != NULL)
		rte_free((void *)(uintptr_t)et->links_before);
	if (et->before == et->after)
		return;
	model_release_transport(m, et->before, et->after);
	if (et->after == NULL) {
		srtcp_free(t->srtcp);
		rte_free(t->bandwidth);
		transport_reset(t, 0);
		write_transport_state(m, et->index, 0, SHM_PHASE_FREE);
		atomic_store(&t->links, NULL);
		rte_free((void *)(uintptr_t)m->links[et->index]);
		m->links[et->index] = NULL;
		m->sent_ssrcs[et->index].count = 0;
	}
	config_free(et->before, sizeof(*et->before));
}

static void retire_track(struct model *m, const struct epoch_track *et)
{
	if (et->before != NULL && (et->after == NULL || et->after->nacks != et->before->nacks))
		rte_free(et->before->nacks);
	if (et->after == NULL)
		write_track_state(m, et->index, 0);
	config_free(et->before, sizeof(*et->before));
}

static void retire_subscription(struct model *m, const struct epoch_subscription *es)
{
	if (es->after == NULL) {
		m->engine->stream_free(es->before->srtp);
		m->engine->stream_free(es->before->rtx);
		write_subscription_state(m, es->index, NULL);
	}
	config_free(es->before, sizeof(*es->before));
}

static void places_release(struct model *m, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		ufrag_table_release(m->dp->ufrags, m->ufrag_places[i]);
	memmove(m->ufrag_places, m->ufrag_places + count,
		(m->ufrag_place_count - count) * sizeof(m->ufrag_places[0]));
	m->ufrag_place_count -= count;
}

void model_retire(struct model *m, struct epoch *e)
{
	// Ufrags removed before this epoch: every worker has been between bursts since.
	uint32_t places = m->ufrag_place_count;

	for (uint32_t i = 0; i < e->subscription_count; i++)
		retire_subscription(m, &e->subscriptions[i]);
	for (uint32_t i = 0; i < e->track_count; i++)
		retire_track(m, &e->tracks[i]);
	for (uint32_t i = 0; i < e->transport_count; i++)
		retire_transport(m, &e->transports[i]);
	for (uint32_t i = 0; i < e->fanout_count; i++)
		rte_free(e->fanouts[i].before);
	places_release(m, places);
}

void model_abort(struct model *m, struct epoch *e)
{
	for (uint32_t i = 0; i < e->subscription_count; i++) {
		struct epoch_subscription *es = &e->subscriptions[i];
		m->subscriptions[es->index] = es->before;
		if (es->before == NULL && es->after != NULL && es->after->srtp != NULL) {
			model_unspend_ssrcs(m, es->after);
			m->engine->stream_free(es->after->srtp);
			m->engine->stream_free(es->after->rtx);
		}
		config_free(es->after, sizeof(*es->after));
	}
	for (uint32_t i = 0; i < e->track_count; i++) {
		struct epoch_track *et = &e->tracks[i];
		m->tracks[et->index] = et->before;
		for (unsigned j = 0; j < SHM_ENCODINGS_MAX; j++) {
			m->engine->stream_free(et->streams[j]);
			free(et->sources[j]);
		}
		if (et->after != NULL &&
		    (et->before == NULL || et->before->nacks != et->after->nacks))
			rte_free(et->after->nacks);
		config_free(et->after, sizeof(*et->after));
	}
	for (uint32_t i = 0; i < e->transport_count; i++) {
		struct epoch_transport *et = &e->transports[i];
		rte_free((void *)(uintptr_t)et->links_after);
		m->transports[et->index] = et->before;
		if (et->before == et->after)
			continue;
		model_release_transport(m, et->after, et->before);
		srtcp_free(et->srtcp);
		rte_free(et->bandwidth);
		config_free(et->after, sizeof(*et->after));
	}
	for (uint32_t i = 0; i < e->fanout_count; i++)
		rte_free(e->fanouts[i].after);
}
