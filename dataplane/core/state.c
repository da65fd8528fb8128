// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/state.c - makes and frees tables, workers and rings.
//
// Thread   main, before the workers start and after they have stopped.
#include "dataplane/core/state.h"
#include "dataplane/core/hmac.h"
#include "dataplane/core/pools.h"
#include "dataplane/egress/egress.h"
#include "dataplane/forward/allocation.h"
#include "dataplane/forward/keyframe_group.h"
#include "dataplane/forward/repair.h"
#include "dataplane/srtp/engine.h"
#include "dataplane/tables/plain.h"
#include "dataplane/tables/subscription.h"
#include "dataplane/tables/track.h"
#include "dataplane/tables/transport.h"
#include "dataplane/tables/tuple.h"
#include "dataplane/tables/ufrag.h"

#include <errno.h>
#include <rte_malloc.h>
#include <stdio.h>

static void *zeroed(const char *what, size_t count, size_t size)
{
	return rte_zmalloc(what, count * size, RTE_CACHE_LINE_SIZE);
}

static bool tables_new(struct dataplane *dp)
{
	const struct shm_limits_config *l = &dp->limits;

	dp->transports = zeroed("transports", l->transports, sizeof(*dp->transports));
	dp->tracks = zeroed("tracks", l->tracks, sizeof(*dp->tracks));
	dp->subscriptions = zeroed("subscriptions", l->subscriptions, sizeof(*dp->subscriptions));
	dp->ufrags = ufrag_table_new(l->transports);
	bool ports = plain_ports_new(dp);
	dp->workers = zeroed("workers", dp->worker_count, sizeof(*dp->workers));
	if (dp->transports == NULL || dp->tracks == NULL || dp->subscriptions == NULL ||
	    dp->ufrags == NULL || dp->workers == NULL || !ports)
		return false;
	for (uint32_t i = 0; i < l->transports; i++)
		atomic_init(&dp->transports[i].owner, TRANSPORT_UNOWNED);
	return true;
}

static bool history_new(struct dataplane *dp, struct worker *w)
{
	uint32_t count = pools_history_packets(dp->packets->size, dp->worker_count);
	struct history_slot *slots = zeroed("history", count, sizeof(*slots));

	if (slots == NULL)
		return false;
	history_init(&w->history, slots, count, REPAIR_KEPT_US);
	return true;
}

static bool worker_new(struct dataplane *dp, unsigned id)
{
	struct worker *w = &dp->workers[id];
	char name[32];

	w->dp = dp;
	w->id = id;
	snprintf(name, sizeof(name), "tuples%u", id);
	w->tuples = tuple_table_new(name, dp->limits.transports);
	w->fanout = zeroed("fanout", dp->limits.tracks, sizeof(struct fanout_list *));
	w->groups = zeroed("groups", dp->limits.tracks, sizeof(struct keyframe_groups));
	w->clocks = zeroed("clocks", dp->limits.tracks, sizeof(struct track_clocks));
	w->wishes = zeroed("wishes", dp->limits.tracks, sizeof(struct track_wishes));
	w->transports_owned = zeroed("owned", dp->limits.transports, sizeof(uint32_t));
	w->paced = zeroed("paced", dp->limits.transports, sizeof(uint32_t));
	w->pacing_us = UINT64_MAX;
	core_load_init(&w->load, 0);
	w->hmac = hmac_new();
	w->srtp = dp->srtp->lanes_new();
	w->egress = egress_new();
	w->allocation = allocation_new();
	bool kept = history_new(dp, w) && w->allocation != NULL;
	return w->tuples != NULL && w->fanout != NULL && w->groups != NULL && w->clocks != NULL &&
	       w->wishes != NULL && w->transports_owned != NULL && w->paced != NULL &&
	       w->hmac != NULL && w->srtp != NULL && w->egress != NULL && kept;
}

int state_new(struct dataplane *dp)
{
	bool ok = tables_new(dp);

	for (unsigned id = 0; ok && id < dp->worker_count; id++)
		ok = worker_new(dp, id);
	if (ok && xmsg_rings_new(dp->workers, dp->worker_count) == 0)
		return 0;
	state_free(dp);
	return -ENOMEM;
}

static bool carries_mbuf(uint32_t kind)
{
	switch ((enum xmsg_kind)kind) {
	case XMSG_FANOUT:
	case XMSG_HANDOVER:
	case XMSG_PUNT:
	case XMSG_STUN_RESPONSE:
	case XMSG_KERNEL_TX:
	case XMSG_ADD_TUPLE:
		return true;
	default:
		return false;
	}
}

static void ring_drain(struct rte_ring *ring)
{
	struct xmsg msg;

	if (ring == NULL)
		return;
	while (xmsg_receive(ring, &msg, 1) == 1)
		if (carries_mbuf(msg.kind))
			rte_pktmbuf_free(msg.mbuf);
}

static void worker_free(struct dataplane *dp, struct worker *w)
{
	ring_drain(w->to_main);
	ring_drain(w->from_main);
	for (unsigned id = 0; id < dp->worker_count; id++)
		ring_drain(w->from_worker[id]);
	if (w->egress != NULL)
		egress_free(w->egress);
	repair_stop(w);
	rte_free(w->history.slots);
	rte_free(w->allocation);
	hmac_free(w->hmac);
	dp->srtp->lanes_free(w->srtp);
	tuple_table_free(w->tuples);
	rte_free(w->fanout);
	rte_free(w->groups);
	rte_free(w->clocks);
	rte_free(w->wishes);
	rte_free(w->transports_owned);
	rte_free(w->paced);
}

void state_free(struct dataplane *dp)
{
	if (dp->workers != NULL) {
		for (unsigned id = 0; id < dp->worker_count; id++)
			worker_free(dp, &dp->workers[id]);
		xmsg_rings_free(dp->workers, dp->worker_count);
	}
	ufrag_table_free(dp->ufrags);
	plain_ports_free(dp);
	rte_free(dp->workers);
	rte_free(dp->subscriptions);
	rte_free(dp->tracks);
	rte_free(dp->transports);
	dp->ufrags = NULL;
	dp->workers = NULL;
	dp->subscriptions = NULL;
	dp->tracks = NULL;
	dp->transports = NULL;
}
