// SPDX-License-Identifier: Apache-2.0
// controlplane/session/transport/transport_service.c - TransportService: making, connecting and
// ending transports. Whether a new one may come: admission.c. Producers and consumers:
// producer_service.c, consumer_service.c.

#include "controlplane/session/transport/transport_service.h"

#include "controlplane/session/node.h"
#include "controlplane/session/orphans.h"
#include "controlplane/session/room.h"
#include "controlplane/session/services.h"
#include "controlplane/session/transport/admission.h"
#include "controlplane/session/transport/fields.h"
#include "controlplane/session/transport/neighbours.h"
#include "controlplane/session/transport/plain.h"

#include <stdalign.h>
#include <string.h>

void transport_service_reply(struct rpc_call *call, struct transport *t)
{
	Sluice__V1__Transport *m = transport_message(t);

	rpc_call_reply(call, &m->base);
	transport_message_free(m);
}

// It could not be made: nothing of it stays, nor of a room that was made for it.
static void give_up(struct transport *t)
{
	struct room *r = t->member->room;
	bool made_room = t->made_room;

	transport_delete(t, "handshake failed");
	if (made_room && g_hash_table_size(r->participants) == 0)
		room_delete(r);
}

// An epoch about a whole transport, and the call that waits for it.
struct pending {
	struct transport *t;
	struct change_wait *wait;
	uint64_t generation;
	uint8_t remote_mac[6]; // as the epoch says it
	struct shm_transport_config *before; // refused: it is this again; NULL: it goes
};

static void run(const struct pending *p)
{
	struct transport *t = p->t;
	struct media_transport *m = transport_media(t);

	t->made_room = false; // from now on it is like any other
	t->applied_generation = MAX(t->applied_generation, p->generation);
	media_transport_established(m, &(struct link_result){.kind = LINK_APPLIED});
	participant_save(t->member);
	watch_participant(t->member, ROOM_CHANGED, NULL);
	// Found while the epoch was under way.
	if (memcmp(p->remote_mac, m->config.remote_mac, sizeof(p->remote_mac)) != 0)
		plain_submit_path(t);
}

static void roll_back(const struct pending *p)
{
	struct transport *t = p->t;

	if (p->before == NULL) {
		give_up(t);
		return;
	}
	neighbours_unwatch(t->node->neighbours, t);
	transport_media(t)->config = *p->before;
	t->connected_once = transport_media(t)->phase == MEDIA_CONNECTED;
	t->generation++;
	if (t->connected_once) {
		t->applied_generation = t->generation;
		plain_find_peer(t);
	}
}

static void pending_free(struct pending *p)
{
	if (p->before != NULL)
		explicit_bzero(p->before, sizeof(*p->before));
	g_aligned_free(p->before);
	transport_drop(p->t);
	g_free(p);
}

static void on_done(void *user, const struct link_result *result)
{
	struct pending *p = user;
	struct transport *t = p->t;
	struct rpc_call *call = change_wait_take(p->wait);
	const char *refusal = NULL;

	t->moving = false;
	if (t->gone) {
		refusal = "it has ended";
		if (call != NULL)
			rpc_call_fail(call, RPC_ABORTED, RPC_REASON(PARTICIPANT_LEFT),
				      "%s has ended.", t->name);
	} else if (result->kind == LINK_APPLIED) {
		run(p);
		if (call != NULL)
			transport_service_reply(call, t);
	} else {
		refusal = link_result_text(result);
		roll_back(p);
		if (call != NULL)
			field_not_applied(call, result);
	}
	change_wait_end(p->wait, t->generation, refusal);
	pending_free(p);
}

static struct change_wait *wait_of(struct transport *t, struct rpc_call *call)
{
	return change_wait_new(t->node, t->member->room->id, call, t->name);
}

// 'before' as in struct pending; copied.
static void submit(struct transport *t, struct rpc_call *call,
		   const struct shm_transport_config *before)
{
	struct pending *p = g_new0(struct pending, 1);
	struct link_epoch *e = link_epoch_new(t->node->link);

	p->t = transport_hold(t);
	p->wait = wait_of(t, call);
	p->generation = t->generation;
	memcpy(p->remote_mac, transport_media(t)->config.remote_mac, sizeof(p->remote_mac));
	if (before != NULL) {
		p->before =
			g_aligned_alloc0(1, sizeof(*before), alignof(struct shm_transport_config));
		*p->before = *before;
	}
	media_transport_apply(transport_media(t), e);
	link_epoch_submit(e, on_done, p);
}

// WebRTC. The call that waits is the transport's: its events come without one.

static void end_waiting(struct transport *t, const struct link_result *result)
{
	struct change_wait *w = g_steal_pointer(&t->waiting);
	struct rpc_call *call = w != NULL ? change_wait_take(w) : NULL;
	bool applied = result->kind == LINK_APPLIED;

	if (call != NULL && applied)
		transport_service_reply(call, t);
	else if (call != NULL)
		field_not_applied(call, result);
	if (w != NULL)
		change_wait_end(w, t->generation, applied ? NULL : link_result_text(result));
}

static void on_announced(void *user, const struct link_result *result)
{
	struct participant *p = user;
	struct transport *t = p->transport;
	bool made = t != NULL && t->applied_generation != 0;

	if (t == NULL)
		return;
	if (result->kind != LINK_APPLIED)
		t->generation += made; // rolled back to what runs, which is a change too
	if (result->kind == LINK_APPLIED || made)
		t->applied_generation = t->generation;
	if (result->kind == LINK_APPLIED) {
		t->made_room = false;
		participant_save(p);
	}
	end_waiting(t, result);
	if (result->kind != LINK_APPLIED && !made)
		give_up(t);
}

static void on_admitted(void *user, const struct link_result *result)
{
	struct participant *p = user;
	struct transport *t = p->transport;

	if (t == NULL)
		return;
	if (result->kind != LINK_APPLIED) {
		t->connected_once = false;
		t->dtls_role = SLUICE__V1__DTLS_PARAMETERS__ROLE__ROLE_UNSPECIFIED;
		t->generation++;
	}
	t->applied_generation = t->generation;
	end_waiting(t, result);
}

static void on_ready(void *user)
{
	struct participant *p = user;

	if (p->transport != NULL)
		submit(p->transport, NULL, NULL);
}

static void on_ended(void *user, const char *reason, bool failed)
{
	(void)failed;
	participant_leave(user, reason);
}

static const struct media_transport_events webrtc_events = {
	.announced = on_announced,
	.admitted = on_admitted,
	.ready = on_ready,
	.ended = on_ended,
};

struct webrtc_peer {
	struct ice_credentials ice;
	struct dtls_fingerprint fingerprint;
	enum dtls_role our_role;
};

static bool candidates_fit(struct rpc_call *call, size_t count)
{
	if (count <= TRANSPORT_CANDIDATES_PER_CALL)
		return true;
	rpc_call_fact(call, "field", "candidates");
	rpc_call_fact(call, "value", "%zu", count);
	rpc_call_fact(call, "limit", "%d", TRANSPORT_CANDIDATES_PER_CALL);
	rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(TOO_MANY_ITEMS),
		      "candidates: %zu of them: at most %d.", count, TRANSPORT_CANDIDATES_PER_CALL);
	return false;
}

static bool read_peer(struct rpc_call *call, const Sluice__V1__WebRtcConnect *m,
		      struct webrtc_peer *out)
{
	if (!candidates_fit(call, m->n_candidates))
		return false;
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

	if (!gone)
		rpc_call_fact(call, "limit", "transports");
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
		give_up(t);
		return;
	}
	t->waiting = wait_of(t, call);
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
		give_up(t);
		return;
	}
	if (o->connect == NULL) {
		transport_service_reply(call, t);
		return;
	}
	t->connected_once = true;
	plain_find_peer(t);
	submit(t, call, NULL);
}

static void connect_plain(struct transport *t, struct rpc_call *call,
			  const Sluice__V1__PlainConnect *m)
{
	struct media_transport *media = transport_media(t);
	struct shm_transport_config config = media->config;

	if (t->connected_once ? !plain_read_move(call, m, &config)
			      : !plain_read_connect(call, m, &config))
		return;
	if (((config.flags ^ media->config.flags) & SHM_TRANSPORT_LATCH) != 0 ||
	    (!m->latch && config.selected_remote.family != config.selected_local.family)) {
		field_wrong(call, "plain.remote", m->remote,
			    m->latch ? "to latch it has to be created with latch"
				     : "an address of the family of `local`, and no latch");
		return;
	}
	t->connected_once = t->moving = true;
	t->generation++;
	struct shm_transport_config before = media->config;
	media->config = config;
	explicit_bzero(&config, sizeof(config));
	neighbours_unwatch(t->node->neighbours, t);
	plain_find_peer(t);
	submit(t, call, &before);
	explicit_bzero(&before, sizeof(before));
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
	bool made_room;

	char *id = field_id(call, "transport_id", q->transport_id);
	if (id == NULL)
		return;
	if (q->kind_case == SLUICE__V1__CREATE_TRANSPORT_REQUEST__KIND_WEBRTC)
		peer_message = q->webrtc->connect;
	if ((plain && !plain_read_options(call, q->plain, &config)) ||
	    (peer_message != NULL && !read_peer(call, peer_message, &peer)) ||
	    !transport_admit(n, call, q, id, &room, &made_room)) {
		g_free(id);
		return;
	}
	struct transport *t = transport_new(n, room, id, q->display_name, plain);
	t->made_room = made_room;
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

// Calls that change a transport's path go one after the other.
static bool is_waiting(struct rpc_call *call, const struct transport *t)
{
	if (t->waiting == NULL && !t->moving)
		return false;
	rpc_call_fact(call, "resource", "%s", t->name);
	rpc_call_fail(call, RPC_FAILED_PRECONDITION, RPC_REASON(TRANSPORT_NOT_CONNECTED),
		      "%s: the dataplane has not taken the change before yet: try again.", t->name);
	return true;
}

static void connect_transport(struct rpc_call *call, void *data)
{
	const Sluice__V1__ConnectTransportRequest *q = (const void *)rpc_call_request(call);
	bool plain = q->parameters_case == SLUICE__V1__CONNECT_TRANSPORT_REQUEST__PARAMETERS_PLAIN;
	struct transport *t = field_transport(data, call, "name", q->name);
	struct webrtc_peer peer;

	if (t == NULL || !kind_is(call, t, plain))
		return;
	if (t->connected_once && (!plain || transport_media(t)->phase != MEDIA_CONNECTED)) {
		field_wrong(call, "name", q->name, "it knows its peer: make another transport");
		return;
	}
	if (is_waiting(call, t))
		return;
	if (plain) {
		connect_plain(t, call, q->plain);
		return;
	}
	if (q->webrtc == NULL) {
		field_wrong(call, "parameters", "", "give webrtc or plain");
		return;
	}
	if (!read_peer(call, q->webrtc, &peer))
		return;
	t->generation++;
	t->waiting = wait_of(t, call);
	connect_webrtc(t, &peer, q->webrtc);
}

static void restart_ice(struct rpc_call *call, void *data)
{
	const Sluice__V1__RestartIceRequest *q = (const void *)rpc_call_request(call);
	struct transport *t = field_transport(data, call, "name", q->name);
	struct ice_credentials ice;

	if (t == NULL || !kind_is(call, t, false) || !field_ice(call, q->ice, &ice))
		return;
	if (is_waiting(call, t)) {
		ice_credentials_wipe(&ice);
		return;
	}
	if (!t->connected_once) {
		rpc_call_fact(call, "resource", "%s", t->name);
		rpc_call_fail(call, RPC_FAILED_PRECONDITION, RPC_REASON(TRANSPORT_NOT_CONNECTED),
			      "%s has nothing to restart yet: connect it first.", t->name);
		return;
	}
	if (media_transport_restart(transport_media(t), &ice)) {
		t->generation++;
		t->waiting = wait_of(t, call);
	} else {
		not_made(data, call, g_strdup("there are no random bytes"));
	}
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
	if (!candidates_fit(call, q->n_candidates))
		return;
	response.ignored =
		media_transport_add_candidates(transport_media(t), q->candidates, q->n_candidates);
	rpc_call_reply(call, &response.base);
}

static void on_removed(void *user, const struct link_result *result)
{
	static const Sluice__V1__DeleteTransportResponse done =
		SLUICE__V1__DELETE_TRANSPORT_RESPONSE__INIT;
	struct change_wait *w = user;
	struct rpc_call *call = change_wait_take(w);
	// What went with the dataplane is as good as removed.
	bool removed = result->kind != LINK_REFUSED;

	if (call != NULL && removed)
		rpc_call_reply(call, &done.base);
	else if (call != NULL)
		change_fail(call, result);
	change_wait_end(w, 0, removed ? NULL : link_result_text(result));
}

static void delete_transport(struct rpc_call *call, void *data)
{
	const Sluice__V1__DeleteTransportRequest *q = (const void *)rpc_call_request(call);
	struct node *n = data;
	const struct orphan *o = orphans_transport(n->orphans, q->name);

	if (o != NULL) {
		orphans_remove(n->orphans, o, on_removed,
			       change_wait_new(n, o->room != NULL ? o->room : "", call, q->name));
		return;
	}
	struct transport *t = field_transport(n, call, "name", q->name);
	if (t == NULL)
		return;
	transport_media(t)->removed = on_removed;
	transport_media(t)->removed_user = wait_of(t, call);
	transport_delete(t, "removed");
}

void transport_service_register(struct node *node, struct rpc_server *server)
{
	static const struct rpc_method methods[] = {
		{"CreateTransport", create_transport},
		{"ConnectTransport", connect_transport},
		{"RestartIce", restart_ice},
		{"AddTransportCandidates", add_candidates},
		{"GetTransport", transport_service_get},
		{"ListTransports", transport_service_list},
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
