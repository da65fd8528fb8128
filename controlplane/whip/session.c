// SPDX-License-Identifier: Apache-2.0
// controlplane/whip/session.c - see session.h.
#include "controlplane/whip/session.h"

#include <openssl/crypto.h>
#include <string.h>

#include "controlplane/session/names.h"
#include "controlplane/session/room.h"
#include "controlplane/session/sdp/fragment.h"
#include "controlplane/session/watch.h"
#include "controlplane/whip/reply.h"
#include "controlplane/whip/server.h"

static void session_free(void *data)
{
	struct whip_session *s = data;

	g_clear_handle_id(&s->counter_timer, g_source_remove);
	g_clear_handle_id(&s->patience, g_source_remove);
	if (s->x != NULL) {
		s->x->sink = NULL;
		whip_refuse(s->x, 503, "The session has ended.");
	}
	s->p->on_left = NULL;
	participant_drop(s->p);
	explicit_bzero(s->secret, sizeof(s->secret));
	explicit_bzero(s->url, strlen(s->url));
	ice_credentials_wipe(&s->remote);
	ice_credentials_wipe(&s->remote_before);
	g_free(s->url);
	g_free(s->etag);
	g_free(s->taken);
	g_free(s->line);
	g_free(s->mid);
	g_free(s);
}

// A new ICE session has a new entity-tag.
static void new_etag(struct whip_session *s)
{
	char *random = name_random(8);

	g_free(s->etag);
	s->etag = g_strdup_printf("\"%s\"", random);
	g_free(random);
}

struct whip_session *whip_session_new(const struct whip_server *server, struct room *room,
				      const char *id, bool whep, const struct caller *caller)
{
	struct whip_session *s = g_new0(struct whip_session, 1);
	char *secret = name_random(WHIP_SECRET_BYTES);

	s->server = server;
	s->whep = whep;
	s->p = participant_hold(participant_new(room, id, whep ? "WHEP" : "WHIP"));
	s->p->kind = whep ? PARTICIPANT_WHEP : PARTICIPANT_WHIP;
	s->p->token = caller->token;
	s->p->token_expires_s = caller->expires_s;
	s->p->on_left = session_free;
	s->p->on_left_data = s;
	g_strlcpy(s->secret, secret, sizeof(s->secret));
	s->url = g_strdup_printf("/%s/%s/%s/%s", whep ? "whep" : "whip", room->id, id, secret);
	new_etag(s);
	explicit_bzero(secret, strlen(secret));
	g_free(secret);
	return s;
}

struct whip_session *whip_session_find(const struct whip_server *server,
				       const struct whip_target *target)
{
	struct room *room = room_find(server->node, target->room);
	const struct participant *p =
		room != NULL ? room_participant(room, target->participant) : NULL;
	struct whip_session *s;

	if (p == NULL || p->on_left != session_free)
		return NULL;
	s = p->on_left_data;
	if (s->whep != target->whep ||
	    CRYPTO_memcmp(s->secret, target->secret, WHIP_SECRET_CHARS) != 0)
		return NULL;
	return s;
}

struct media_transport *whip_session_transport(const struct whip_session *s)
{
	return s->whep ? &s->p->subscribe : &s->p->publish;
}

void whip_session_remember(struct whip_session *s, const struct sdp_description *d)
{
	const struct sdp_media *m = sdp_description_tagged(d);
	GString *line;

	if (m == NULL)
		return;
	s->remote = m->transport.ice;
	line = g_string_new(NULL);
	g_string_printf(line, "%s 9 %s", m->kind_name, m->proto);
	for (size_t i = 0; i < m->format_count; i++)
		g_string_append_printf(line, " %s", m->formats[i]);
	g_free(s->line);
	g_free(s->mid);
	s->line = g_string_free(line, FALSE);
	s->mid = g_strdup(m->mid);
}

static gboolean leave(gpointer data)
{
	struct participant *p = data;

	if (p->gone) // and its room may be
		return G_SOURCE_REMOVE;
	struct room *room = p->room;
	bool made_room = ((const struct whip_session *)p->on_left_data)->made_room;
	participant_leave(p, "no session came of it");
	if (made_room && g_hash_table_size(room->participants) == 0)
		room_delete(room);
	return G_SOURCE_REMOVE;
}

// Not from within whoever refuses the offer, who still looks at the participant.
static void leave_later(struct whip_session *s)
{
	g_idle_add_full(G_PRIORITY_DEFAULT, leave, participant_hold(s->p),
			(GDestroyNotify)participant_drop);
}

static struct http_exchange *stop_waiting(struct whip_session *s)
{
	struct http_exchange *x = g_steal_pointer(&s->x);

	g_clear_handle_id(&s->patience, g_source_remove);
	if (x != NULL)
		x->sink = NULL;
	return x;
}

static gboolean on_counter_offer_void(gpointer data)
{
	struct whip_session *s = data;

	s->counter_timer = 0;
	participant_leave(s->p, "counter-offer not answered");
	return G_SOURCE_REMOVE;
}

static void await_answer(struct whip_session *s)
{
	int64_t left_us = MAX(s->counter_until_us - g_get_monotonic_time(), 0);

	s->counter_timer = g_timeout_add((unsigned)(left_us / 1000), on_counter_offer_void, s);
}

void whip_session_take_answer(struct whip_session *s, GBytes *answer)
{
	g_clear_handle_id(&s->counter_timer, g_source_remove);
	g_free(s->taken);
	s->taken = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, answer);
}

bool whip_session_took(const struct whip_session *s, GBytes *answer)
{
	char *digest = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, answer);
	bool took = g_strcmp0(s->taken, digest) == 0;

	g_free(digest);
	return took;
}

static void reply_offer(struct whip_session *s, struct http_exchange *x, const char *sdp)
{
	GDateTime *now = g_date_time_new_now_utc();
	unsigned timeout_ms = s->server->node->settings->counter_offer_timeout_ms;
	GDateTime *until = g_date_time_add_seconds(now, timeout_ms / 1000.0);
	char *type = g_date_time_format(until, WHIP_TYPE_SDP
					"; valid-until=\"%a, %d %b %Y %H:%M:%S GMT\"");
	const struct http_field fields[] = {
		{"content-type", type},
		{"location", s->url},
		{"etag", s->etag},
	};

	s->countered = true;
	s->counter_until_us = g_get_monotonic_time() + (int64_t)timeout_ms * 1000;
	await_answer(s);
	http_reply(x, 406, fields, G_N_ELEMENTS(fields), g_bytes_new(sdp, strlen(sdp)));
	g_free(type);
	g_date_time_unref(until);
	g_date_time_unref(now);
}

static void reply_answer(struct whip_session *s, struct http_exchange *x, const char *sdp)
{
	struct http_field fields[WHIP_LINKS_MAX + 4] = {
		{"content-type", WHIP_TYPE_SDP},
		{"location", s->url},
		{"etag", s->etag},
		{"accept-patch", WHIP_TYPE_FRAGMENT},
	};
	size_t count = 4 + whip_server_links(s->server, fields + 4);

	http_reply(x, 201, fields, count, g_bytes_new(sdp, strlen(sdp)));
}

void whip_session_reply_restart(struct whip_session *s, struct http_exchange *x)
{
	struct sdp_local local = media_transport_sdp_local(whip_session_transport(s));
	char *text = sdp_fragment_answer(&local, s->line, s->mid);
	const struct http_field fields[] = {
		{"content-type", WHIP_TYPE_FRAGMENT},
		{"etag", s->etag},
	};

	http_reply(x, 200, fields, G_N_ELEMENTS(fields), g_bytes_new_take(text, strlen(text)));
	ice_credentials_wipe(&local.ice);
}

// The client knows the session's URL: it goes on, whatever becomes of the change.
static bool is_known(const struct whip_session *s)
{
	return s->waiting == WHIP_WAITS_RESTART || s->waiting == WHIP_WAITS_ADMISSION;
}

// How it ended, if somebody did not wait for that.
static void tell_late(struct whip_session *s, const char *refusal)
{
	const struct participant *p = s->p;

	if (!s->late)
		return;
	s->late = false;
	watch_change(p->node, p->room->id,
		     &(struct watch_outcome){
			     .method = "PATCH",
			     .resource = p->name,
			     .generation = p->generations.desired,
			     .refusal = refusal,
		     });
}

static void reply_now(struct whip_session *s, struct http_exchange *x, const char *sdp)
{
	switch (s->waiting) {
	case WHIP_WAITS_ANSWER:
		reply_answer(s, x, sdp);
		break;
	case WHIP_WAITS_OFFER:
		reply_offer(s, x, sdp);
		break;
	case WHIP_WAITS_RESTART:
		whip_session_reply_restart(s, x);
		break;
	case WHIP_WAITS_ADMISSION:
		http_reply(x, 204, NULL, 0, NULL);
		break;
	}
}

static void on_answered(void *data, const char *sdp)
{
	struct whip_session *s = data;
	struct http_exchange *x = stop_waiting(s);

	s->pending = false;
	if (s->waiting == WHIP_WAITS_RESTART) {
		new_etag(s); // also where nobody waits any more: what the client knows is stale
		s->unheard = true;
	} else if (s->waiting == WHIP_WAITS_ADMISSION) {
		s->countered = false;
	}
	if (x != NULL)
		reply_now(s, x, sdp);
	tell_late(s, NULL);
}

static void on_failed(void *data, const struct rpc_error *error)
{
	struct whip_session *s = data;
	struct http_exchange *x = stop_waiting(s);

	s->pending = false;
	// A failed restart keeps the session; an answer that failed, our offer.
	if (s->waiting == WHIP_WAITS_RESTART)
		s->remote = s->remote_before;
	else if (s->waiting == WHIP_WAITS_ADMISSION)
		await_answer(s);
	if (!is_known(s))
		leave_later(s);
	if (x != NULL)
		whip_refuse_error(x, error);
	tell_late(s, error->text);
}

static void on_closed(void *data, bool complete)
{
	struct whip_session *s = data;

	(void)complete;
	s->x = NULL;
	g_clear_handle_id(&s->patience, g_source_remove);
	s->late = is_known(s);
	if (!s->late)
		leave_later(s);
}

static gboolean on_patience(gpointer data)
{
	struct whip_session *s = data;

	s->patience = 0; // this one ends by itself
	s->late = is_known(s);
	whip_refuse(stop_waiting(s), 503,
		    "The dataplane has not acknowledged this within %d s: %s.", CHANGE_PATIENCE_S,
		    s->late ? "it stays desired, and an event will say how it ended"
			    : "it is given up, try again");
	if (!s->late)
		leave_later(s);
	return G_SOURCE_REMOVE;
}

static void wait_with(struct whip_session *s, struct http_exchange *x)
{
	static const struct http_sink sink = {.closed = on_closed};

	s->x = x;
	s->patience = g_timeout_add_seconds(CHANGE_PATIENCE_S, on_patience, s);
	x->sink = &sink;
	x->sink_data = s;
}

bool whip_session_wait_again(struct whip_session *s, struct http_exchange *x)
{
	if (s->x != NULL)
		return false;
	wait_with(s, x);
	return true;
}

struct offer_waiter whip_session_wait(struct whip_session *s, struct http_exchange *x,
				      enum whip_waiting waiting)
{
	s->waiting = waiting;
	s->pending = true;
	wait_with(s, x);
	return (struct offer_waiter){on_answered, on_failed, s};
}
