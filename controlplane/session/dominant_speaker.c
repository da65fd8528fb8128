// SPDX-License-Identifier: Apache-2.0
// controlplane/session/dominant_speaker.c - see dominant_speaker.h.

#include "controlplane/session/dominant_speaker.h"

#include "controlplane/session/node.h"
#include "controlplane/session/room.h"

static void becomes_dominant(struct room *r, const struct track *t)
{
	GHashTableIter it;
	gpointer p;

	if (r->dominant == t)
		return;
	r->dominant = t;
	watch_dominant_speaker(t);
	g_hash_table_iter_init(&it, r->participants);
	while (g_hash_table_iter_next(&it, NULL, &p))
		session_dominant_speaker(p, t);
}

// The first live track of the room that 'is'. NULL: none.
static const struct track *
find(const struct room *r, bool (*is)(const struct track *t, const void *data), const void *data)
{
	GHashTableIter it;
	gpointer value;

	g_hash_table_iter_init(&it, r->participants);
	while (g_hash_table_iter_next(&it, NULL, &value)) {
		const struct participant *p = value;
		for (guint i = 0; i < p->tracks->len; i++) {
			const struct track *t = p->tracks->pdata[i];
			if (t->live && is(t, data))
				return t;
		}
	}
	return NULL;
}

static bool has_ref(const struct track *t, const void *data)
{
	const struct shm_ref *ref = data;

	return t->ref.index == ref->index && t->ref.generation == ref->generation;
}

void dominant_speaker_event(struct node *node, const struct shm_event *event)
{
	struct room *r = event->value <= UINT32_MAX
				 ? g_hash_table_lookup(node->room_numbers,
						       GUINT_TO_POINTER((uint32_t)event->value))
				 : NULL;
	const struct track *t = r != NULL ? find(r, has_ref, &event->ref) : NULL;

	if (t != NULL)
		becomes_dominant(r, t);
}

static bool is_dominant(const struct track *t, const void *link)
{
	struct shm_track_state s;

	return link_track_state(link, t->ref.index, &s) && s.generation == t->ref.generation &&
	       (s.flags & SHM_TRACK_DOMINANT) != 0;
}

void dominant_speakers_read(struct node *node)
{
	GHashTableIter it;
	gpointer r;

	g_hash_table_iter_init(&it, node->rooms);
	while (g_hash_table_iter_next(&it, NULL, &r)) {
		const struct track *t = find(r, is_dominant, node->link);
		if (t != NULL)
			becomes_dominant(r, t);
	}
}
