// SPDX-License-Identifier: Apache-2.0
// controlplane/session/participant.c - entering, leaving, and what the API says of a participant.

#include "controlplane/session/participant.h"

#include "controlplane/ops/log.h"
#include "controlplane/session/names.h"
#include "controlplane/session/node.h"
#include "controlplane/session/player.h"
#include "controlplane/session/room.h"
#include "controlplane/session/transport/transport.h"

#include <stdalign.h>
#include <string.h>

static void tell_joined(const struct participant *p)
{
	GHashTableIter it;
	gpointer other;

	g_hash_table_iter_init(&it, p->room->participants);
	while (g_hash_table_iter_next(&it, NULL, &other))
		if (other != p)
			session_joined(other, p);
}

struct participant *participant_new(struct room *room, const char *id, const char *display_name)
{
	// The records in it are aligned to cache lines, which malloc alone does not promise.
	struct participant *p = g_aligned_alloc0(1, sizeof(*p), alignof(struct participant));

	p->count = 1;
	p->node = room->node;
	p->room = room;
	p->id = g_strdup(id);
	p->name = g_strdup_printf("%s/participants/%s", room->name, id);
	p->uid = name_random(16);
	p->display_name = g_strdup(display_name);
	p->secret = name_random(32);
	p->join_time_ms = g_get_real_time() / 1000;
	p->tracks = g_ptr_array_new();
	p->subscriptions = g_ptr_array_new_with_free_func(subscription_free);
	p->generations = (struct revision){1, 1};
	p->serial = ++room->node->participants_made;
	p->lines = sdp_subscriber_create();
	g_hash_table_insert(room->participants, p->id, p);
	room_submit(room, link_epoch_new(room->node->link)); // nothing of it is the dataplane's yet
	watch_participant(p, ROOM_ADDED, NULL);
	tell_joined(p);
	return p;
}

struct participant *participant_hold(struct participant *p)
{
	p->count++;
	return p;
}

static void clear(struct participant *p)
{
	g_assert(p->gone && p->tracks->len == 0);
	g_free(p->id);
	g_free(p->name);
	g_free(p->uid);
	g_free(p->display_name);
	explicit_bzero(p->secret, strlen(p->secret));
	g_free(p->secret);
	g_ptr_array_unref(p->tracks);
	g_ptr_array_unref(p->subscriptions);
	sdp_subscriber_destroy(&p->lines);
	summary_clear(&p->summary);
	ice_credentials_wipe(&p->settled.ice);
}

void participant_drop(struct participant *p)
{
	if (--p->count != 0)
		return;
	clear(p);
	g_aligned_free(p);
}

void participant_leave(struct participant *p, const char *reason)
{
	GHashTableIter it;
	gpointer other;

	if (p->gone)
		return;
	p->gone = true;
	log_info("session", "%s: %s", p->name, reason);
	publish_cancel(p);
	subscribe_cancel(p);
	struct link_epoch *e = link_epoch_new(p->node->link);
	while (p->tracks->len > 0)
		publish_remove_track(p->tracks->pdata[0], e);
	if (p->transport != NULL)
		transport_member_leaves(p->transport);
	for (guint i = 0; i < p->subscriptions->len; i++) {
		const struct subscription *s = p->subscriptions->pdata[i];
		summary_note_subscription(&p->summary, p, s);
		if (s->ref.generation != 0)
			link_epoch_remove(e, SHM_RECORD_SUBSCRIPTION, s->ref);
	}
	g_ptr_array_set_size(p->subscriptions, 0);
	player_free(p, e);
	room_submit(p->room, e);
	media_transport_close(&p->publish);
	media_transport_close(&p->subscribe);
	session_removed(p, reason);
	if (p->on_left != NULL)
		p->on_left(p->on_left_data);
	g_hash_table_steal(p->room->participants, p->id);
	g_hash_table_iter_init(&it, p->room->participants);
	while (g_hash_table_iter_next(&it, NULL, &other))
		session_left(other, p, reason);
	summary_tell(p);
	watch_participant(p, ROOM_REMOVED, reason);
	participant_drop(p); // the room's count
}

static bool has_media(const struct media_transport *t)
{
	return t->phase == MEDIA_CONNECTING || t->phase == MEDIA_CONNECTED;
}

bool participant_abandoned(struct participant *p)
{
	int64_t now_us = g_get_monotonic_time();

	if (p->transport != NULL || p->watch != NULL || has_media(&p->publish) ||
	    has_media(&p->subscribe)) {
		p->idle_since_us = 0;
		return false;
	}
	if (p->idle_since_us == 0)
		p->idle_since_us = now_us;
	return now_us - p->idle_since_us > PARTICIPANT_IDLE_S * G_USEC_PER_SEC;
}

Sluice__V1__TransportState transport_state_of(const struct media_transport *t)
{
	switch (t->phase) {
	case MEDIA_NONE:
		return SLUICE__V1__TRANSPORT_STATE__TRANSPORT_STATE_UNSPECIFIED;
	case MEDIA_NEW:
		return SLUICE__V1__TRANSPORT_STATE__TRANSPORT_STATE_NEW;
	case MEDIA_CONNECTING:
		return SLUICE__V1__TRANSPORT_STATE__TRANSPORT_STATE_CONNECTING;
	case MEDIA_CONNECTED:
		return SLUICE__V1__TRANSPORT_STATE__TRANSPORT_STATE_CONNECTED;
	case MEDIA_FAILED:
		return SLUICE__V1__TRANSPORT_STATE__TRANSPORT_STATE_FAILED;
	case MEDIA_CLOSED:
		break;
	}
	return SLUICE__V1__TRANSPORT_STATE__TRANSPORT_STATE_CLOSED;
}

Sluice__V1__Track *track_message(const struct track *t)
{
	Sluice__V1__Track *m = g_new(Sluice__V1__Track, 1);

	sluice__v1__track__init(m);
	m->name = g_strdup(t->name);
	m->uid = g_strdup(t->uid);
	m->kind = t->negotiated.kind == SDP_AUDIO ? SLUICE__V1__MEDIA_KIND__MEDIA_KIND_AUDIO
						  : SLUICE__V1__MEDIA_KIND__MEDIA_KIND_VIDEO;
	m->source = t->source;
	m->mime_type = g_strdup(sdp_codec_mime(t->negotiated.codecs[0].codec));
	m->muted = t->muted;
	m->server_muted = t->server_muted;
	m->generation = t->generations.desired;
	m->applied_generation = t->generations.applied;
	return m;
}

void track_message_free(Sluice__V1__Track *m)
{
	g_free(m->name);
	g_free(m->uid);
	g_free(m->mime_type);
	g_free(m);
}

static Sluice__V1__Layer *layer_message(const struct layer_wish *w)
{
	if (!w->is_set)
		return NULL;
	Sluice__V1__Layer *m = g_new(Sluice__V1__Layer, 1);
	sluice__v1__layer__init(m);
	m->spatial = w->spatial;
	m->temporal = w->temporal;
	return m;
}

static Sluice__V1__Subscription__State subscription_state(const struct subscription *s)
{
	switch (s->state) {
	case SUBSCRIPTION_OFFERED:
		return SLUICE__V1__SUBSCRIPTION__STATE__STATE_OFFERED;
	case SUBSCRIPTION_ACCEPTED:
		return SLUICE__V1__SUBSCRIPTION__STATE__STATE_ACCEPTED;
	case SUBSCRIPTION_APPLIED:
		return SLUICE__V1__SUBSCRIPTION__STATE__STATE_ACTIVE;
	case SUBSCRIPTION_REFUSED:
		break;
	}
	return SLUICE__V1__SUBSCRIPTION__STATE__STATE_REFUSED;
}

Sluice__V1__Subscription *subscription_message(const struct participant *p,
					       const struct subscription *s)
{
	Sluice__V1__Subscription *m = g_new(Sluice__V1__Subscription, 1);

	sluice__v1__subscription__init(m);
	m->participant = g_strdup(p->name);
	m->track = g_strdup(s->track->name);
	m->uid = g_strdup(s->uid);
	m->state = subscription_state(s);
	m->paused = s->wishes.paused;
	m->priority = s->wishes.priority;
	m->tile_pixels = s->wishes.tile_pixels;
	m->wanted = layer_message(&s->wishes.wanted);
	m->minimum = layer_message(&s->wishes.minimum);
	m->maximum = layer_message(&s->wishes.maximum);
	m->ssrc = s->ssrc;
	m->mid = g_strdup(sdp_subscriber_line(p->lines, s->line)->mid);
	m->generation = s->generations.desired;
	m->applied_generation = s->generations.applied;
	return m;
}

void subscription_message_free(Sluice__V1__Subscription *m)
{
	g_free(m->participant);
	g_free(m->track);
	g_free(m->uid);
	g_free(m->wanted);
	g_free(m->minimum);
	g_free(m->maximum);
	g_free(m->mid);
	g_free(m);
}

Sluice__V1__Participant *participant_message(const struct participant *p)
{
	Sluice__V1__Participant *m = g_new(Sluice__V1__Participant, 1);

	sluice__v1__participant__init(m);
	m->name = g_strdup(p->name);
	m->uid = g_strdup(p->uid);
	m->display_name = g_strdup(p->display_name);
	m->join_time_ms = p->join_time_ms;
	m->generation = p->generations.desired;
	m->applied_generation = p->generations.applied;
	m->publish_transport = transport_state_of(&p->publish);
	m->subscribe_transport = transport_state_of(&p->subscribe);
	m->tracks = g_new0(Sluice__V1__Track *, p->tracks->len + 1);
	for (guint i = 0; i < p->tracks->len; i++) {
		const struct track *t = p->tracks->pdata[i];
		if (t->live)
			m->tracks[m->n_tracks++] = track_message(t);
	}
	return m;
}

void participant_message_free(Sluice__V1__Participant *m)
{
	for (size_t i = 0; i < m->n_tracks; i++)
		track_message_free(m->tracks[i]);
	g_free(m->tracks);
	g_free(m->name);
	g_free(m->uid);
	g_free(m->display_name);
	g_free(m);
}

static GVariant *tracks_variant(const struct participant *p)
{
	GVariantBuilder b;

	g_variant_builder_init(&b, G_VARIANT_TYPE("a(sssuubuu)"));
	for (guint i = 0; i < p->tracks->len; i++) {
		const struct track *t = p->tracks->pdata[i];
		g_variant_builder_add(&b, "(sssuubuu)", t->id, t->uid, t->negotiated.mid,
				      (guint32)t->negotiated.kind, (guint32)t->source, t->muted,
				      t->ref.index, t->ref.generation);
	}
	return g_variant_builder_end(&b);
}

static GVariant *subscriptions_variant(const struct participant *p)
{
	GVariantBuilder b;

	g_variant_builder_init(&b, G_VARIANT_TYPE("a(siuuub)"));
	for (guint i = 0; i < p->subscriptions->len; i++) {
		const struct subscription *s = p->subscriptions->pdata[i];
		g_variant_builder_add(&b, "(siuuub)", s->track->name, s->line, s->ssrc,
				      s->ref.index, s->ref.generation, s->wishes.paused);
	}
	return g_variant_builder_end(&b);
}

static void save(const struct participant *p, const struct media_transport *t, bool publishes)
{
	GVariantDict d;

	if (t->ref.generation == 0)
		return;
	g_variant_dict_init(&d, NULL);
	if (p->transport != NULL) {
		g_variant_dict_insert(&d, "transport", "s", p->transport->name);
		g_variant_dict_insert(&d, "transport_uid", "s", p->transport->uid);
	}
	g_variant_dict_insert(&d, "room", "s", p->room->id);
	g_variant_dict_insert(&d, "room_uid", "s", p->room->uid);
	g_variant_dict_insert(&d, "participant", "s", p->id);
	g_variant_dict_insert(&d, "uid", "s", p->uid);
	g_variant_dict_insert(&d, "display_name", "s", p->display_name);
	g_variant_dict_insert(&d, "secret", "s", p->secret);
	g_variant_dict_insert(&d, "join_time_ms", "x", p->join_time_ms);
	g_variant_dict_insert(&d, "publishes", "b", publishes);
	g_variant_dict_insert(&d, "sdp_id", "t", t->sdp_id);
	g_variant_dict_insert(&d, "sdp_version", "t", t->sdp_version);
	if (publishes)
		g_variant_dict_insert_value(&d, "tracks", tracks_variant(p));
	else
		g_variant_dict_insert_value(&d, "subscriptions", subscriptions_variant(p));
	GVariant *v = g_variant_ref_sink(g_variant_dict_end(&d));
	link_blob_write(p->node->link, t->ref, g_variant_get_data(v), g_variant_get_size(v));
	g_variant_unref(v);
}

void participant_save(const struct participant *p)
{
	save(p, &p->publish, true);
	save(p, &p->subscribe, false);
}
