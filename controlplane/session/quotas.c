// SPDX-License-Identifier: Apache-2.0
// controlplane/session/quotas.c - see quotas.h.
#include "controlplane/session/quotas.h"

#include "controlplane/session/node.h"
#include "proto/shm/snapshot.h"

#include <string.h>

struct published { // by one tenant
	uint64_t bytes; // received from its tracks that are there now
	uint64_t bits_per_s;
};

struct quotas {
	struct node *node;
	GHashTable *tenants; // tenant -> struct published
	int64_t measured_us;
	uint64_t refusals[QUOTA_KINDS];
};

struct quotas *quotas_new(struct node *node)
{
	struct quotas *q = g_new0(struct quotas, 1);

	q->node = node;
	q->tenants = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	q->measured_us = g_get_monotonic_time();
	return q;
}

void quotas_free(struct quotas **where)
{
	struct quotas *q = *where;

	*where = NULL;
	if (q == NULL)
		return;
	g_hash_table_unref(q->tenants);
	g_free(q);
}

static uint64_t bytes_of_track(const struct shm_view *v, const struct track *t)
{
	struct shm_encoding_stats stats[SHM_ENCODINGS_MAX];
	uint64_t bytes = 0;

	if (t->ref.generation == 0 || t->ref.index >= v->limits.tracks)
		return 0;
	struct shm_track_slot *slot = &v->tracks[t->ref.index];
	if (!shm_snapshot_read(&slot->stats_seq, stats, &slot->stats, sizeof(stats)))
		return 0;
	for (size_t i = 0; i < G_N_ELEMENTS(stats); i++)
		if (stats[i].track_generation == t->ref.generation)
			bytes += stats[i].bytes_received;
	return bytes;
}

static uint64_t bytes_of_room(const struct shm_view *v, const struct room *room)
{
	GHashTableIter i;
	gpointer value;
	uint64_t bytes = 0;

	g_hash_table_iter_init(&i, room->participants);
	while (g_hash_table_iter_next(&i, NULL, &value)) {
		const struct participant *p = value;
		for (guint t = 0; t < p->tracks->len; t++)
			bytes += bytes_of_track(v, p->tracks->pdata[t]);
	}
	return bytes;
}

static GHashTable *bytes_by_tenant(const struct quotas *q, const struct shm_view *v)
{
	GHashTable *now = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	GHashTableIter i;
	gpointer value;

	g_hash_table_iter_init(&i, q->node->rooms);
	while (g_hash_table_iter_next(&i, NULL, &value)) {
		const struct room *room = value;
		struct published *p = g_hash_table_lookup(now, room->tenant);
		if (p == NULL) {
			p = g_new0(struct published, 1);
			g_hash_table_insert(now, g_strdup(room->tenant), p);
		}
		p->bytes += bytes_of_room(v, room);
	}
	return now;
}

void quotas_measure(struct quotas *q)
{
	const struct shm_view *v = link_client_view(q->node->link);
	int64_t now_us = g_get_monotonic_time();
	GHashTableIter i;
	gpointer tenant, value;

	if (v == NULL || q->node->settings->quota_bitrate_kbps == 0)
		return;
	GHashTable *now = bytes_by_tenant(q, v);
	g_hash_table_iter_init(&i, now);
	while (g_hash_table_iter_next(&i, &tenant, &value)) {
		struct published *p = value;
		const struct published *before = g_hash_table_lookup(q->tenants, tenant);
		if (before == NULL || now_us <= q->measured_us)
			continue;
		// What left takes its bytes along: until the next time the rate before holds, or
		// who comes and goes would never have one.
		p->bits_per_s = p->bytes < before->bytes
					? before->bits_per_s
					: (p->bytes - before->bytes) * 8 * G_USEC_PER_SEC /
						  (uint64_t)(now_us - q->measured_us);
	}
	g_hash_table_unref(q->tenants);
	q->tenants = now;
	q->measured_us = now_us;
}

static bool refuse(struct rpc_call *call, const char *tenant, const struct quota_excess *e)
{
	rpc_call_fact(call, "limit", "%u", e->limit);
	rpc_call_fail(call, RPC_RESOURCE_EXHAUSTED, e->reason, QUOTA_EXCESS_FORMAT, tenant,
		      e->limit, e->what);
	return false;
}

static bool exceeds(struct quotas *q, struct quota_excess *e, enum quota_kind kind, unsigned limit)
{
	static const struct quota_excess excesses[QUOTA_KINDS] = {
		[QUOTA_KIND_ROOMS] = {RPC_REASON(QUOTA_ROOMS), "rooms", 0},
		[QUOTA_KIND_PARTICIPANTS] = {RPC_REASON(QUOTA_PARTICIPANTS), "participants", 0},
		[QUOTA_KIND_BITRATE] = {RPC_REASON(QUOTA_BITRATE), "kbit/s", 0},
	};

	q->refusals[kind]++;
	*e = excesses[kind];
	e->limit = limit;
	return false;
}

void quotas_collect(const struct quotas *q, struct metrics_page *page)
{
	static const char *const names[QUOTA_KINDS] = {"rooms", "participants", "bitrate"};

	metrics_family(page, "sluice_quota_refusals_total", METRICS_COUNTER,
		       "Newcomers refused because their tenant's quota was used up.");
	for (unsigned i = 0; i < QUOTA_KINDS; i++)
		metrics_count(page, q->refusals[i], "quota", names[i], NULL);
}

static void count(const struct quotas *q, const char *tenant, unsigned *rooms,
		  unsigned *participants)
{
	GHashTableIter i;
	gpointer value;

	*rooms = *participants = 0;
	g_hash_table_iter_init(&i, q->node->rooms);
	while (g_hash_table_iter_next(&i, NULL, &value)) {
		const struct room *room = value;
		if (strcmp(room->tenant, tenant) != 0)
			continue;
		++*rooms;
		*participants += g_hash_table_size(room->participants);
	}
}

static bool room_permitted(struct quotas *q, const char *tenant, struct quota_excess *e)
{
	unsigned rooms, participants, limit = q->node->settings->quota_rooms;

	if (limit == 0 || tenant[0] == '\0')
		return true;
	count(q, tenant, &rooms, &participants);
	return rooms < limit || exceeds(q, e, QUOTA_KIND_ROOMS, limit);
}

static bool publish_permitted(struct quotas *q, const char *tenant, struct quota_excess *e)
{
	unsigned limit = q->node->settings->quota_bitrate_kbps;
	const struct published *p = g_hash_table_lookup(q->tenants, tenant);

	if (limit == 0 || p == NULL || p->bits_per_s / 1000 < limit)
		return true;
	return exceeds(q, e, QUOTA_KIND_BITRATE, limit);
}

static bool participant_permitted(struct quotas *q, const char *tenant, struct quota_excess *e)
{
	unsigned rooms, participants, limit = q->node->settings->quota_participants;

	if (tenant[0] == '\0')
		return true;
	count(q, tenant, &rooms, &participants);
	if (limit != 0 && participants >= limit)
		return exceeds(q, e, QUOTA_KIND_PARTICIPANTS, limit);
	return publish_permitted(q, tenant, e);
}

bool quotas_entry(struct quotas *q, const char *tenant, bool new_room, struct quota_excess *e)
{
	return (!new_room || room_permitted(q, tenant, e)) && participant_permitted(q, tenant, e);
}

bool quotas_room(struct quotas *q, struct rpc_call *call, const char *tenant)
{
	struct quota_excess e;

	return room_permitted(q, tenant, &e) || refuse(call, tenant, &e);
}

bool quotas_participant(struct quotas *q, struct rpc_call *call, const char *tenant)
{
	struct quota_excess e;

	return participant_permitted(q, tenant, &e) || refuse(call, tenant, &e);
}
