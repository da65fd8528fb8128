// SPDX-License-Identifier: Apache-2.0
// controlplane/session/signalling_service.c - SignallingService: what one participant says.

#include "controlplane/auth/auth.h"
#include "controlplane/session/node.h"
#include "controlplane/session/quotas.h"
#include "controlplane/session/services.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>

enum { CANDIDATES_MAX = 32 };

// The participant whose secret the call carries, or NULL after failing the call.
static struct participant *authenticated(struct node *node, struct rpc_call *call,
					 const Sluice__V1__Session *session)
{
	if (session == NULL) {
		rpc_call_fact(call, "field", "session");
		rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(FIELD_MISSING),
			      "session: missing: send the session of the JoinResponse.");
		return NULL;
	}
	struct participant *p =
		service_participant(node, call, "session.participant", session->participant);
	if (p == NULL)
		return NULL;
	size_t size = strlen(p->secret);
	if (strlen(session->secret) != size ||
	    CRYPTO_memcmp(session->secret, p->secret, size) != 0) {
		rpc_call_fail(call, RPC_PERMISSION_DENIED, RPC_REASON(SESSION_SECRET_WRONG),
			      "session.secret: wrong: send the session of the JoinResponse.");
		return NULL;
	}
	return p;
}

static bool join_request_ok(struct rpc_call *call, const Sluice__V1__JoinRequest *q,
			    struct resource_name *room)
{
	if (!name_parse(q->room, NAME_ROOM, room)) {
		rpc_call_fact(call, "field", "room");
		rpc_call_fact(call, "value", "%s", q->room);
		rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(NAME_INVALID),
			      "room: \"%.200s\" is not a name: it has the form %s, the id 1 to 64 "
			      "characters of A-Z, a-z, 0-9, _ and -.",
			      q->room, name_form(NAME_ROOM));
		return false;
	}
	if (q->participant_id[0] != '\0' && !name_id_ok(q->participant_id)) {
		rpc_call_fact(call, "field", "participant_id");
		rpc_call_fact(call, "value", "%s", q->participant_id);
		rpc_call_fail(
			call, RPC_INVALID_ARGUMENT, RPC_REASON(ID_INVALID),
			"participant_id: \"%.200s\" is not an id: 1 to 64 characters of A-Z, a-z, "
			"0-9, _ and -, or leave it empty.",
			q->participant_id);
		return false;
	}
	if (strlen(q->display_name) > DISPLAY_NAME_BYTES_MAX) {
		rpc_call_fact(call, "field", "display_name");
		rpc_call_fact(call, "value", "%zu", strlen(q->display_name));
		rpc_call_fact(call, "limit", "%d", DISPLAY_NAME_BYTES_MAX);
		rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(FIELD_TOO_LONG),
			      "display_name: %zu bytes are too long: at most %d.",
			      strlen(q->display_name), DISPLAY_NAME_BYTES_MAX);
		return false;
	}
	return true;
}

static void reply_join(struct rpc_call *call, const struct participant *p)
{
	Sluice__V1__JoinResponse response = SLUICE__V1__JOIN_RESPONSE__INIT;
	Sluice__V1__Session session = SLUICE__V1__SESSION__INIT;

	session.participant = p->name;
	session.secret = p->secret;
	response.session = &session;
	response.participant = participant_message(p);
	rpc_call_reply(call, &response.base);
	participant_message_free(response.participant);
}

// Nothing is in the way but the tenant's quotas.
static void enter(struct node *node, struct rpc_call *call, const struct resource_name *name,
		  struct room *room, const char *id)
{
	const Sluice__V1__JoinRequest *q = (const void *)rpc_call_request(call);
	const struct caller *caller = rpc_call_caller(call);
	const char *tenant = room != NULL ? room->tenant : caller->tenant;
	Sluice__V1__Room settings = SLUICE__V1__ROOM__INIT;

	if ((room == NULL && !quotas_room(node->quotas, call, tenant)) ||
	    !quotas_participant(node->quotas, call, tenant))
		return;
	settings.tenant = (char *)(uintptr_t)tenant;
	if (room == NULL)
		room = room_create_with(node, name->room, &settings);
	struct participant *p = participant_new(room, id, q->display_name);
	p->token = caller->token;
	p->token_expires_s = caller->expires_s;
	reply_join(call, p);
}

static void join(struct rpc_call *call, void *data)
{
	struct node *node = data;
	const Sluice__V1__JoinRequest *q = (const void *)rpc_call_request(call);
	struct resource_name name;

	if (!join_request_ok(call, q, &name) || !service_admits(node, call))
		return;
	if (link_client_view(node->link) == NULL) {
		rpc_call_fail(call, RPC_UNAVAILABLE, RPC_REASON(DATAPLANE_GONE),
			      "No dataplane is attached: try again later.");
		return;
	}
	struct room *room = room_find(node, name.room);
	char *id = q->participant_id[0] != '\0' ? g_strdup(q->participant_id) : name_random(8);
	if (room != NULL && room_participant(room, id) != NULL) {
		rpc_call_fact(call, "resource", "%s/participants/%s", q->room, id);
		rpc_call_fail(call, RPC_ALREADY_EXISTS, RPC_REASON(PARTICIPANT_EXISTS),
			      "participant_id: \"%s\" is taken in %s: choose another, or none.", id,
			      q->room);
	} else if (room != NULL &&
		   g_hash_table_size(room->participants) >= room->max_participants) {
		rpc_call_fact(call, "resource", "%s", q->room);
		rpc_call_fact(call, "limit", "%u", room->max_participants);
		rpc_call_fail(call, RPC_RESOURCE_EXHAUSTED, RPC_REASON(ROOM_FULL),
			      "%s has %u participants, the limit of this room.", q->room,
			      room->max_participants);
	} else {
		enter(node, call, &name, room, id);
	}
	g_free(id);
}

static void publish(struct rpc_call *call, void *data)
{
	const Sluice__V1__PublishRequest *q = (const void *)rpc_call_request(call);
	struct participant *p = authenticated(data, call, q->session);

	if (p != NULL)
		publish_call(p, call, q);
}

static void watch_session(struct rpc_call *call, void *data)
{
	const Sluice__V1__WatchSessionRequest *q = (const void *)rpc_call_request(call);
	struct participant *p = authenticated(data, call, q->session);

	if (p != NULL)
		session_watch(p, call);
}

static void answer_subscribe(struct rpc_call *call, void *data)
{
	const Sluice__V1__AnswerSubscribeRequest *q = (const void *)rpc_call_request(call);
	struct participant *p = authenticated(data, call, q->session);
	char *reason = NULL;

	if (p == NULL)
		return;
	switch (subscribe_answer(p, q->revision, q->sdp, call, &reason)) {
	case 0:
		break;
	case -ESTALE:
		rpc_call_fail(
			call, RPC_FAILED_PRECONDITION, RPC_REASON(REVISION_STALE),
			"revision: %u is not the offer that waits for an answer, %u is: answer "
			"the newest SubscribeOffer.",
			q->revision, p->revision);
		break;
	case -EBUSY:
		rpc_call_fail(call, RPC_FAILED_PRECONDITION, RPC_REASON(OFFER_PENDING),
			      "revision: the answer before to %u is still on its way to the "
			      "dataplane: wait for what comes of it.",
			      q->revision);
		break;
	default:
		rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(SDP_UNSUPPORTED), "sdp: %s",
			      reason);
	}
	g_free(reason);
}

static void restart_subscribe_ice(struct rpc_call *call, void *data)
{
	const Sluice__V1__RestartSubscribeIceRequest *q = (const void *)rpc_call_request(call);
	Sluice__V1__RestartSubscribeIceResponse response =
		SLUICE__V1__RESTART_SUBSCRIBE_ICE_RESPONSE__INIT;
	struct participant *p = authenticated(data, call, q->session);

	if (p == NULL)
		return;
	if (subscribe_restart(p)) {
		rpc_call_reply(call, &response.base);
		return;
	}
	rpc_call_fact(call, "resource", "%s", p->name);
	rpc_call_fail(call, RPC_FAILED_PRECONDITION, RPC_REASON(TRANSPORT_NOT_CONNECTED),
		      "session.participant: %s has nothing to restart yet: answer its first "
		      "SubscribeOffer.",
		      p->name);
}

static void add_ice_candidates(struct rpc_call *call, void *data)
{
	const Sluice__V1__AddIceCandidatesRequest *q = (const void *)rpc_call_request(call);
	Sluice__V1__AddIceCandidatesResponse response =
		SLUICE__V1__ADD_ICE_CANDIDATES_RESPONSE__INIT;
	struct participant *p = authenticated(data, call, q->session);
	struct media_transport *t;

	if (p == NULL)
		return;
	if (q->n_candidates > CANDIDATES_MAX) {
		rpc_call_fact(call, "field", "candidates");
		rpc_call_fact(call, "value", "%zu", q->n_candidates);
		rpc_call_fact(call, "limit", "%d", CANDIDATES_MAX);
		rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(TOO_MANY_ITEMS),
			      "candidates: %zu are too many: at most %d in one call.",
			      q->n_candidates, CANDIDATES_MAX);
		return;
	}
	if (q->direction == SLUICE__V1__TRANSPORT_DIRECTION__TRANSPORT_DIRECTION_PUBLISH) {
		t = &p->publish;
	} else if (q->direction == SLUICE__V1__TRANSPORT_DIRECTION__TRANSPORT_DIRECTION_SUBSCRIBE) {
		t = &p->subscribe;
	} else {
		rpc_call_fact(call, "field", "direction");
		rpc_call_fact(call, "value", "%d", q->direction);
		rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(FIELD_INVALID),
			      "direction: %d is unknown: PUBLISH or SUBSCRIBE.", q->direction);
		return;
	}
	response.ignored = media_transport_add_candidates(t, q->candidates, q->n_candidates);
	rpc_call_reply(call, &response.base);
}

static void reply_track(struct rpc_call *call, const struct track *t)
{
	Sluice__V1__SetTrackMutedResponse response = SLUICE__V1__SET_TRACK_MUTED_RESPONSE__INIT;

	response.track = track_message(t);
	rpc_call_reply(call, &response.base);
	track_message_free(response.track);
}

static void set_track_muted(struct rpc_call *call, void *data)
{
	const Sluice__V1__SetTrackMutedRequest *q = (const void *)rpc_call_request(call);
	struct participant *p = authenticated(data, call, q->session);
	struct track *t = p != NULL ? service_track(data, call, "track", q->track) : NULL;

	if (t == NULL)
		return;
	if (t->owner != p) {
		rpc_call_fact(call, "resource", "%s", q->track);
		rpc_call_fail(call, RPC_PERMISSION_DENIED, RPC_REASON(NOT_OWNER),
			      "track: %s is not an own track.", q->track);
		return;
	}
	track_mute(t, false, q->muted, call, reply_track);
}

static void reply_subscription(struct rpc_call *call, const struct participant *p,
			       const struct subscription *s)
{
	Sluice__V1__SetSubscriptionResponse response = SLUICE__V1__SET_SUBSCRIPTION_RESPONSE__INIT;

	response.subscription = subscription_message(p, s);
	rpc_call_reply(call, &response.base);
	subscription_message_free(response.subscription);
}

static void set_subscription(struct rpc_call *call, void *data)
{
	const Sluice__V1__SetSubscriptionRequest *q = (const void *)rpc_call_request(call);
	Sluice__V1__Subscription m = SLUICE__V1__SUBSCRIPTION__INIT;
	struct subscription_wishes wishes;
	unsigned fields;
	struct participant *p = authenticated(data, call, q->session);
	const struct track *t = p != NULL ? service_track(data, call, "track", q->track) : NULL;

	if (t == NULL)
		return;
	struct subscription *s = subscribe_find(p, t);
	if (s == NULL) {
		rpc_call_fact(call, "resource", "%s", q->track);
		rpc_call_fail(call, RPC_FAILED_PRECONDITION, RPC_REASON(NOT_SUBSCRIBED),
			      "track: %s is not subscribed to: open WatchSession first.", q->track);
		return;
	}
	m.paused = q->paused;
	m.priority = q->priority;
	m.tile_pixels = q->tile_pixels;
	m.wanted = q->wanted;
	m.minimum = q->minimum;
	m.maximum = q->maximum;
	if (service_wishes(call, &m, q->update_mask, WISH_PAUSED, &wishes, &fields))
		subscription_wish(p, s, &wishes, fields, false, call, reply_subscription);
}

static void leave(struct rpc_call *call, void *data)
{
	const Sluice__V1__LeaveRequest *q = (const void *)rpc_call_request(call);
	Sluice__V1__LeaveResponse response = SLUICE__V1__LEAVE_RESPONSE__INIT;
	struct participant *p = authenticated(data, call, q->session);

	if (p == NULL)
		return;
	struct room *r = p->room;
	participant_leave(p, "left");
	change_settle(r, call, q->session->participant, &response.base);
}

static const struct rpc_method methods[] = {
	{"Join", join},
	{"Publish", publish},
	{"WatchSession", watch_session},
	{"AnswerSubscribe", answer_subscribe},
	{"RestartSubscribeIce", restart_subscribe_ice},
	{"AddIceCandidates", add_ice_candidates},
	{"SetTrackMuted", set_track_muted},
	{"SetSubscription", set_subscription},
	{"Leave", leave},
	{"Signal", signal_stream_open},
};

void signalling_service_register(struct node *node, struct rpc_server *server)
{
	static struct rpc_service service = {
		.name = "sluice.v1.SignallingService",
		.methods = methods,
		.method_count = G_N_ELEMENTS(methods),
	};

	service.data = node;
	rpc_server_register(server, &service);
}
