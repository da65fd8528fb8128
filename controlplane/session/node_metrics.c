// SPDX-License-Identifier: Apache-2.0
// controlplane/session/node_metrics.c - see node_metrics.h.

#include "controlplane/session/node_metrics.h"

#include "controlplane/session/node.h"
#include "controlplane/session/orphans.h"
#include "controlplane/session/quotas.h"
#include "controlplane/session/room.h"

static const char *const step_names[HANDSHAKE_STEPS] = {"ice", "dtls"};

unsigned node_participants(const struct node *n)
{
	unsigned count = 0;
	GHashTableIter it;
	gpointer room;

	g_hash_table_iter_init(&it, n->rooms);
	while (g_hash_table_iter_next(&it, NULL, &room))
		count += g_hash_table_size(((const struct room *)room)->participants);
	return count;
}

static void collect_handshakes(struct metrics_page *page, const struct node_counts *c)
{
	metrics_family(page, "sluice_handshake_seconds", METRICS_HISTOGRAM,
		       "Set-up of transports: ice, from the peer's credentials to a pair; dtls, "
		       "from there to keys.");
	for (size_t i = 0; i < HANDSHAKE_STEPS; i++)
		metrics_histogram(page, &c->handshake[i], &metrics_handshake_bounds, "step",
				  step_names[i], NULL);
	metrics_family(page, "sluice_handshakes_failed_total", METRICS_COUNTER,
		       "Transports that failed before they were connected, by the step under way.");
	for (size_t i = 0; i < HANDSHAKE_STEPS; i++)
		metrics_count(page, c->handshakes_failed[i], "step", step_names[i], NULL);
}

void node_metrics_collect(struct metrics_page *page, void *data)
{
	struct node *n = data;

	metrics_single_gauge(page, "sluice_rooms", g_hash_table_size(n->rooms), "Rooms there are.");
	metrics_single_gauge(page, "sluice_participants", node_participants(n),
			     "Participants in all rooms.");
	metrics_single_gauge(page, "sluice_orphans", orphans_count(n->orphans),
			     "Transports of an earlier control plane still running.");
	collect_handshakes(page, &n->counts);
	quotas_collect(n->quotas, page);
	metrics_single_count(page, "sluice_consents_expired_total", n->counts.consents_expired,
			     "Transports that were 30 s without consent (RFC 7675).");
}
