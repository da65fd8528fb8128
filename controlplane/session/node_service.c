// SPDX-License-Identifier: Apache-2.0
// controlplane/session/node_service.c - NodeService: the node and its numbers; StatisticsService.
//
// Statistics are the dataplane's own, read from the segment and given the names of our resources.

#include "controlplane/session/node.h"
#include "controlplane/session/node_cores.h"
#include "controlplane/session/orphans.h"
#include "controlplane/session/services.h"
#include "controlplane/session/transport/fields.h"
#include "proto/api/sluice/v1/node.pb-c.h"
#include "proto/shm/snapshot.h"

#include <string.h>

#define SLUICE_VERSION "0.1.0"

// Messages of one answer, freed together.
struct answer {
	GPtrArray *owned; // strings
	GPtrArray *workers, *drops, *transports, *inbound, *outbound;
	GPtrArray *remote_inbound, *remote_outbound;
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

void statistics_fill_worker(Sluice__V1__WorkerStats *m, uint32_t number,
			    const struct shm_worker_stats *s)
{
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
}

static void fill_worker(struct answer *a, uint32_t number, const struct shm_worker_stats *s)
{
	Sluice__V1__WorkerStats *m = add(a->workers, sizeof(*m));

	statistics_fill_worker(m, number, s);
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
	if (p->transport != NULL)
		m->transport = p->transport->name;
	m->participant = p->name;
	m->publish = publish;
	m->dtls_state = (char *)(uintptr_t)media_transport_dtls_state(t);
	m->worker = state.owner;
	if (t->config.suite != SHM_SUITE_NONE)
		m->srtp_cipher = (char *)(uintptr_t)dtls_srtp_suite_name(t->config.suite);
	m->selected_remote = own(a, node_addr_text(&state.selected_remote));
	m->packets_received = s.packets_received;
	m->bytes_received = s.bytes_received;
	m->packets_sent = s.packets_sent;
	m->bytes_sent = s.bytes_sent;
	m->consent_requests_sent = s.consent_requests_sent;
	m->consent_responses_sent = s.consent_responses_sent;
	m->available_outgoing_bitrate = (double)s.available_outgoing_bps;
	m->allocated_bitrate = s.allocated_bps;
	m->probe_bytes_sent = s.probe_bytes_sent;
	m->last_consent_age_ms =
		state.consent_us == 0 ? -1
				      : (g_get_monotonic_time() - (int64_t)state.consent_us) / 1000;
}

static char *kind_of(const struct track *t)
{
	return (char *)(uintptr_t)(t->negotiated.kind == SDP_AUDIO ? "audio" : "video");
}

// NTP on the Unix epoch, in milliseconds (RFC 3550 4).
static double ntp_ms(uint64_t ntp)
{
	const double epoch_s = 2208988800.0;

	return ((double)ntp / 4294967296.0 - epoch_s) * 1000;
}

static void fill_remote_outbound(struct answer *a, const struct track *t,
				 const struct shm_encoding_stats *s)
{
	Sluice__V1__RemoteOutboundRtpStats *m = add(a->remote_outbound, sizeof(*m));

	sluice__v1__remote_outbound_rtp_stats__init(m);
	m->track = t->name;
	m->ssrc = s->ssrc;
	m->packets_sent = s->reported_packets;
	m->bytes_sent = s->reported_octets;
	m->reports_sent = s->reports;
	m->remote_timestamp = ntp_ms(s->reported_ntp);
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
		m->key_frames_received = s[i].keyframes;
		m->nack_count = s[i].nack_count;
		m->retransmitted_packets_received = s[i].retransmitted_packets_received;
		m->retransmitted_bytes_received = s[i].retransmitted_bytes_received;
		m->packets_given_up = s[i].packets_given_up;
		m->frames_received = s[i].frames;
		m->bitrate = s[i].rate_bps;
		m->kind = kind_of(t);
		m->mid = (char *)(uintptr_t)t->negotiated.mid;
		if (s[i].reports != 0)
			fill_remote_outbound(a, t, &s[i]);
	}
}

// One consumer: a subscription, or one of TransportService.
struct outgoing {
	const struct participant *participant;
	const struct track *track;
	struct shm_ref ref;
	uint32_t ssrc;
	char *consumer; // name; NULL: a subscription
	const char *mid; // need not end in NUL
};

static void fill_remote_inbound(struct answer *a, const struct outgoing *o,
				const struct shm_subscription_stats *s)
{
	Sluice__V1__RemoteInboundRtpStats *m = add(a->remote_inbound, sizeof(*m));

	sluice__v1__remote_inbound_rtp_stats__init(m);
	m->participant = o->participant->name;
	m->track = o->track->name;
	m->ssrc = o->ssrc;
	m->packets_lost = s->reported_packets_lost;
	m->jitter = (double)s->reported_jitter / o->track->negotiated.codecs[0].clock_rate;
	m->round_trip_time = (double)s->round_trip_us / G_USEC_PER_SEC;
	if (o->consumer != NULL)
		m->consumer = o->consumer;
}

static void fill_layers(Sluice__V1__OutboundRtpStats *m, const struct outgoing *o,
			const struct shm_subscription_stats *s)
{
	bool video = o->track->negotiated.kind == SDP_VIDEO;

	m->nack_count = s->nack_count;
	m->nack_refused = s->nack_refused;
	m->retransmitted_packets_sent = s->retransmitted_packets_sent;
	m->retransmitted_bytes_sent = s->retransmitted_bytes_sent;
	m->layer_changes = s->layer_changes;
	if (video) // the API's numbers are one more: 0 says nothing
		m->layer_reason = (Sluice__V1__OutboundRtpStats__LayerReason)(s->layer_reason + 1);
	m->target_spatial_layer = -1;
	m->target_temporal_layer = -1;
	if (video && s->target_layer.spatial != SHM_LAYER_NONE) {
		m->target_spatial_layer = s->target_layer.spatial;
		m->target_temporal_layer = s->target_layer.temporal;
	}
}

static void fill_outbound(struct answer *a, const struct outgoing *o)
{
	const struct shm_view *v = link_client_view(o->participant->node->link);
	struct shm_subscription_stats stats;

	if (o->ref.generation == 0)
		return;
	struct shm_subscription_slot *slot = &v->subscriptions[o->ref.index];
	if (!shm_snapshot_read(&slot->stats_seq, &stats, &slot->stats, sizeof(stats)) ||
	    stats.generation != o->ref.generation)
		return;
	Sluice__V1__OutboundRtpStats *m = add(a->outbound, sizeof(*m));
	sluice__v1__outbound_rtp_stats__init(m);
	m->participant = o->participant->name;
	m->track = o->track->name;
	m->ssrc = o->ssrc;
	m->packets_sent = stats.packets_sent;
	m->bytes_sent = stats.bytes_sent;
	m->pli_count = stats.pli_count;
	m->max_send_gap = (double)stats.max_send_gap_us / G_USEC_PER_SEC;
	fill_layers(m, o, &stats);
	m->kind = kind_of(o->track);
	m->mid = own(a, g_strndup(o->mid, SHM_MID_BYTES_MAX));
	if (o->consumer != NULL)
		m->consumer = o->consumer;
	fill_remote_inbound(a, o, &stats);
}

static void fill_participant(struct answer *a, const struct participant *p)
{
	fill_transport(a, p, &p->publish, true);
	fill_transport(a, p, &p->subscribe, false);
	for (guint i = 0; i < p->tracks->len; i++)
		fill_inbound(a, p->tracks->pdata[i]);
	for (guint i = 0; i < p->subscriptions->len; i++) {
		const struct subscription *s = p->subscriptions->pdata[i];
		const char *mid = sdp_subscriber_line(p->lines, s->line)->mid;
		const struct outgoing o = {p, s->track, s->ref, s->ssrc, NULL, mid};
		fill_outbound(a, &o);
	}
}

static void fill_api_transport(struct answer *a, const struct transport *t)
{
	GHashTableIter it;
	gpointer data;

	// One in a room is among the room's participants.
	if (room_is_hidden(t->member->room))
		fill_participant(a, t->member);
	g_hash_table_iter_init(&it, t->consumers);
	while (g_hash_table_iter_next(&it, NULL, &data)) {
		struct consumer *c = data;
		const struct outgoing o = {t->member,	   c->track, c->ref,
					   c->config.ssrc, c->name,  c->config.mid};
		fill_outbound(a, &o);
	}
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
	GList *all = transports_list(n);
	for (const GList *i = all; i != NULL; i = i->next)
		fill_api_transport(a, i->data);
	g_list_free(all);
}

static void fill_room(struct answer *a, const struct room *r)
{
	GHashTableIter it;
	gpointer data;

	g_hash_table_iter_init(&it, r->participants);
	while (g_hash_table_iter_next(&it, NULL, &data)) {
		const struct participant *p = data;
		fill_participant(a, p);
		if (p->transport != NULL)
			fill_api_transport(a, p->transport);
	}
}

// What a request is about: at most one of the three; none: the whole node.
struct filter {
	char *participant, *room, *transport; // as asked for
};

static bool fill_filtered(struct node *n, struct rpc_call *call, const struct filter *f,
			  struct answer *a)
{
	if (f->participant[0] != '\0') {
		struct participant *p = service_participant(n, call, "participant", f->participant);
		if (p == NULL)
			return false;
		fill_participant(a, p);
	} else if (f->room[0] != '\0') {
		struct room *r = service_room(n, call, "room", f->room);
		if (r == NULL)
			return false;
		fill_room(a, r);
	} else if (f->transport[0] != '\0') {
		struct transport *t = field_transport(n, call, "transport", f->transport);
		if (t == NULL)
			return false;
		if (!room_is_hidden(t->member->room))
			fill_participant(a, t->member);
		fill_api_transport(a, t);
	} else {
		fill_everybody(n, a);
	}
	return true;
}

static void fill_message(Sluice__V1__Statistics *m, struct answer *a)
{
	m->n_workers = a->workers->len;
	m->workers = (Sluice__V1__WorkerStats **)a->workers->pdata;
	m->n_drops = a->drops->len;
	m->drops = (Sluice__V1__DropCounter **)a->drops->pdata;
	m->n_transports = a->transports->len;
	m->transports = (Sluice__V1__TransportStats **)a->transports->pdata;
	m->n_inbound_rtp = a->inbound->len;
	m->inbound_rtp = (Sluice__V1__InboundRtpStats **)a->inbound->pdata;
	m->n_outbound_rtp = a->outbound->len;
	m->outbound_rtp = (Sluice__V1__OutboundRtpStats **)a->outbound->pdata;
	m->n_remote_inbound_rtp = a->remote_inbound->len;
	m->remote_inbound_rtp = (Sluice__V1__RemoteInboundRtpStats **)a->remote_inbound->pdata;
	m->n_remote_outbound_rtp = a->remote_outbound->len;
	m->remote_outbound_rtp = (Sluice__V1__RemoteOutboundRtpStats **)a->remote_outbound->pdata;
	m->books = &a->books;
	m->timestamp = (double)g_get_real_time() / 1000;
}

// Answers once, or sends one of many. False: the call has failed and is over.
static bool tell(struct node *n, struct rpc_call *call, const struct filter *f, bool many)
{
	Sluice__V1__Statistics m = SLUICE__V1__STATISTICS__INIT;

	if (link_client_view(n->link) == NULL) {
		rpc_call_fail(call, RPC_UNAVAILABLE, RPC_REASON(DATAPLANE_GONE),
			      "No dataplane is attached: try again later.");
		return false;
	}
	struct answer a = {
		.owned = g_ptr_array_new_with_free_func(g_free),
		.workers = g_ptr_array_new_with_free_func(g_free),
		.drops = g_ptr_array_new_with_free_func(g_free),
		.transports = g_ptr_array_new_with_free_func(g_free),
		.inbound = g_ptr_array_new_with_free_func(g_free),
		.outbound = g_ptr_array_new_with_free_func(g_free),
		.remote_inbound = g_ptr_array_new_with_free_func(g_free),
		.remote_outbound = g_ptr_array_new_with_free_func(g_free),
		.books = SLUICE__V1__BOOKS__INIT,
	};
	bool ok = fill_filtered(n, call, f, &a);
	if (ok) {
		fill_workers(n, &a);
		fill_message(&m, &a);
		if (many)
			rpc_call_send(call, &m.base);
		else
			rpc_call_reply(call, &m.base);
	}
	GPtrArray *lists[] = {a.owned,	 a.workers,  a.drops,	       a.transports,
			      a.inbound, a.outbound, a.remote_inbound, a.remote_outbound};
	for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
		g_ptr_array_unref(lists[i]);
	return ok;
}

static void get_statistics(struct rpc_call *call, void *data)
{
	const Sluice__V1__GetStatisticsRequest *q = (const void *)rpc_call_request(call);
	const struct filter f = {q->participant, q->room, q->transport};

	tell(data, call, &f, false);
}

struct statistics_watch {
	struct node *node;
	struct rpc_call *call;
	struct filter filter;
	unsigned source;
};

static void statistics_watch_free(struct statistics_watch *w)
{
	g_clear_handle_id(&w->source, g_source_remove);
	g_free(w->filter.participant);
	g_free(w->filter.room);
	g_free(w->filter.transport);
	g_free(w);
}

static void on_statistics_cancel(struct rpc_call *call, void *data)
{
	rpc_call_finish(call); // only frees it
	statistics_watch_free(data);
}

static gboolean on_statistics_due(gpointer data)
{
	struct statistics_watch *w = data;

	if (tell(w->node, w->call, &w->filter, true))
		return G_SOURCE_CONTINUE;
	w->source = 0;
	statistics_watch_free(w);
	return G_SOURCE_REMOVE;
}

enum { INTERVAL_MS = 1000, INTERVAL_MS_MIN = 100, INTERVAL_MS_MAX = 60000 };

static void watch_statistics(struct rpc_call *call, void *data)
{
	const Sluice__V1__WatchStatisticsRequest *q = (const void *)rpc_call_request(call);
	const Sluice__V1__GetStatisticsRequest *f = q->filter;
	uint32_t ms = q->interval_ms != 0 ? q->interval_ms : INTERVAL_MS;

	if (ms < INTERVAL_MS_MIN || ms > INTERVAL_MS_MAX) {
		rpc_call_fact(call, "field", "interval_ms");
		rpc_call_fact(call, "value", "%u", ms);
		rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(FIELD_INVALID),
			      "interval_ms: %u: 0, or %d to %d.", ms, INTERVAL_MS_MIN,
			      INTERVAL_MS_MAX);
		return;
	}
	struct statistics_watch *w = g_new0(struct statistics_watch, 1);
	*w = (struct statistics_watch){.node = data, .call = call};
	w->filter.participant = g_strdup(f != NULL ? f->participant : "");
	w->filter.room = g_strdup(f != NULL ? f->room : "");
	w->filter.transport = g_strdup(f != NULL ? f->transport : "");
	if (!tell(data, call, &w->filter, true)) {
		statistics_watch_free(w);
		return;
	}
	rpc_call_on_cancel(call, on_statistics_cancel, w);
	w->source = g_timeout_add(ms, on_statistics_due, w);
}

static void get_node(struct rpc_call *call, void *data)
{
	node_reply(call, data);
}

static const struct rpc_method methods[] = {
	{"GetNode", get_node},		{"GetStatistics", get_statistics},
	{"ListCores", node_list_cores}, {"ListInterfaces", node_list_interfaces},
	{"DrainNode", node_drain},	{"UndrainNode", node_undrain},
};
static const struct rpc_method statistics_methods[] = {
	{"GetStatistics", get_statistics},
	{"WatchStatistics", watch_statistics},
};

void node_service_register(struct node *node, struct rpc_server *server)
{
	static struct rpc_service service = {
		.name = "sluice.v1.NodeService",
		.methods = methods,
		.method_count = G_N_ELEMENTS(methods),
	};

	static struct rpc_service statistics = {
		.name = "sluice.v1.StatisticsService",
		.methods = statistics_methods,
		.method_count = G_N_ELEMENTS(statistics_methods),
	};

	service.data = statistics.data = node;
	rpc_server_register(server, &service);
	rpc_server_register(server, &statistics);
}
