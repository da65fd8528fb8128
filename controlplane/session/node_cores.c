// SPDX-License-Identifier: Apache-2.0
// controlplane/session/node_cores.c - NodeService's calls about cores, ports and draining.

#include "controlplane/session/node_cores.h"
#include "controlplane/session/node.h"
#include "controlplane/session/services.h"
#include "controlplane/session/statistics.h"
#include "proto/api/sluice/v1/node.pb-c.h"
#include "proto/shm/snapshot.h"

#include <string.h>

enum { LOAD_S = 1 };

// Of each core, busy time and instant of the newest two looks, a second apart.
struct node_load {
	struct node *node;
	unsigned source;
	uint64_t busy_us[SHM_WORKERS_MAX + 1];
	uint64_t at_us[SHM_WORKERS_MAX + 1];
	double share[SHM_WORKERS_MAX + 1];
};

static bool read_stats(const struct node *n, uint32_t i, struct shm_worker_stats *s)
{
	const struct shm_view *v = link_client_view(n->link);

	return v != NULL && (i < v->limits.workers || i == SHM_WORKERS_MAX) &&
	       shm_snapshot_read(&v->workers[i].stats_seq, s, &v->workers[i].stats, sizeof(*s));
}

static gboolean look(gpointer data)
{
	struct node_load *l = data;
	struct shm_worker_stats s;

	for (uint32_t i = 0; i <= SHM_WORKERS_MAX; i++) {
		if (!read_stats(l->node, i, &s) || s.published_us <= l->at_us[i])
			continue;
		// The first look has nothing to compare with; another dataplane begins at 0.
		if (l->at_us[i] != 0 && s.busy_us >= l->busy_us[i])
			l->share[i] = MIN(1.0, (double)(s.busy_us - l->busy_us[i]) /
						       (double)(s.published_us - l->at_us[i]));
		l->busy_us[i] = s.busy_us;
		l->at_us[i] = s.published_us;
	}
	return G_SOURCE_CONTINUE;
}

struct node_load *node_load_new(struct node *n)
{
	struct node_load *l = g_new0(struct node_load, 1);

	l->node = n;
	l->source = g_timeout_add_seconds(LOAD_S, look, l);
	return l;
}

void node_load_free(struct node_load **load)
{
	if (*load != NULL)
		g_source_remove((*load)->source);
	g_clear_pointer(load, g_free);
}

static bool attached(const struct node *n, struct rpc_call *call)
{
	if (link_client_view(n->link) != NULL)
		return true;
	rpc_call_fail(call, RPC_UNAVAILABLE, RPC_REASON(DATAPLANE_GONE),
		      "No dataplane is attached: try again later.");
	return false;
}

void node_list_cores(struct rpc_call *call, void *data)
{
	struct node *n = data;
	Sluice__V1__ListCoresResponse response = SLUICE__V1__LIST_CORES_RESPONSE__INIT;
	Sluice__V1__Core cores[SHM_WORKERS_MAX + 1];
	Sluice__V1__WorkerStats stats[SHM_WORKERS_MAX + 1];
	Sluice__V1__Core *list[SHM_WORKERS_MAX + 1];
	struct shm_worker_stats s;

	if (!attached(n, call))
		return;
	response.cores = list;
	for (uint32_t i = 0; i <= SHM_WORKERS_MAX; i++) {
		Sluice__V1__Core *m = &cores[response.n_cores];
		if (!read_stats(n, i, &s))
			continue;
		sluice__v1__core__init(m);
		m->role = i == SHM_WORKERS_MAX ? SLUICE__V1__CORE__ROLE__ROLE_MAIN
					       : SLUICE__V1__CORE__ROLE__ROLE_WORKER;
		m->worker = i;
		m->lcore = s.lcore;
		m->cpu = s.cpu;
		m->numa_node = s.numa_node;
		m->queue = i == SHM_WORKERS_MAX ? 0 : i;
		m->busy_share = n->load->share[i];
		m->transports = s.transports;
		m->stats = &stats[response.n_cores];
		statistics_fill_worker(m->stats, i, &s);
		list[response.n_cores++] = m;
	}
	rpc_call_reply(call, &response.base);
}

static void fill_interface(Sluice__V1__Interface *m, const struct shm_port_info *info,
			   const struct shm_link *link, char text[3][72])
{
	sluice__v1__interface__init(m);
	g_strlcpy(text[0], info->name, sizeof(text[0]));
	g_strlcpy(text[1], info->driver, MIN(sizeof(text[1]), sizeof(info->driver)));
	g_snprintf(text[2], sizeof(text[2]), "%02x:%02x:%02x:%02x:%02x:%02x", info->mac[0],
		   info->mac[1], info->mac[2], info->mac[3], info->mac[4], info->mac[5]);
	m->name = text[0];
	m->driver = text[1];
	m->mac_address = text[2];
	m->mtu = info->mtu;
	m->queue_count = info->queues;
	m->link_up = link->up != 0;
	m->link_speed_mbps = link->speed_mbps;
	m->link_full_duplex = link->full_duplex != 0;
}

void node_list_interfaces(struct rpc_call *call, void *data)
{
	struct node *n = data;
	Sluice__V1__ListInterfacesResponse response = SLUICE__V1__LIST_INTERFACES_RESPONSE__INIT;
	Sluice__V1__Interface ports[2];
	Sluice__V1__Interface *list[2] = {&ports[0], &ports[1]};
	char text[2][3][72];
	struct shm_worker_stats s = {0};

	if (!attached(n, call))
		return;
	const struct shm_header *h = link_client_view(n->link)->header;
	struct shm_port_info wire = h->wire_port, kernel = h->kernel_port;
	read_stats(n, SHM_WORKERS_MAX, &s);
	fill_interface(&ports[0], &wire, &s.wire_link, text[0]);
	ports[0].role = SLUICE__V1__INTERFACE__ROLE__ROLE_WIRE;
	ports[0].packets_received = s.port_packets_received;
	ports[0].bytes_received = s.port_bytes_received;
	ports[0].packets_sent = s.port_packets_sent;
	ports[0].bytes_sent = s.port_bytes_sent;
	ports[0].missed = s.port_missed;
	ports[0].send_errors = s.port_send_errors;
	fill_interface(&ports[1], &kernel, &s.kernel_link, text[1]);
	ports[1].role = SLUICE__V1__INTERFACE__ROLE__ROLE_KERNEL;
	ports[1].packets_received = s.packets_received;
	ports[1].bytes_received = s.kernel_bytes_received;
	ports[1].packets_sent = s.packets_sent;
	ports[1].bytes_sent = s.kernel_bytes_sent;
	response.n_interfaces = kernel.name[0] != '\0' ? 2 : 1;
	response.interfaces = list;
	rpc_call_reply(call, &response.base);
}

void node_drain(struct rpc_call *call, void *data)
{
	const Sluice__V1__DrainNodeRequest *q = (const void *)rpc_call_request(call);

	if (q->deadline_seconds > DRAIN_SECONDS_MAX) {
		rpc_call_fact(call, "field", "deadline_seconds");
		rpc_call_fact(call, "value", "%u", q->deadline_seconds);
		rpc_call_fact(call, "limit", "%d", DRAIN_SECONDS_MAX);
		rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(FIELD_INVALID),
			      "deadline_seconds: %u: at most %d.", q->deadline_seconds,
			      DRAIN_SECONDS_MAX);
		return;
	}
	drain_begin(data, q->deadline_seconds, q->remove_at_deadline != 0);
	node_reply(call, data);
}

void node_undrain(struct rpc_call *call, void *data)
{
	drain_end(data);
	node_reply(call, data);
}
