// SPDX-License-Identifier: Apache-2.0
// controlplane/session/session_events.c - the stream of SignallingService.WatchSession.
//
// A reader that is too slow is cut by rpc/; it opens the stream again and gets a new snapshot.

#include "controlplane/session/participant.h"
#include "controlplane/session/room.h"

static void send_event(struct participant *to, Sluice__V1__SessionEvent *event)
{
	if (to->watch == NULL)
		return;
	event->sequence = ++to->sequence;
	rpc_call_send(to->watch, &event->base); // a cut reader is told by on_cancel
}

void session_joined(struct participant *to, const struct participant *who)
{
	Sluice__V1__SessionEvent event = SLUICE__V1__SESSION_EVENT__INIT;
	Sluice__V1__ParticipantJoined joined = SLUICE__V1__PARTICIPANT_JOINED__INIT;

	joined.participant = participant_message(who);
	event.event_case = SLUICE__V1__SESSION_EVENT__EVENT_PARTICIPANT_JOINED;
	event.participant_joined = &joined;
	send_event(to, &event);
	participant_message_free(joined.participant);
}

void session_left(struct participant *to, const struct participant *who, const char *reason)
{
	Sluice__V1__SessionEvent event = SLUICE__V1__SESSION_EVENT__INIT;
	Sluice__V1__ParticipantLeft left = SLUICE__V1__PARTICIPANT_LEFT__INIT;

	left.participant = who->name;
	left.reason = (char *)(uintptr_t)reason;
	event.event_case = SLUICE__V1__SESSION_EVENT__EVENT_PARTICIPANT_LEFT;
	event.participant_left = &left;
	send_event(to, &event);
}

void session_track(struct participant *to, const struct track *t, bool is_new)
{
	Sluice__V1__SessionEvent event = SLUICE__V1__SESSION_EVENT__INIT;
	Sluice__V1__TrackPublished published = SLUICE__V1__TRACK_PUBLISHED__INIT;
	Sluice__V1__TrackChanged changed = SLUICE__V1__TRACK_CHANGED__INIT;
	Sluice__V1__Track *m = track_message(t);

	if (is_new) {
		published.track = m;
		event.event_case = SLUICE__V1__SESSION_EVENT__EVENT_TRACK_PUBLISHED;
		event.track_published = &published;
	} else {
		changed.track = m;
		event.event_case = SLUICE__V1__SESSION_EVENT__EVENT_TRACK_CHANGED;
		event.track_changed = &changed;
	}
	send_event(to, &event);
	track_message_free(m);
}

void session_unpublished(struct participant *to, const struct track *t)
{
	Sluice__V1__SessionEvent event = SLUICE__V1__SESSION_EVENT__INIT;
	Sluice__V1__TrackUnpublished gone = SLUICE__V1__TRACK_UNPUBLISHED__INIT;

	gone.track = t->name;
	event.event_case = SLUICE__V1__SESSION_EVENT__EVENT_TRACK_UNPUBLISHED;
	event.track_unpublished = &gone;
	send_event(to, &event);
}

void session_offer(struct participant *to, const char *sdp)
{
	Sluice__V1__SessionEvent event = SLUICE__V1__SESSION_EVENT__INIT;
	Sluice__V1__SubscribeOffer offer = SLUICE__V1__SUBSCRIBE_OFFER__INIT;
	guint count = to->subscriptions->len;
	Sluice__V1__SubscribedTrack *tracks = g_new(Sluice__V1__SubscribedTrack, count);
	Sluice__V1__SubscribedTrack **list = g_new(Sluice__V1__SubscribedTrack *, count);

	for (guint i = 0; i < count; i++) {
		const struct subscription *s = to->subscriptions->pdata[i];
		sluice__v1__subscribed_track__init(&tracks[i]);
		tracks[i].mid = (char *)(uintptr_t)sdp_subscriber_line(to->lines, s->line)->mid;
		tracks[i].track = s->track->name;
		tracks[i].ssrc = s->ssrc;
		list[i] = &tracks[i];
	}
	offer.sdp = (char *)(uintptr_t)sdp;
	offer.revision = to->revision;
	offer.n_tracks = count;
	offer.tracks = list;
	event.event_case = SLUICE__V1__SESSION_EVENT__EVENT_SUBSCRIBE_OFFER;
	event.subscribe_offer = &offer;
	send_event(to, &event);
	g_free(list);
	g_free(tracks);
}

void session_ready(struct participant *to)
{
	Sluice__V1__SessionEvent event = SLUICE__V1__SESSION_EVENT__INIT;
	Sluice__V1__Ready ready = SLUICE__V1__READY__INIT;

	event.event_case = SLUICE__V1__SESSION_EVENT__EVENT_READY;
	event.ready = &ready;
	send_event(to, &event);
}

void session_subscription(struct participant *to, const struct subscription *s)
{
	Sluice__V1__SessionEvent event = SLUICE__V1__SESSION_EVENT__INIT;
	Sluice__V1__SubscriptionChanged changed = SLUICE__V1__SUBSCRIPTION_CHANGED__INIT;

	changed.subscription = subscription_message(to, s);
	event.event_case = SLUICE__V1__SESSION_EVENT__EVENT_SUBSCRIPTION_CHANGED;
	event.subscription_changed = &changed;
	send_event(to, &event);
	subscription_message_free(changed.subscription);
}

void session_layers(struct participant *to, const struct track *own)
{
	Sluice__V1__SessionEvent event = SLUICE__V1__SESSION_EVENT__INIT;
	Sluice__V1__LayersWanted m = SLUICE__V1__LAYERS_WANTED__INIT;
	Sluice__V1__WantedEncoding encodings[SDP_ENCODINGS_MAX];
	Sluice__V1__WantedEncoding *list[SDP_ENCODINGS_MAX];

	for (size_t i = 0; i < own->negotiated.encoding_count; i++) {
		sluice__v1__wanted_encoding__init(&encodings[i]);
		encodings[i].rid = (char *)(uintptr_t)own->negotiated.encodings[i].rid;
		encodings[i].wanted = (own->layers_wanted & 1u << i) != 0;
		list[i] = &encodings[i];
	}
	m.track = own->name;
	m.n_encodings = own->negotiated.encoding_count;
	m.encodings = list;
	event.event_case = SLUICE__V1__SESSION_EVENT__EVENT_LAYERS_WANTED;
	event.layers_wanted = &m;
	send_event(to, &event);
}

void session_dominant_speaker(struct participant *to, const struct track *t)
{
	Sluice__V1__SessionEvent event = SLUICE__V1__SESSION_EVENT__INIT;
	Sluice__V1__DominantSpeaker speaker = SLUICE__V1__DOMINANT_SPEAKER__INIT;

	speaker.track = t->name;
	event.event_case = SLUICE__V1__SESSION_EVENT__EVENT_DOMINANT_SPEAKER;
	event.dominant_speaker = &speaker;
	send_event(to, &event);
}

void session_removed(struct participant *to, const char *reason)
{
	Sluice__V1__SessionEvent event = SLUICE__V1__SESSION_EVENT__INIT;
	Sluice__V1__Removed removed = SLUICE__V1__REMOVED__INIT;

	if (to->watch == NULL)
		return;
	removed.reason = (char *)(uintptr_t)reason;
	event.event_case = SLUICE__V1__SESSION_EVENT__EVENT_REMOVED;
	event.removed = &removed;
	send_event(to, &event);
	rpc_call_finish(g_steal_pointer(&to->watch));
}

// The participant outlives its stream: leaving ends it (session_removed).
static void on_cancel(struct rpc_call *call, void *data)
{
	struct participant *p = data;

	p->watch = NULL;
	rpc_call_finish(call); // only frees it
}

static void snapshot(struct participant *p)
{
	GHashTableIter it;
	gpointer value;

	g_hash_table_iter_init(&it, p->room->participants);
	while (g_hash_table_iter_next(&it, NULL, &value)) {
		const struct participant *other = value;
		if (other == p)
			continue;
		session_joined(p, other);
		for (guint i = 0; i < other->tracks->len; i++) {
			struct track *t = other->tracks->pdata[i];
			if (t->live)
				session_track(p, t, true);
		}
	}
	for (guint i = 0; i < p->tracks->len; i++) {
		const struct track *own = p->tracks->pdata[i];
		if (own->layers_wanted != 0)
			session_layers(p, own);
	}
	if (p->room->dominant != NULL)
		session_dominant_speaker(p, p->room->dominant);
	session_ready(p);
}

static void hear_everybody(struct participant *p)
{
	GHashTableIter it;
	gpointer value;

	g_hash_table_iter_init(&it, p->room->participants);
	while (g_hash_table_iter_next(&it, NULL, &value)) {
		const struct participant *other = value;
		for (guint i = 0; i < other->tracks->len; i++) {
			struct track *t = other->tracks->pdata[i];
			if (t->live)
				subscribe_track(p, t);
		}
	}
}

void session_watch(struct participant *p, struct rpc_call *call)
{
	// A new stream replaces the old one.
	if (p->watch != NULL)
		rpc_call_finish(g_steal_pointer(&p->watch));
	p->watch = call;
	p->sequence = 0;
	rpc_call_on_cancel(call, on_cancel, p);
	snapshot(p);
	if (p->offer_out)
		subscribe_repeat(p);
	hear_everybody(p);
	subscribe_offer(p);
}
