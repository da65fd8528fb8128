// SPDX-License-Identifier: Apache-2.0
// controlplane/session/transport/transport_service.c - TransportService: making, connecting and
// ending transports. Producers and consumers: producer_service.c, consumer_service.c.

#include "controlplane/session/transport/transport_service.h"

#include "controlplane/session/node.h"
#include "controlplane/session/orphans.h"
#include "controlplane/session/room.h"
#include "controlplane/session/services.h"
#include "controlplane/session/transport/fields.h"
#include "controlplane/session/transport/plain.h"

#include <stdlib.h>
#include <string.h>

static void reply(struct rpc_call *call, struct transport *t)
{
	Sluice__V1__Transport *m = transport_message(t);

	rpc_call_reply(call, &m->base);
	transport_message_free(m);
}

// A call that waits for an epoch about a whole transport.
struct pending {
	struct transport *t;
	struct rpc_call *call; // NULL: nobody waits
	uint64_t generation;
	bool creates; // refused: it goes
};

static void on_done(void *user, const struct link_result *result)
{
	struct pending *p = user;
	struct transport *t = p->t;

	if (result->kind == LINK_APPLIED && p->generation > t->applied_generation)
		t->applied_generation = p->generation;
	if (t->gone) {
		if (p->call != NULL)
			rpc_call_fail(p->call, RPC_ABORTED, RPC_REASON(PARTICIPANT_LEFT),
				      "%s has ended.", t->name);
	} else if (result->kind == LINK_APPLIED) {
		media_transport_established(transport_media(t), result);
		participant_save(t->member);
		watch_participant(t->member, ROOM_CHANGED, NULL);
		if (p->call != NULL)
			reply(p->call, t);
	} else {
		if (p->call != NULL)
			field_not_applied(p->call, result);
		if (p->creates)
			transport_delete(t, "handshake failed");
	}
	transport_drop(t);
	g_free(p);
}

static void submit(struct transport *t, struct rpc_call *call, bool creates)
{
	struct pending *p = g_new0(struct pending, 1);
	struct link_epoch *e = link_epoch_new(t->node->link);

	p->t = transport_hold(t);
	p->call = call;
	p->creates = creates;
	p->generation = t->generation;
	media_transport_apply(transport_media(t), e);
	link_epoch_submit(e, on_done, p);
}

// WebRTC.

static void on_announced(void *user, const struct link_result *result)
{
	struct participant *p = user;
	struct transport *t = p->transport;
	struct rpc_call *call = t != NULL ? g_steal_pointer(&t->waiting) : NULL;

	if (t == NULL)
		return;
	if (result->kind != LINK_APPLIED) {
		if (call != NULL)
			field_not_applied(call, result);
		if (t->applied_generation == 0)
			transport_delete(t, "handshake failed");
		return;
	}
	t->applied_generation = t->generation;
	participant_save(p);
	if (call != NULL)
		reply(call, t);
}

static void on_ready(void *user)
{
	struct participant *p = user;

	if (p->transport != NULL)
		submit(p->transport, NULL, true);
}

static void on_ended(void *user, const char *reason, bool failed)
{
	(void)failed;
	participant_leave(user, reason);
}

static const struct media_transport_events webrtc_events = {
	.announced = on_announced,
	.ready = on_ready,
	.ended = on_ended,
};

struct webrtc_peer {
	struct ice_credentials ice;
	struct dtls_fingerprint fingerprint;
	enum dtls_role our_role;
};

static bool read_peer(struct rpc_call *call, const Sluice__V1__WebRtcConnect *m,
		      struct webrtc_peer *out)
{
	if (m->n_candidates > TRANSPORT_CANDIDATES_PER_CALL) {
		rpc_call_fact(call, "field", "candidates");
		rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(TOO_MANY_ITEMS),
			      "candidates: %zu of them: at most %d.", m->n_candidates,
			      TRANSPORT_CANDIDATES_PER_CALL);
		return false;
	}
	if (!field_ice(call, m->ice, &out->ice) ||
	    !field_fingerprint(call, m->dtls, &out->fingerprint))
		return false;
	out->our_role = m->dtls->role == SLUICE__V1__DTLS_PARAMETERS__ROLE__ROLE_SERVER
				? DTLS_ACTIVE
				: DTLS_PASSIVE;
	return true;
}

static void connect_webrtc(struct transport *t, const struct webrtc_peer *peer,
			   const Sluice__V1__WebRtcConnect *m)
{
	t->connected_once = true;
	t->dtls_role = peer->our_role == DTLS_ACTIVE
			       ? SLUICE__V1__DTLS_PARAMETERS__ROLE__ROLE_CLIENT
			       : SLUICE__V1__DTLS_PARAMETERS__ROLE__ROLE_SERVER;
	media_transport_set_remote(transport_media(t), &peer->ice, &peer->fingerprint,
				   peer->our_role);
	media_transport_add_candidates(transport_media(t), m->candidates, m->n_candidates);
}

static void not_made(struct node *n, struct rpc_call *call, char *reason)
{
	bool gone = link_client_view(n->link) == NULL;

	rpc_call_fail(call, gone ? RPC_UNAVAILABLE : RPC_RESOURCE_EXHAUSTED,
		      gone ? RPC_REASON(DATAPLANE_GONE) : RPC_REASON(NODE_FULL),
		      "The transport could not be made: %s.", reason);
	g_free(reason);
}

static void create_webrtc(struct transport *t, struct rpc_call *call,
			  const Sluice__V1__WebRtcConnect *m, const struct webrtc_peer *peer)
{
	char *reason = NULL;

	if (!media_transport_open(transport_media(t), t->node, &webrtc_events, t->member, false,
				  m != NULL ? &peer->ice : NULL, &reason)) {
		not_made(t->node, call, reason);
		transport_delete(t, "handshake failed");
		return;
	}
	t->waiting = call;
	if (m != NULL)
		connect_webrtc(t, peer, m);
}

// Plain.

static void create_plain(struct transport *t, struct rpc_call *call,
			 const Sluice__V1__PlainOptions *o,
			 const struct shm_transport_config *config)
{
	char *reason = NULL;

	if (!plain_open(t, config, o->ipv6 || config->selected_remote.family == RTC_ADDR_V6,
			&reason)) {
		not_made(t->node, call, reason);
		transport_delete(t, "handshake failed");
		return;
	}
	if (o->connect == NULL) {
		reply(call, t);
		return;
	}
	t->connected_once = true;
	plain_find_peer(t);
	submit(t, call, true);
}

static void connect_plain(struct transport *t, struct rpc_call *call,
			  const Sluice__V1__PlainConnect *m)
{
	struct media_transport *media = transport_media(t);
	struct shm_transport_config config = media->config;

	if (!plain_read_connect(call, m, &config))
		return;
	if (((config.flags ^ media->config.flags) & SHM_TRANSPORT_LATCH) != 0 ||
	    (!m->latch && config.selected_remote.family != config.selected_local.family)) {
		field_wrong(call, "plain.remote", m->remote,
			    m->latch ? "to latch it has to be created with latch"
				     : "an address of the family of `local`, and no latch");
		return;
	}
	t->connected_once = true;
	t->generation++;
	media->config = config;
	explicit_bzero(&config, sizeof(config));
	plain_find_peer(t);
	submit(t, call, false);
}

// Calls.

static bool may_come(struct node *n, struct rpc_call *call,
		     const Sluice__V1__CreateTransportRequest *q, struct room **room)
{
	struct resource_name name;

	*room = NULL;
	if (!service_admits(n, call))
		return false;
	if (q->kind_case == SLUICE__V1__CREATE_TRANSPORT_REQUEST__KIND__NOT_SET) {
		rpc_call_fact(call, "field", "kind");
		rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(FIELD_MISSING),
			      "kind: missing: give webrtc or plain.");
		return false;
	}
	if (strlen(q->display_name) > 128) {
		field_wrong(call, "display_name", q->display_name, "at most 128 bytes");
		return false;
	}
	if (q->room[0] == '\0')
		return true;
	if (!name_parse(q->room, NAME_ROOM, &name)) {
		rpc_call_fact(call, "field", "room");
		rpc_call_fact(call, "value", "%s", q->room);
		rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(NAME_INVALID),
			      "room: \"%.200s\" is not a name of the form %s.", q->room,
			      name_form(NAME_ROOM));
		return false;
	}
	*room = room_find(n, name.room);
	if (*room != NULL &&
	    g_hash_table_size((*room)->participants) >= (*room)->max_participants) {
		rpc_call_fact(call, "resource", "%s", q->room);
		rpc_call_fail(call, RPC_RESOURCE_EXHAUSTED, RPC_REASON(ROOM_FULL),
			      "%s is full: %u participants.", q->room, (*room)->max_participants);
		return false;
	}
	if (*room == NULL)
		*room = room_create(n, name.room);
	return true;
}

static bool id_free(struct node *n, struct rpc_call *call, const struct room *room, const char *id)
{
	bool member = room != NULL && g_hash_table_contains(room->participants, id);

	if (transport_find(n, id) == NULL && !member)
		return true;
	rpc_call_fact(call, "resource", "transports/%s", id);
	if (member)
		rpc_call_fail(call, RPC_ALREADY_EXISTS, RPC_REASON(PARTICIPANT_EXISTS),
			      "There is a participant %s in %s already.", id, room->name);
	else
		rpc_call_fail(call, RPC_ALREADY_EXISTS, RPC_REASON(TRANSPORT_EXISTS),
			      "There is a transport transports/%s already.", id);
	return false;
}

static void create_transport(struct rpc_call *call, void *data)
{
	struct node *n = data;
	const Sluice__V1__CreateTransportRequest *q = (const void *)rpc_call_request(call);
	bool plain = q->kind_case == SLUICE__V1__CREATE_TRANSPORT_REQUEST__KIND_PLAIN;
	const Sluice__V1__WebRtcConnect *peer_message = NULL;
	struct shm_transport_config config;
	struct webrtc_peer peer;
	struct room *room;

	char *id = field_id(call, "transport_id", q->transport_id);
	if (id == NULL)
		return;
	if (q->kind_case == SLUICE__V1__CREATE_TRANSPORT_REQUEST__KIND_WEBRTC)
		peer_message = q->webrtc->connect;
	if ((plain && !plain_read_options(call, q->plain, &config)) ||
	    (peer_message != NULL && !read_peer(call, peer_message, &peer)) ||
	    !may_come(n, call, q, &room) || !id_free(n, call, room, id)) {
		g_free(id);
		return;
	}
	struct transport *t = transport_new(n, room, id, q->display_name, plain);
	if (plain) {
		create_plain(t, call, q->plain, &config);
		explicit_bzero(&config, sizeof(config));
	} else {
		create_webrtc(t, call, peer_message, &peer);
	}
	g_free(id);
}

static bool kind_is(struct rpc_call *call, const struct transport *t, bool plain)
{
	if (t->plain == plain)
		return true;
	rpc_call_fact(call, "resource", "%s", t->name);
	rpc_call_fail(call, RPC_FAILED_PRECONDITION, RPC_REASON(TRANSPORT_KIND_WRONG),
		      "%s is %s transport.", t->name, t->plain ? "a plain" : "a WebRTC");
	return false;
}

static void connect_transport(struct rpc_call *call, void *data)
{
	const Sluice__V1__ConnectTransportRequest *q = (const void *)rpc_call_request(call);
	bool plain = q->parameters_case == SLUICE__V1__CONNECT_TRANSPORT_REQUEST__PARAMETERS_PLAIN;
	struct transport *t = field_transport(data, call, "name", q->name);
	struct webrtc_peer peer;

	if (t == NULL || !kind_is(call, t, plain))
		return;
	if (t->connected_once) {
		field_wrong(call, "name", q->name, "it knows its peer: make another transport");
		return;
	}
	if (plain) {
		connect_plain(t, call, q->plain);
		return;
	}
	if (q->webrtc == NULL || !read_peer(call, q->webrtc, &peer)) {
		if (q->webrtc == NULL)
			field_wrong(call, "parameters", "", "give webrtc");
		return;
	}
	connect_webrtc(t, &peer, q->webrtc);
	t->applied_generation = ++t->generation;
	reply(call, t);
}

static void restart_ice(struct rpc_call *call, void *data)
{
	const Sluice__V1__RestartIceRequest *q = (const void *)rpc_call_request(call);
	struct transport *t = field_transport(data, call, "name", q->name);
	struct ice_credentials ice;

	if (t == NULL || !kind_is(call, t, false) || !field_ice(call, q->ice, &ice))
		return;
	if (!t->connected_once || t->waiting != NULL) {
		rpc_call_fact(call, "resource", "%s", t->name);
		rpc_call_fail(call, RPC_FAILED_PRECONDITION, RPC_REASON(TRANSPORT_NOT_CONNECTED),
			      "%s has nothing to restart yet: connect it first.", t->name);
		return;
	}
	t->generation++;
	t->waiting = call;
	media_transport_restart(transport_media(t), &ice);
	ice_credentials_wipe(&ice);
}

static void add_candidates(struct rpc_call *call, void *data)
{
	const Sluice__V1__AddTransportCandidatesRequest *q = (const void *)rpc_call_request(call);
	struct transport *t = field_transport(data, call, "name", q->name);
	Sluice__V1__AddTransportCandidatesResponse response =
		SLUICE__V1__ADD_TRANSPORT_CANDIDATES_RESPONSE__INIT;

	if (t == NULL || !kind_is(call, t, false))
		return;
	if (q->n_candidates > TRANSPORT_CANDIDATES_PER_CALL) {
		rpc_call_fact(call, "field", "candidates");
		rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(TOO_MANY_ITEMS),
			      "candidates: %zu of them: at most %d.", q->n_candidates,
			      TRANSPORT_CANDIDATES_PER_CALL);
		return;
	}
	response.ignored =
		media_transport_add_candidates(transport_media(t), q->candidates, q->n_candidates);
	rpc_call_reply(call, &response.base);
}

static bool reply_orphan(struct node *n, struct rpc_call *call, const char *name)
{
	const GPtrArray *all = orphans_all(n->orphans);

	for (guint i = 0; i < all->len; i++) {
		const struct orphan *o = all->pdata[i];
		if (g_strcmp0(o->transport, name) != 0)
			continue;
		Sluice__V1__Transport *m = transport_orphan_message(n, o);
		rpc_call_reply(call, &m->base);
		transport_message_free(m);
		return true;
	}
	return false;
}

static void get_transport(struct rpc_call *call, void *data)
{
	const Sluice__V1__GetTransportRequest *q = (const void *)rpc_call_request(call);

	if (reply_orphan(data, call, q->name))
		return;
	struct transport *t = field_transport(data, call, "name", q->name);
	if (t != NULL)
		reply(call, t);
}

enum { PAGE = 100, PAGE_MAX = 1000 };

// The serial behind which a page begins.
static bool page_from(struct rpc_call *call, const char *token, uint64_t *after)
{
	*after = 0;
	if (token[0] == '\0' || g_ascii_string_to_unsigned(token, 16, 1, G_MAXUINT64, after, NULL))
		return true;
	rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(PAGE_TOKEN_INVALID),
		      "page_token: \"%.100s\" is not a token of this list.", token);
	return false;
}

static bool in_room(const struct transport *t, const char *room)
{
	return room[0] == '\0' || g_str_equal(t->member->room->name, room);
}

static void add_orphans(struct node *n, const char *room, GPtrArray *page)
{
	const GPtrArray *all = orphans_all(n->orphans);

	for (guint i = 0; i < all->len; i++) {
		const struct orphan *o = all->pdata[i];
		if (o->transport == NULL)
			continue;
		Sluice__V1__Transport *m = transport_orphan_message(n, o);
		if (room[0] == '\0' || g_str_equal(m->room, room))
			g_ptr_array_add(page, m);
		else
			transport_message_free(m);
	}
}

static void list_transports(struct rpc_call *call, void *data)
{
	struct node *n = data;
	const Sluice__V1__ListTransportsRequest *q = (const void *)rpc_call_request(call);
	Sluice__V1__ListTransportsResponse response = SLUICE__V1__LIST_TRANSPORTS_RESPONSE__INIT;
	guint size = q->page_size == 0 ? PAGE : MIN(q->page_size, PAGE_MAX);
	uint64_t after, last = 0;

	if (!page_from(call, q->page_token, &after))
		return;
	GPtrArray *page = g_ptr_array_new_with_free_func((GDestroyNotify)transport_message_free);
	GList *all = transports_list(n);
	char *next = NULL;
	if (q->page_token[0] == '\0')
		add_orphans(n, q->room, page);
	size += page->len; // beside a page's own
	for (const GList *i = all; i != NULL && next == NULL; i = i->next) {
		struct transport *t = i->data;
		if (t->serial <= after || !in_room(t, q->room))
			continue;
		if (page->len == size) {
			next = g_strdup_printf("%" G_GINT64_MODIFIER "x", last);
			break;
		}
		g_ptr_array_add(page, transport_message(t));
		last = t->serial;
	}
	g_list_free(all);
	response.n_transports = page->len;
	response.transports = (Sluice__V1__Transport **)page->pdata;
	if (next != NULL)
		response.next_page_token = next;
	rpc_call_reply(call, &response.base);
	g_free(next);
	g_ptr_array_unref(page);
}

static void delete_transport(struct rpc_call *call, void *data)
{
	const Sluice__V1__DeleteTransportRequest *q = (const void *)rpc_call_request(call);
	struct node *n = data;
	Sluice__V1__DeleteTransportResponse response = SLUICE__V1__DELETE_TRANSPORT_RESPONSE__INIT;

	if (!orphans_remove_transport(n->orphans, q->name)) {
		struct transport *t = field_transport(n, call, "name", q->name);
		if (t == NULL)
			return;
		transport_delete(t, "removed");
	}
	rpc_call_reply(call, &response.base);
}

void transport_service_register(struct node *node, struct rpc_server *server)
{
	static const struct rpc_method methods[] = {
		{"CreateTransport", create_transport},
		{"ConnectTransport", connect_transport},
		{"RestartIce", restart_ice},
		{"AddTransportCandidates", add_candidates},
		{"GetTransport", get_transport},
		{"ListTransports", list_transports},
		{"DeleteTransport", delete_transport},
		{"Produce", transport_service_produce},
		{"SetProducerPaused", transport_service_set_producer_paused},
		{"GetProducer", transport_service_get_producer},
		{"ListProducers", transport_service_list_producers},
		{"DeleteProducer", transport_service_delete_producer},
		{"Consume", transport_service_consume},
		{"SetConsumersPaused", transport_service_set_consumers_paused},
		{"GetConsumer", transport_service_get_consumer},
		{"ListConsumers", transport_service_list_consumers},
		{"DeleteConsumers", transport_service_delete_consumers},
	};
	static struct rpc_service service = {
		.name = "sluice.v1.TransportService",
		.methods = methods,
		.method_count = G_N_ELEMENTS(methods),
	};

	service.data = node;
	rpc_server_register(server, &service);
}
