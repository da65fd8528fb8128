// SPDX-License-Identifier: Apache-2.0
// controlplane/whip/endpoint.c - POST: a session comes of an offer.
//
// Order    everything that can be said without entering the room is said first: nobody there hears
//          of a request that comes to nothing.
// Spec     RFC 9725 4.2, draft-ietf-wish-whep-04 4.3.
#include <errno.h>

#include "controlplane/session/player.h"
#include "controlplane/session/quotas.h"
#include "controlplane/session/room.h"
#include "controlplane/session/sdp/playback.h"
#include "controlplane/whip/reply.h"
#include "controlplane/whip/server.h"

static const char *body_of(const struct http_exchange *x, size_t *size)
{
	const char *text = g_bytes_get_data(x->body, size);

	return text != NULL ? text : "";
}

static bool offer_ok(struct http_exchange *x, const struct whip_target *target)
{
	char reason[SDP_REASON_SIZE] = "";
	struct sdp_publication *publication = NULL;
	struct sdp_playback *playback = NULL;
	size_t size;
	const char *text = body_of(x, &size);
	int err = target->whep ? sdp_playback_read(text, size, reason, &playback)
			       : sdp_publication_read(text, size, NULL, reason, &publication);

	sdp_playback_destroy(&playback);
	sdp_publication_destroy(&publication);
	if (err != 0)
		whip_refuse(x, err == -ENOTSUP ? 422 : 400, "sdp: %s.", reason);
	return err == 0;
}

// The server offers if it is asked to, or if the viewer's offer leaves it nothing to answer.
static bool counters(const struct http_exchange *x, const struct whip_target *target)
{
	char reason[SDP_REASON_SIZE];
	struct sdp_description *d;
	size_t size;
	const char *text = body_of(x, &size);
	bool empty;

	if (!target->whep || target->server_offers)
		return target->whep;
	if (sdp_description_parse(text, size, reason, &d) != 0)
		return false;
	empty = d->media_count == 0;
	sdp_description_destroy(&d);
	return empty;
}

// 409, 503: reasons of the room's and the node's.
static bool room_ok(struct whip_server *server, struct http_exchange *x,
		    const struct whip_target *target)
{
	struct room *room = room_find(server->node, target->room);

	if (link_client_view(server->node->link) == NULL) {
		whip_refuse(x, 503, "No dataplane is attached: try again later.");
		return false;
	}
	if (server->node->drain.draining) {
		whip_refuse(x, 503, "The node takes nothing new: try another.");
		return false;
	}
	if (target->whep && (room == NULL || !player_any(room, target->participant))) {
		whip_refuse(x, 409, "Nobody publishes in rooms/%s%s%s yet: try again.",
			    target->room, target->participant[0] != '\0' ? "/participants/" : "",
			    target->participant);
		return false;
	}
	if (room == NULL)
		return true;
	if (!target->whep && target->participant[0] != '\0' &&
	    room_participant(room, target->participant) != NULL) {
		whip_refuse(x, 409,
			    "participant: \"%s\" is taken in rooms/%s: choose another, or wait "
			    "until it has left.",
			    target->participant, target->room);
		return false;
	}
	if (g_hash_table_size(room->participants) >= room->max_participants) {
		whip_refuse(x, 503, "rooms/%s has %u participants, the limit of this room.",
			    target->room, room->max_participants);
		return false;
	}
	return true;
}

// 429: what the tenant may have.
static bool tenant_ok(struct whip_server *server, struct http_exchange *x,
		      const struct whip_target *target, const struct caller *caller)
{
	const struct room *room = room_find(server->node, target->room);
	const char *tenant = room != NULL ? room->tenant : caller->tenant;
	struct quota_excess e;

	if (quotas_entry(server->node->quotas, tenant, room == NULL, &e))
		return true;
	whip_refuse(x, 429, QUOTA_EXCESS_FORMAT, tenant, e.limit, e.what);
	return false;
}

static struct whip_session *enter(struct whip_server *server, const struct whip_target *target,
				  const struct caller *caller)
{
	Sluice__V1__Room settings = SLUICE__V1__ROOM__INIT;
	struct room *room = room_find(server->node, target->room);
	bool chosen = !target->whep && target->participant[0] != '\0';
	char *id = chosen ? g_strdup(target->participant) : name_random(8);
	struct whip_session *s;

	bool made_room = room == NULL;

	settings.tenant = caller->tenant;
	if (made_room)
		room = room_create_with(server->node, target->room, &settings);
	s = whip_session_new(server, room, id, target->whep, caller);
	s->made_room = made_room;
	g_free(id);
	return s;
}

static void publish(struct whip_session *s, struct http_exchange *x)
{
	struct offer_waiter waiter = whip_session_wait(s, x, WHIP_WAITS_ANSWER);
	struct publish_offer offer = {0};

	offer.sdp = body_of(x, &offer.sdp_size);
	publish_offer(s->p, &offer, &waiter);
}

static void play(struct whip_session *s, struct http_exchange *x, const char *only)
{
	struct offer_waiter waiter = whip_session_wait(s, x, WHIP_WAITS_ANSWER);
	size_t size;
	const char *text = body_of(x, &size);

	player_offer(s->p, text, size, only, &waiter);
}

static void remember_offer(struct whip_session *s, const struct http_exchange *x)
{
	char reason[SDP_REASON_SIZE];
	struct sdp_description *d;
	size_t size;
	const char *text = body_of(x, &size);

	if (sdp_description_parse(text, size, reason, &d) == 0)
		whip_session_remember(s, d);
	sdp_description_destroy(&d);
}

static void post_for(struct whip_server *server, struct http_exchange *x,
		     const struct whip_target *target, const struct caller *caller)
{
	bool counter;

	if (!whip_content_is(x, WHIP_TYPE_SDP)) {
		whip_refuse_with(x, 415, "accept-post", WHIP_TYPE_SDP,
				 "content-type: send an offer as " WHIP_TYPE_SDP ".");
		return;
	}
	counter = counters(x, target);
	if ((!counter && !offer_ok(x, target)) || !room_ok(server, x, target) ||
	    !tenant_ok(server, x, target, caller))
		return;
	struct whip_session *s = enter(server, target, caller);
	if (counter) {
		struct offer_waiter waiter = whip_session_wait(s, x, WHIP_WAITS_OFFER);
		player_counter_offer(s->p, target->participant, &waiter);
		return;
	}
	remember_offer(s, x);
	if (target->whep)
		play(s, x, target->participant);
	else
		publish(s, x);
}

static struct caller *caller_of(struct whip_server *server, struct http_exchange *x,
				const struct whip_target *target)
{
	return auth_exchange(server->auth, x, target->whep ? NEED_SUBSCRIBE : NEED_PUBLISH,
			     target->room);
}

bool whip_may_post(struct whip_server *server, struct http_exchange *x,
		   const struct whip_target *target)
{
	struct caller *caller = caller_of(server, x, target);

	caller_drop(caller);
	return caller != NULL;
}

// Asked again: the token may have ended while the offer was under way.
void whip_post(struct whip_server *server, struct http_exchange *x,
	       const struct whip_target *target)
{
	struct caller *caller = caller_of(server, x, target);

	if (caller == NULL)
		return; // answered
	post_for(server, x, target, caller);
	caller_drop(caller);
}
