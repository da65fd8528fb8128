// SPDX-License-Identifier: Apache-2.0
// controlplane/session/watch.c - the streams of RoomService.WatchEvents: a snapshot, then changes.

#include "controlplane/session/node.h"
#include "controlplane/session/orphans.h"
#include "controlplane/session/room.h"

struct event_watch {
	struct node *node;
	struct rpc_call *call;
	char *room; // id, or NULL for every room
	uint64_t sequence;
};

static void send_event(struct event_watch *w, Sluice__V1__Event *event)
{
	event->sequence = ++w->sequence;
	event->time_ms = g_get_real_time() / 1000;
	rpc_call_send(w->call, &event->base);
}

static void broadcast(struct node *node, const char *room, Sluice__V1__Event *event)
{
	for (guint i = 0; i < node->watches->len; i++) {
		struct event_watch *w = node->watches->pdata[i];
		if (w->room == NULL || g_str_equal(w->room, room))
			send_event(w, event);
	}
}

static void fill_room(Sluice__V1__Event *event, Sluice__V1__Room *m, enum room_change change)
{
	event->kind = change == ROOM_REMOVED ? SLUICE__V1__EVENT__KIND__KIND_ROOM_REMOVED
					     : SLUICE__V1__EVENT__KIND__KIND_ROOM_ADDED;
	event->resource_case = SLUICE__V1__EVENT__RESOURCE_ROOM;
	event->room = m;
}

static void fill_participant(Sluice__V1__Event *event, Sluice__V1__Participant *m,
			     enum room_change change)
{
	static const Sluice__V1__Event__Kind kind[] = {
		[ROOM_ADDED] = SLUICE__V1__EVENT__KIND__KIND_PARTICIPANT_ADDED,
		[ROOM_CHANGED] = SLUICE__V1__EVENT__KIND__KIND_PARTICIPANT_CHANGED,
		[ROOM_REMOVED] = SLUICE__V1__EVENT__KIND__KIND_PARTICIPANT_REMOVED,
	};

	event->kind = kind[change];
	event->resource_case = SLUICE__V1__EVENT__RESOURCE_PARTICIPANT;
	event->participant = m;
}

static void fill_track(Sluice__V1__Event *event, Sluice__V1__Track *m, enum room_change change)
{
	static const Sluice__V1__Event__Kind kind[] = {
		[ROOM_ADDED] = SLUICE__V1__EVENT__KIND__KIND_TRACK_ADDED,
		[ROOM_CHANGED] = SLUICE__V1__EVENT__KIND__KIND_TRACK_CHANGED,
		[ROOM_REMOVED] = SLUICE__V1__EVENT__KIND__KIND_TRACK_REMOVED,
	};

	event->kind = kind[change];
	event->resource_case = SLUICE__V1__EVENT__RESOURCE_TRACK;
	event->track = m;
}

void watch_room(const struct room *room, enum room_change change)
{
	Sluice__V1__Event event = SLUICE__V1__EVENT__INIT;

	fill_room(&event, room_message(room), change);
	broadcast(room->node, room->id, &event);
	room_message_free(event.room);
}

void watch_participant(const struct participant *p, enum room_change change, const char *reason)
{
	Sluice__V1__Event event = SLUICE__V1__EVENT__INIT;

	fill_participant(&event, participant_message(p), change);
	if (reason != NULL)
		event.reason = (char *)(uintptr_t)reason;
	broadcast(p->node, p->room->id, &event);
	participant_message_free(event.participant);
}

void watch_track(const struct track *t, enum room_change change)
{
	Sluice__V1__Event event = SLUICE__V1__EVENT__INIT;

	fill_track(&event, track_message(t), change);
	broadcast(t->owner->node, t->owner->room->id, &event);
	track_message_free(event.track);
}

static void snapshot_participant(struct event_watch *w, Sluice__V1__Participant *m)
{
	Sluice__V1__Event event = SLUICE__V1__EVENT__INIT;

	fill_participant(&event, m, ROOM_ADDED);
	send_event(w, &event);
	for (size_t i = 0; i < m->n_tracks; i++) {
		fill_track(&event, m->tracks[i], ROOM_ADDED);
		send_event(w, &event);
	}
	participant_message_free(m);
}

static void snapshot_room(struct event_watch *w, const struct room *room)
{
	Sluice__V1__Event event = SLUICE__V1__EVENT__INIT;
	GHashTableIter it;
	gpointer p;

	fill_room(&event, room_message(room), ROOM_ADDED);
	send_event(w, &event);
	room_message_free(event.room);
	g_hash_table_iter_init(&it, room->participants);
	while (g_hash_table_iter_next(&it, NULL, &p))
		snapshot_participant(w, participant_message(p));
}

static void snapshot(struct event_watch *w)
{
	Sluice__V1__Event event = SLUICE__V1__EVENT__INIT;
	GPtrArray *orphans = orphans_messages(w->node->orphans, w->room);
	GHashTableIter it;
	gpointer room;

	g_hash_table_iter_init(&it, w->node->rooms);
	while (g_hash_table_iter_next(&it, NULL, &room))
		if (w->room == NULL || g_str_equal(w->room, ((struct room *)room)->id))
			snapshot_room(w, room);
	for (guint i = 0; i < orphans->len; i++)
		snapshot_participant(w, orphans->pdata[i]);
	g_ptr_array_unref(orphans);
	event.kind = SLUICE__V1__EVENT__KIND__KIND_SNAPSHOT_END;
	send_event(w, &event);
}

static void on_cancel(struct rpc_call *call, void *data)
{
	struct event_watch *w = data;

	rpc_call_finish(call); // only frees it
	g_ptr_array_remove(w->node->watches, w);
	g_free(w->room);
	g_free(w);
}

void watch_open(struct node *node, const struct room *room, struct rpc_call *call)
{
	struct event_watch *w = g_new0(struct event_watch, 1);

	w->node = node;
	w->call = call;
	w->room = room != NULL ? g_strdup(room->id) : NULL;
	g_ptr_array_add(node->watches, w);
	rpc_call_on_cancel(call, on_cancel, w);
	snapshot(w);
}

void watch_close_all(struct node *node)
{
	while (node->watches->len > 0) {
		struct event_watch *w = node->watches->pdata[0];
		on_cancel(w->call, w);
	}
}
