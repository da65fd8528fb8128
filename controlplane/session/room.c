// SPDX-License-Identifier: Apache-2.0
// controlplane/session/room.c - rooms and the telling of the others.

#include "controlplane/session/room.h"

#include "controlplane/ops/log.h"
#include "controlplane/session/names.h"
#include "controlplane/session/node.h"
#include "controlplane/session/player.h"

static void set_text(char **text, const char *to)
{
	g_free(*text);
	*text = g_strdup(to);
}

void room_set(struct room *r, const Sluice__V1__Room *to, unsigned fields)
{
	if ((fields & ROOM_DISPLAY_NAME) != 0)
		set_text(&r->display_name, to->display_name);
	if ((fields & ROOM_METADATA) != 0)
		set_text(&r->metadata, to->metadata);
	if ((fields & ROOM_MAX) != 0)
		r->max_participants =
			to->max_participants != 0 ? to->max_participants : ROOM_PARTICIPANTS_MAX;
	if ((fields & ROOM_AUDIO_TOP_N) != 0)
		r->audio_top_n = (uint16_t)to->audio_top_n;
	if ((fields & ROOM_VIDEO_LAST_N) != 0)
		r->video_last_n = (uint16_t)to->video_last_n;
}

static struct room *room_new(struct node *node, const char *id, const Sluice__V1__Room *settings)
{
	struct room *r = g_new0(struct room, 1);

	r->node = node;
	r->id = g_strdup(id);
	r->name = g_strdup_printf("rooms/%s", id);
	r->uid = name_random(16);
	r->generation = r->applied_generation = 1;
	r->create_time_ms = g_get_real_time() / 1000;
	r->serial = ++node->rooms_made;
	r->tenant = g_strdup(settings->tenant);
	room_set(r, settings, ROOM_FIELDS);
	r->participants = g_hash_table_new(g_str_hash, g_str_equal);
	return r;
}

struct room *room_create_with(struct node *node, const char *id, const Sluice__V1__Room *settings)
{
	struct room *r = room_new(node, id, settings);

	r->number = node->room_number_base + (uint32_t)r->serial;
	if (r->number != 0) // one room in 2^32 competes with nobody
		g_hash_table_insert(node->room_numbers, GUINT_TO_POINTER(r->number), r);
	g_hash_table_insert(node->rooms, r->id, r);
	watch_room(r, ROOM_ADDED);
	return r;
}

struct room *room_create_hidden(struct node *node)
{
	const Sluice__V1__Room settings = SLUICE__V1__ROOM__INIT;

	return room_new(node, "", &settings);
}

struct room *room_find(struct node *node, const char *id)
{
	return g_hash_table_lookup(node->rooms, id);
}

void room_empty(struct room *r, const char *reason)
{
	GList *all = g_hash_table_get_values(r->participants);

	for (GList *i = all; i != NULL; i = i->next)
		participant_leave(i->data, reason);
	g_list_free(all);
}

void room_delete(struct room *r)
{
	room_empty(r, "room deleted");
	watch_room(r, ROOM_REMOVED);
	g_hash_table_remove(r->node->rooms, r->id);
}

void room_free(void *room)
{
	struct room *r = room;

	room_empty(r, "room deleted");
	g_hash_table_remove(r->node->room_numbers, GUINT_TO_POINTER(r->number));
	g_hash_table_unref(r->participants);
	g_free(r->id);
	g_free(r->name);
	g_free(r->uid);
	g_free(r->display_name);
	g_free(r->metadata);
	g_free(r->tenant);
	g_free(r);
}

struct participant *room_participant(struct room *r, const char *id)
{
	return g_hash_table_lookup(r->participants, id);
}

struct track *room_track(struct room *r, const char *participant, const char *track)
{
	const struct participant *p = room_participant(r, participant);

	for (guint i = 0; p != NULL && i < p->tracks->len; i++) {
		struct track *t = p->tracks->pdata[i];
		if (g_str_equal(t->id, track))
			return t;
	}
	return NULL;
}

void room_changed(struct room *r)
{
	r->generation++;
}

void room_applied(struct room *r, uint64_t generation)
{
	if (generation > r->applied_generation)
		r->applied_generation = generation;
}

struct submitted {
	struct node *node;
	char *uid; // of the room, which may be gone when the answer comes
	char *id;
	uint64_t generation;
};

static void on_submitted(void *user, const struct link_result *result)
{
	struct submitted *s = user;
	struct room *r = room_find(s->node, s->id);

	if (result->kind == LINK_APPLIED && r != NULL && g_str_equal(r->uid, s->uid))
		room_applied(r, s->generation);
	if (result->kind == LINK_REFUSED)
		log_warning("session", "rooms/%s: not applied (operation %u): %s", s->id,
			    result->op, link_result_text(result));
	g_free(s->uid);
	g_free(s->id);
	g_free(s);
}

void room_submit(struct room *r, struct link_epoch *e)
{
	struct submitted *s = g_new0(struct submitted, 1);

	room_changed(r);
	s->node = r->node;
	s->uid = g_strdup(r->uid);
	s->id = g_strdup(r->id);
	s->generation = r->generation;
	link_epoch_submit(e, on_submitted, s);
}

void room_track_live(struct track *t)
{
	GHashTableIter it;
	gpointer other;

	t->live = true;
	watch_track(t, ROOM_ADDED);
	g_hash_table_iter_init(&it, t->owner->room->participants);
	while (g_hash_table_iter_next(&it, NULL, &other)) {
		if (other == t->owner)
			continue;
		session_track(other, t, true);
		subscribe_track(other, t);
		player_track_live(other);
	}
}

Sluice__V1__Room *room_message(const struct room *r)
{
	Sluice__V1__Room *m = g_new(Sluice__V1__Room, 1);

	sluice__v1__room__init(m);
	m->name = g_strdup(r->name);
	m->uid = g_strdup(r->uid);
	m->generation = r->generation;
	m->applied_generation = r->applied_generation;
	m->participant_count = g_hash_table_size(r->participants);
	m->create_time_ms = r->create_time_ms;
	m->display_name = g_strdup(r->display_name);
	m->metadata = g_strdup(r->metadata);
	m->tenant = g_strdup(r->tenant);
	m->max_participants = r->max_participants;
	m->audio_top_n = r->audio_top_n;
	m->video_last_n = r->video_last_n;
	m->dominant_speaker = g_strdup(r->dominant != NULL ? r->dominant->name : "");
	return m;
}

void room_message_free(Sluice__V1__Room *m)
{
	g_free(m->name);
	g_free(m->uid);
	g_free(m->display_name);
	g_free(m->metadata);
	g_free(m->tenant);
	g_free(m->dominant_speaker);
	g_free(m);
}
