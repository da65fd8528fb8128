// SPDX-License-Identifier: Apache-2.0
// controlplane/session/statistics_service.c - StatisticsService: whose numbers are asked for, once
// or again and again.

#include "controlplane/session/node.h"
#include "controlplane/session/services.h"
#include "controlplane/session/statistics.h"
#include "controlplane/session/transport/fields.h"
#include "controlplane/session/transport/transport.h"

void *statistics_add(GPtrArray *list, size_t size)
{
	void *m = g_malloc0(size);

	g_ptr_array_add(list, m);
	return m;
}

static void fill_everybody(struct node *n, struct statistics *a)
{
	GHashTableIter rooms, participants;
	gpointer room, p;

	g_hash_table_iter_init(&rooms, n->rooms);
	while (g_hash_table_iter_next(&rooms, NULL, &room)) {
		g_hash_table_iter_init(&participants, ((struct room *)room)->participants);
		while (g_hash_table_iter_next(&participants, NULL, &p))
			statistics_add_participant(a, p);
	}
	GList *all = transports_list(n);
	for (const GList *i = all; i != NULL; i = i->next) {
		const struct transport *one = i->data;
		// One in a room is among the room's participants.
		if (room_is_hidden(one->member->room))
			statistics_add_participant(a, one->member);
		statistics_add_consumers(a, one);
	}
	g_list_free(all);
}

static void fill_room(struct statistics *a, const struct room *r)
{
	GHashTableIter it;
	gpointer data;

	g_hash_table_iter_init(&it, r->participants);
	while (g_hash_table_iter_next(&it, NULL, &data)) {
		const struct participant *p = data;
		statistics_add_participant(a, p);
		if (p->transport != NULL)
			statistics_add_consumers(a, p->transport);
	}
}

// What a request is about: at most one of the three; none: the whole node.
struct filter {
	char *participant, *room, *transport; // as asked for
};

static bool check_filter(struct rpc_call *call, const struct filter *f)
{
	unsigned given =
		(f->participant[0] != '\0') + (f->room[0] != '\0') + (f->transport[0] != '\0');

	if (given <= 1)
		return true;
	rpc_call_fact(call, "field", "filter");
	rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(FIELD_INVALID),
		      "participant \"%s\", room \"%s\", transport \"%s\": name at most one of "
		      "them, or none for the whole node.",
		      f->participant, f->room, f->transport);
	return false;
}

static bool fill_filtered(struct node *n, struct rpc_call *call, const struct filter *f,
			  struct statistics *a)
{
	if (f->participant[0] != '\0') {
		struct participant *p = service_participant(n, call, "participant", f->participant);
		if (p == NULL)
			return false;
		statistics_add_participant(a, p);
	} else if (f->room[0] != '\0') {
		struct room *r = service_room(n, call, "room", f->room);
		if (r == NULL)
			return false;
		fill_room(a, r);
	} else if (f->transport[0] != '\0') {
		struct transport *t = field_transport(n, call, "transport", f->transport);
		if (t == NULL)
			return false;
		statistics_add_participant(a, t->member);
		statistics_add_consumers(a, t);
	} else {
		fill_everybody(n, a);
	}
	return true;
}

static void fill_message(Sluice__V1__Statistics *m, struct statistics *a)
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

	if (!check_filter(call, f))
		return false;
	if (link_client_view(n->link) == NULL) {
		rpc_call_fail(call, RPC_UNAVAILABLE, RPC_REASON(DATAPLANE_GONE),
			      "No dataplane is attached: try again later.");
		return false;
	}
	struct statistics a = {
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
		statistics_add_workers(&a, n);
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

void statistics_get(struct rpc_call *call, void *data)
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

static const struct rpc_method methods[] = {
	{"GetStatistics", statistics_get},
	{"WatchStatistics", watch_statistics},
};

void statistics_service_register(struct node *node, struct rpc_server *server)
{
	static struct rpc_service service = {
		.name = "sluice.v1.StatisticsService",
		.methods = methods,
		.method_count = G_N_ELEMENTS(methods),
	};

	service.data = node;
	rpc_server_register(server, &service);
}
