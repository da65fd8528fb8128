// SPDX-License-Identifier: Apache-2.0
// controlplane/session/node_service.c - NodeService: the node and its numbers.
//
// Statistics are the dataplane's own, read from the segment and given the names of our resources.

#include "controlplane/session/node.h"
#include "controlplane/session/orphans.h"
#include "controlplane/session/services.h"
#include "proto/api/sluice/v1/node.pb-c.h"
#include "proto/shm/snapshot.h"

#include <string.h>

#define SLUICE_VERSION "0.1.0"

// Messages of one answer, freed together.
struct answer {
	GPtrArray *owned; // strings
	GPtrArray *workers, *drops, *transports, *inbound, *outbound;
	Sluice__V1__Books books;
};

static void *add(GPtrArray *list, size_t size)
{
	void *m = g_malloc0(size);

	g_ptr_array_add(list, m);
	return m;
}

static char *own(struct answer *a, char *text)
{
	g_ptr_array_add(a->owned, text);
	return text;
}

static void get_node(struct rpc_call *call, void *data)
{
	struct node *n = data;
	const struct shm_view *v = link_client_view(n->link);
	Sluice__V1__Node m = SLUICE__V1__NODE__INIT;
	Sluice__V1__Limits limits = SLUICE__V1__LIMITS__INIT;
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
	rpc_call_reply(call, &m.base);
	g_ptr_array_unref(addresses);
}

static void fill_drops(struct answer *a, const uint64_t ingress[SHM_DROPS_MAX],
		       const uint64_t egress[SHM_DROPS_MAX])
{
	static const struct {
		const char *name, *text;
		bool is_egress;
		unsigned index;
	} drops[] = {
#define X(name, text) {#name, text, false, SHM_INGRESS_DROP_##name},
		SHM_INGRESS_DROPS(X)
#undef X
#define X(name, text) {#name, text, true, SHM_EGRESS_DROP_##name},
			SHM_EGRESS_DROPS(X)
#undef X
	};

	for (size_t i = 0; i < G_N_ELEMENTS(drops); i++) {
		Sluice__V1__DropCounter *m = add(a->drops, sizeof(*m));
		sluice__v1__drop_counter__init(m);
		m->name = (char *)(uintptr_t)drops[i].name;
		m->text = (char *)(uintptr_t)drops[i].text;
		m->egress = drops[i].is_egress;
		m->packets = (drops[i].is_egress ? egress : ingress)[drops[i].index];
	}
}

static void fill_worker(struct answer *a, uint32_t number, const struct shm_worker_stats *s)
{
	Sluice__V1__WorkerStats *m = add(a->workers, sizeof(*m));

	sluice__v1__worker_stats__init(m);
	m->worker = number;
	m->packets_received = s->packets_received;
	m->packets_forwarded = s->packets_forwarded;
	m->packets_consumed = s->packets_consumed;
	m->packets_sent = s->packets_sent;
	m->polls = s->polls;
	m->polls_empty = s->polls_empty;
	m->handovers = s->handovers;
	m->drift_max_us = s->drift_max_us;
	m->busy_us = s->busy_us;
	m->packets_dropped = shm_drops_sum(s->ingress_drops);
	m->copies_dropped = shm_drops_sum(s->egress_drops);
	// What main drops of the kernel's packets stands among the egress drops.
	if (number == SHM_WORKERS_MAX) {
		m->packets_dropped += m->copies_dropped;
		m->copies_dropped = 0;
	}
	a->books.packets_received += m->packets_received;
	a->books.packets_forwarded += m->packets_forwarded;
	a->books.packets_consumed += m->packets_consumed;
	a->books.packets_dropped += m->packets_dropped;
	a->books.copies_dropped += m->copies_dropped;
}

static void fill_workers(struct node *n, struct answer *a)
{
	const struct shm_view *v = link_client_view(n->link);
	uint64_t ingress[SHM_DROPS_MAX] = {0};
	uint64_t egress[SHM_DROPS_MAX] = {0};

	for (uint32_t i = 0; i <= SHM_WORKERS_MAX; i++) {
		struct shm_worker_stats s;
		// The last block is the main lcore's: shown as a worker with that number.
		if ((i >= v->limits.workers && i < SHM_WORKERS_MAX) ||
		    !shm_snapshot_read(&v->workers[i].stats_seq, &s, &v->workers[i].stats,
				       sizeof(s)))
			continue;
		fill_worker(a, i, &s);
		for (unsigned d = 0; d < SHM_DROPS_MAX; d++) {
			ingress[d] += s.ingress_drops[d];
			egress[d] += s.egress_drops[d];
		}
	}
	fill_drops(a, ingress, egress);
	a->books.difference = (int64_t)(a->books.packets_received - a->books.packets_forwarded -
					a->books.packets_consumed - a->books.packets_dropped);
}

static void fill_transport(struct answer *a, const struct participant *p,
			   const struct media_transport *t, bool publish)
{
	const struct shm_view *v = link_client_view(p->node->link);
	struct shm_transport_state state;
	struct shm_transport_stats s;

	if (t->ref.generation == 0 || !link_transport_state(p->node->link, t->ref.index, &state))
		return;
	struct shm_transport_slot *slot = &v->transports[t->ref.index];
	if (!shm_snapshot_read(&slot->stats_seq, &s, &slot->stats, sizeof(s)))
		return;
	Sluice__V1__TransportStats *m = add(a->transports, sizeof(*m));
	sluice__v1__transport_stats__init(m);
	m->participant = p->name;
	m->publish = publish;
	if (t->config.suite != SHM_SUITE_NONE)
		m->srtp_cipher = (char *)(uintptr_t)dtls_srtp_suite_name(t->config.suite);
	m->selected_remote = own(a, node_addr_text(&state.selected_remote));
	m->packets_received = s.packets_received;
	m->bytes_received = s.bytes_received;
	m->packets_sent = s.packets_sent;
	m->bytes_sent = s.bytes_sent;
	m->consent_requests_sent = s.consent_requests_sent;
	m->consent_responses_sent = s.consent_responses_sent;
	m->last_consent_age_ms =
		state.consent_us == 0 ? -1
				      : (g_get_monotonic_time() - (int64_t)state.consent_us) / 1000;
}

static void fill_inbound(struct answer *a, const struct track *t)
{
	const struct shm_view *v = link_client_view(t->owner->node->link);
	struct shm_encoding_stats s[SHM_ENCODINGS_MAX];

	if (t->ref.generation == 0)
		return;
	struct shm_track_slot *slot = &v->tracks[t->ref.index];
	if (!shm_snapshot_read(&slot->stats_seq, s, slot->stats, sizeof(s)))
		return;
	for (size_t i = 0; i < t->negotiated.encoding_count; i++) {
		if (s[i].track_generation != t->ref.generation || s[i].ssrc == 0)
			continue;
		Sluice__V1__InboundRtpStats *m = add(a->inbound, sizeof(*m));
		sluice__v1__inbound_rtp_stats__init(m);
		m->track = t->name;
		m->ssrc = s[i].ssrc;
		m->rid = (char *)(uintptr_t)t->negotiated.encodings[i].rid;
		m->packets_received = s[i].packets_received;
		m->bytes_received = s[i].bytes_received;
		m->packets_lost = s[i].packets_lost;
		m->jitter = (double)s[i].jitter / t->negotiated.codecs[0].clock_rate;
		m->pli_count = s[i].pli_count;
	}
}

static void fill_outbound(struct answer *a, const struct participant *p,
			  const struct subscription *s)
{
	const struct shm_view *v = link_client_view(p->node->link);
	struct shm_subscription_stats stats;

	if (s->ref.generation == 0)
		return;
	struct shm_subscription_slot *slot = &v->subscriptions[s->ref.index];
	if (!shm_snapshot_read(&slot->stats_seq, &stats, &slot->stats, sizeof(stats)) ||
	    stats.generation != s->ref.generation)
		return;
	Sluice__V1__OutboundRtpStats *m = add(a->outbound, sizeof(*m));
	sluice__v1__outbound_rtp_stats__init(m);
	m->participant = p->name;
	m->track = s->track->name;
	m->ssrc = s->ssrc;
	m->packets_sent = stats.packets_sent;
	m->bytes_sent = stats.bytes_sent;
	m->pli_count = stats.pli_count;
	m->max_send_gap = (double)stats.max_send_gap_us / G_USEC_PER_SEC;
}

static void fill_participant(struct answer *a, const struct participant *p)
{
	fill_transport(a, p, &p->publish, true);
	fill_transport(a, p, &p->subscribe, false);
	for (guint i = 0; i < p->tracks->len; i++)
		fill_inbound(a, p->tracks->pdata[i]);
	for (guint i = 0; i < p->subscriptions->len; i++)
		fill_outbound(a, p, p->subscriptions->pdata[i]);
}

static void fill_everybody(struct node *n, struct answer *a)
{
	GHashTableIter rooms, participants;
	gpointer room, p;

	g_hash_table_iter_init(&rooms, n->rooms);
	while (g_hash_table_iter_next(&rooms, NULL, &room)) {
		g_hash_table_iter_init(&participants, ((struct room *)room)->participants);
		while (g_hash_table_iter_next(&participants, NULL, &p))
			fill_participant(a, p);
	}
}

static void reply(struct rpc_call *call, struct answer *a)
{
	Sluice__V1__Statistics m = SLUICE__V1__STATISTICS__INIT;

	m.n_workers = a->workers->len;
	m.workers = (Sluice__V1__WorkerStats **)a->workers->pdata;
	m.n_drops = a->drops->len;
	m.drops = (Sluice__V1__DropCounter **)a->drops->pdata;
	m.n_transports = a->transports->len;
	m.transports = (Sluice__V1__TransportStats **)a->transports->pdata;
	m.n_inbound_rtp = a->inbound->len;
	m.inbound_rtp = (Sluice__V1__InboundRtpStats **)a->inbound->pdata;
	m.n_outbound_rtp = a->outbound->len;
	m.outbound_rtp = (Sluice__V1__OutboundRtpStats **)a->outbound->pdata;
	m.books = &a->books;
	m.timestamp = (double)g_get_real_time() / 1000;
	rpc_call_reply(call, &m.base);
}

static void get_statistics(struct rpc_call *call, void *data)
{
	struct node *n = data;
	const Sluice__V1__GetStatisticsRequest *q = (const void *)rpc_call_request(call);
	const struct participant *p = NULL;

	if (q->participant[0] != '\0') {
		p = service_participant(n, call, "participant", q->participant);
		if (p == NULL)
			return;
	}
	if (link_client_view(n->link) == NULL) {
		rpc_call_fail(call, RPC_UNAVAILABLE, RPC_REASON(DATAPLANE_GONE),
			      "No dataplane is attached: try again later.");
		return;
	}
	struct answer a = {
		.owned = g_ptr_array_new_with_free_func(g_free),
		.workers = g_ptr_array_new_with_free_func(g_free),
		.drops = g_ptr_array_new_with_free_func(g_free),
		.transports = g_ptr_array_new_with_free_func(g_free),
		.inbound = g_ptr_array_new_with_free_func(g_free),
		.outbound = g_ptr_array_new_with_free_func(g_free),
		.books = SLUICE__V1__BOOKS__INIT,
	};
	fill_workers(n, &a);
	if (p != NULL)
		fill_participant(&a, p);
	else
		fill_everybody(n, &a);
	reply(call, &a);
	GPtrArray *lists[] = {a.owned, a.workers, a.drops, a.transports, a.inbound, a.outbound};
	for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
		g_ptr_array_unref(lists[i]);
}

static const struct rpc_method methods[] = {
	{"GetNode", get_node},
	{"GetStatistics", get_statistics},
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
