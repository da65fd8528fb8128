// SPDX-License-Identifier: Apache-2.0
// controlplane/session/drain.c - waiting until nobody is left, or the deadline.

#include "controlplane/session/drain.h"

#include "controlplane/ops/log.h"
#include "controlplane/session/node.h"
#include "controlplane/session/room.h"
#include "controlplane/session/services.h"
#include "controlplane/session/transport/transport.h"

enum { LOOK_MS = 200 };

bool service_admits(struct node *n, struct rpc_call *call)
{
	if (!n->drain.draining)
		return true;
	rpc_call_fail(call, RPC_UNAVAILABLE, RPC_REASON(NODE_DRAINING),
		      "The node takes nothing new: try another.");
	return false;
}

static void remove_everybody(struct node *n)
{
	GList *rooms = g_hash_table_get_values(n->rooms);
	GList *transports;

	for (GList *i = rooms; i != NULL; i = i->next)
		room_empty(i->data, "drained");
	g_list_free(rooms);
	transports = transports_list(n);
	for (GList *i = transports; i != NULL; i = i->next)
		transport_delete(i->data, "drained");
	g_list_free(transports);
}

static gboolean look(gpointer data)
{
	struct node *n = data;
	struct drain *d = &n->drain;
	bool late = d->deadline_us != 0 && g_get_monotonic_time() >= d->deadline_us;
	bool empty = node_participants(n) == 0 && transports_count(n) == 0;

	if (!late && !empty)
		return G_SOURCE_CONTINUE;
	if (!empty && d->remove_at_deadline)
		remove_everybody(n);
	d->drained = true;
	d->source = 0;
	log_info("session", "drained: %s", empty ? "empty" : "deadline");
	watch_node_drained(n, empty ? "empty" : "deadline");
	return G_SOURCE_REMOVE;
}

void drain_begin(struct node *n, uint32_t seconds, bool remove_at_deadline)
{
	struct drain *d = &n->drain;

	if (!d->draining)
		d->start_time_ms = g_get_real_time() / 1000;
	d->draining = true;
	d->drained = false;
	d->remove_at_deadline = remove_at_deadline;
	d->deadline_us = seconds != 0 ? g_get_monotonic_time() + seconds * G_USEC_PER_SEC : 0;
	d->deadline_time_ms = seconds != 0 ? g_get_real_time() / 1000 + (int64_t)seconds * 1000 : 0;
	if (d->source == 0)
		d->source = g_timeout_add(LOOK_MS, look, n);
}

void drain_end(struct node *n)
{
	g_clear_handle_id(&n->drain.source, g_source_remove);
	n->drain = (struct drain){0};
}
