// SPDX-License-Identifier: Apache-2.0
// controlplane/session/node_service.c - NodeService: what the node is and does.

#include "controlplane/session/node.h"
#include "controlplane/session/node_cores.h"
#include "controlplane/session/orphans.h"
#include "controlplane/session/services.h"
#include "controlplane/session/statistics.h"
#include "controlplane/session/transport/transport.h"
#include "proto/api/sluice/v1/node.pb-c.h"

#define SLUICE_VERSION "0.1.0"

void node_reply(struct rpc_call *call, struct node *n)
{
	const struct shm_view *v = link_client_view(n->link);
	Sluice__V1__Node m = SLUICE__V1__NODE__INIT;
	Sluice__V1__Limits limits = SLUICE__V1__LIMITS__INIT;
	Sluice__V1__Drain drain = SLUICE__V1__DRAIN__INIT;
	char boot_id[17] = "";
	char fingerprint[DTLS_FINGERPRINT_TEXT_SIZE];
	GPtrArray *addresses = g_ptr_array_new_with_free_func(g_free);
	struct rtc_addr addr;

	for (size_t i = 0; i < n->address_count; i++)
		if (node_addr_from(&n->addresses[i], (uint16_t)n->settings->media_port, &addr))
			g_ptr_array_add(addresses, node_addr_text(&addr));
	dtls_fingerprint_format(&n->fingerprint, fingerprint);
	m.version = (char *)(uintptr_t)SLUICE_VERSION;
	m.dataplane_attached = v != NULL;
	if (v != NULL) {
		g_snprintf(boot_id, sizeof(boot_id), "%016" G_GINT64_MODIFIER "x",
			   v->header->boot_id);
		m.worker_count = v->limits.workers;
		limits.transports = v->limits.transports;
		limits.tracks = v->limits.tracks;
		limits.subscriptions = v->limits.subscriptions;
		m.limits = &limits;
	}
	m.boot_id = boot_id;
	m.certificate_fingerprint = fingerprint;
	m.n_media_addresses = addresses->len;
	m.media_addresses = (char **)addresses->pdata;
	m.orphan_count = orphans_count(n->orphans);
	m.room_count = g_hash_table_size(n->rooms);
	m.participant_count = node_participants(n);
	m.transport_count = transports_count(n);
	drain.start_time_ms = n->drain.start_time_ms;
	drain.deadline_time_ms = n->drain.deadline_time_ms;
	drain.remove_at_deadline = n->drain.remove_at_deadline;
	drain.drained = n->drain.drained;
	if (n->drain.draining)
		m.drain = &drain;
	rpc_call_reply(call, &m.base);
	g_ptr_array_unref(addresses);
}

static void get_node(struct rpc_call *call, void *data)
{
	node_reply(call, data);
}

static const struct rpc_method methods[] = {
	{"GetNode", get_node},		{"GetStatistics", statistics_get},
	{"ListCores", node_list_cores}, {"ListInterfaces", node_list_interfaces},
	{"DrainNode", node_drain},	{"UndrainNode", node_undrain},
};

void node_service_register(struct node *node, struct rpc_server *server)
{
	static struct rpc_service service = {
		.name = "sluice.v1.NodeService",
		.methods = methods,
		.method_count = G_N_ELEMENTS(methods),
	};

	service.data = node;
	rpc_server_register(server, &service);
}
