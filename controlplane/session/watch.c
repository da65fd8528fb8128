// SPDX-License-Identifier: Apache-2.0
// controlplane/session/watch.c - the streams of RoomService.WatchEvents: a snapshot or what was
// missed, then changes, and a heartbeat when there are none.

#include "controlplane/session/watch.h"

#include "controlplane/session/journal.h"
#include "controlplane/session/node.h"
#include "controlplane/session/orphans.h"
#include "controlplane/session/room.h"

struct event_watch {
	struct node *node;
	struct rpc_call *call;
	char *room; // id, or NULL for every room
	uint64_t sequence;
	GSource *heartbeat;
	unsigned heartbeat_s;
	int64_t sent_us; // the last event
};

static void send_event(struct event_watch *w, Sluice__V1__Event *event)
{
	event->sequence = ++w->sequence;
	if (event->time_ms == 0)
		event->time_ms = g_get_real_time() / 1000;
	w->sent_us = g_get_monotonic_time();
	rpc_call_send(w->call, &event->base);
}

// What only one reader is told, with the place in the journal where it stands.
static void send_mark(struct event_watch *w, Sluice__V1__Event__Kind kind, bool snapshot_follows)
{
	Sluice__V1__Event event = SLUICE__V1__EVENT__INIT;
	char *token = journal_token(w->node->journal);

	event.kind = kind;
	event.snapshot_follows = snapshot_follows;
	event.resume_token = token;
	send_event(w, &event);
	g_free(token);
}

// To those who listen to the room, or to everything. 'room' is an id; of a hidden one it is empty;
// NULL: to all.
static void tell(struct node *node, const char *room, Sluice__V1__Event *event)
{
	char *token = journal_next_token(node->journal);

	event->time_ms = g_get_real_time() / 1000;
	event->resume_token = token;
	size_t size = protobuf_c_message_get_packed_size(&event->base);
	uint8_t *bytes = g_malloc(size);
	protobuf_c_message_pack(&event->base, bytes);
	journal_add(node->journal, room, g_bytes_new_take(bytes, size));
	for (guint i = 0; i < node->watches->len; i++) {
		struct event_watch *w = node->watches->pdata[i];
		if (w->room == NULL || room == NULL || g_str_equal(w->room, room))
			send_event(w, event);
	}
	g_free(token);
}

static void broadcast(struct node *node, const char *room, Sluice__V1__Event *event)
{
	if (room[0] != '\0')
		tell(node, room, event);
}

static void fill_room(Sluice__V1__Event *event, Sluice__V1__Room *m, enum room_change change)
{
	static const Sluice__V1__Event__Kind kind[] = {
		[ROOM_ADDED] = SLUICE__V1__EVENT__KIND__KIND_ROOM_ADDED,
		[ROOM_CHANGED] = SLUICE__V1__EVENT__KIND__KIND_ROOM_CHANGED,
		[ROOM_REMOVED] = SLUICE__V1__EVENT__KIND__KIND_ROOM_REMOVED,
	};

	event->kind = kind[change];
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

void watch_node_drained(struct node *node, const char *reason)
{
	Sluice__V1__Event event = SLUICE__V1__EVENT__INIT;

	event.kind = SLUICE__V1__EVENT__KIND__KIND_NODE_DRAINED;
	event.reason = (char *)(uintptr_t)reason;
	tell(node, NULL, &event);
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

void watch_dominant_speaker(const struct track *t)
{
	Sluice__V1__Event event = SLUICE__V1__EVENT__INIT;

	fill_track(&event, track_message(t), ROOM_CHANGED);
	event.kind = SLUICE__V1__EVENT__KIND__KIND_DOMINANT_SPEAKER;
	broadcast(t->owner->node, t->owner->room->id, &event);
	track_message_free(event.track);
}

void watch_subscription(const struct participant *p, const struct subscription *s)
{
	Sluice__V1__Event event = SLUICE__V1__EVENT__INIT;

	event.kind = SLUICE__V1__EVENT__KIND__KIND_SUBSCRIPTION_CHANGED;
	event.resource_case = SLUICE__V1__EVENT__RESOURCE_SUBSCRIPTION;
	event.subscription = subscription_message(p, s);
	broadcast(p->node, p->room->id, &event);
	subscription_message_free(event.subscription);
}

void watch_summary(const struct participant *p, Sluice__V1__SessionSummary *summary)
{
	Sluice__V1__Event event = SLUICE__V1__EVENT__INIT;

	event.kind = SLUICE__V1__EVENT__KIND__KIND_SESSION_SUMMARY;
	event.resource_case = SLUICE__V1__EVENT__RESOURCE_SUMMARY;
	event.summary = summary;
	broadcast(p->node, p->room->id, &event);
}

void watch_change(struct node *node, const char *room, const struct watch_outcome *outcome)
{
	Sluice__V1__Event event = SLUICE__V1__EVENT__INIT;
	Sluice__V1__Change change = SLUICE__V1__CHANGE__INIT;

	change.method = (char *)(uintptr_t)outcome->method;
	if (outcome->request_id != NULL)
		change.request_id = (char *)(uintptr_t)outcome->request_id;
	change.resource = (char *)(uintptr_t)outcome->resource;
	change.generation = outcome->generation;
	if (outcome->refusal != NULL)
		change.refusal = (char *)(uintptr_t)outcome->refusal;
	event.kind = outcome->refusal == NULL ? SLUICE__V1__EVENT__KIND__KIND_CHANGE_APPLIED
					      : SLUICE__V1__EVENT__KIND__KIND_CHANGE_ROLLED_BACK;
	event.resource_case = SLUICE__V1__EVENT__RESOURCE_CHANGE;
	event.change = &change;
	tell(node, room, &event); // also of a transport without a room: its caller was promised so
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
	send_mark(w, SLUICE__V1__EVENT__KIND__KIND_SNAPSHOT_END, false);
}

static void send_missed(void *user, GBytes *bytes)
{
	gsize size;
	const uint8_t *data = g_bytes_get_data(bytes, &size);
	Sluice__V1__Event *event = sluice__v1__event__unpack(NULL, size, data);

	if (event == NULL)
		return;
	send_event(user, event);
	sluice__v1__event__free_unpacked(event, NULL);
}

static void drop_heartbeat(struct event_watch *w)
{
	if (w->heartbeat == NULL)
		return;
	g_source_destroy(w->heartbeat);
	g_clear_pointer(&w->heartbeat, g_source_unref);
}

static gboolean on_heartbeat(gpointer data)
{
	struct event_watch *w = data;
	int64_t due_us = w->sent_us + (int64_t)w->heartbeat_s * G_USEC_PER_SEC;

	if (g_get_monotonic_time() >= due_us) {
		send_mark(w, SLUICE__V1__EVENT__KIND__KIND_HEARTBEAT, false);
		due_us = w->sent_us + (int64_t)w->heartbeat_s * G_USEC_PER_SEC;
	}
	g_source_set_ready_time(w->heartbeat, due_us);
	return G_SOURCE_CONTINUE;
}

static void on_cancel(struct rpc_call *call, void *data)
{
	struct event_watch *w = data;

	rpc_call_finish(call); // only frees it
	g_ptr_array_remove(w->node->watches, w);
	drop_heartbeat(w);
	g_free(w->room);
	g_free(w);
}

// False after failing the call.
static bool check(const struct node *node, struct rpc_call *call,
		  const Sluice__V1__WatchEventsRequest *q, enum journal_place *place,
		  uint64_t *after)
{
	*place = q->resume_token[0] != '\0' ? journal_find(node->journal, q->resume_token, after)
					    : JOURNAL_GONE;
	if (*place == JOURNAL_NOT_A_TOKEN) {
		rpc_call_fact(call, "field", "resume_token");
		rpc_call_fail(
			call, RPC_INVALID_ARGUMENT, RPC_REASON(RESUME_TOKEN_INVALID),
			"resume_token: \"%.100s\" is not a token of this stream: send that of "
			"an event as it came, or none.",
			q->resume_token);
		return false;
	}
	if (q->heartbeat_seconds > WATCH_HEARTBEAT_S_MAX) {
		rpc_call_fact(call, "field", "heartbeat_seconds");
		rpc_call_fact(call, "value", "%u", q->heartbeat_seconds);
		rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(FIELD_INVALID),
			      "heartbeat_seconds: %u is too long: 1 to %d, or 0 for %d.",
			      q->heartbeat_seconds, WATCH_HEARTBEAT_S_MAX, WATCH_HEARTBEAT_S);
		return false;
	}
	if (node->watches->len >= WATCHES_MAX) {
		rpc_call_fact(call, "limit", "%d", WATCHES_MAX);
		rpc_call_fail(call, RPC_RESOURCE_EXHAUSTED, RPC_REASON(WATCHERS_FULL),
			      "%d streams of events are open, the limit: close one first.",
			      WATCHES_MAX);
		return false;
	}
	return true;
}

static GSourceFuncs heartbeat_funcs;

static gboolean heartbeat_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
	(void)source;
	return callback(data);
}

static void start_heartbeat(struct event_watch *w)
{
	heartbeat_funcs.dispatch = heartbeat_dispatch;
	w->heartbeat = g_source_new(&heartbeat_funcs, sizeof(GSource));
	g_source_set_callback(w->heartbeat, on_heartbeat, w, NULL);
	g_source_set_ready_time(w->heartbeat,
				w->sent_us + (int64_t)w->heartbeat_s * G_USEC_PER_SEC);
	g_source_attach(w->heartbeat, g_main_context_get_thread_default());
}

void watch_open(struct node *node, const struct room *room, struct rpc_call *call,
		const Sluice__V1__WatchEventsRequest *q)
{
	enum journal_place place;
	uint64_t after = 0;

	if (!check(node, call, q, &place, &after))
		return;
	struct event_watch *w = g_new0(struct event_watch, 1);
	w->node = node;
	w->call = call;
	w->room = room != NULL ? g_strdup(room->id) : NULL;
	w->heartbeat_s = q->heartbeat_seconds != 0 ? q->heartbeat_seconds : WATCH_HEARTBEAT_S;
	g_ptr_array_add(node->watches, w);
	rpc_call_on_cancel(call, on_cancel, w);
	if (q->resume_token[0] != '\0')
		send_mark(w, SLUICE__V1__EVENT__KIND__KIND_RESUMED, place == JOURNAL_GONE);
	if (place == JOURNAL_HERE)
		journal_each(node->journal, after, w->room, send_missed, w);
	else
		snapshot(w);
	start_heartbeat(w);
}

void watch_close_all(struct node *node)
{
	while (node->watches->len > 0) {
		struct event_watch *w = node->watches->pdata[0];
		on_cancel(w->call, w);
	}
}
