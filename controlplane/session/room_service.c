// SPDX-License-Identifier: Apache-2.0
// controlplane/session/room_service.c - RoomService: rooms and who is in them.

#include "controlplane/session/node.h"
#include "controlplane/session/orphans.h"
#include "controlplane/session/services.h"

#include <string.h>

static bool parse(struct rpc_call *call, const char *field, const char *name, enum name_depth depth,
		  struct resource_name *out)
{
	if (name_parse(name, depth, out))
		return true;
	rpc_call_fact(call, "field", "%s", field);
	rpc_call_fact(call, "value", "%s", name);
	rpc_call_fail(
		call, RPC_INVALID_ARGUMENT, RPC_REASON(NAME_INVALID),
		"%s: \"%.200s\" is not a name: it has the form %s, each id 1 to 64 characters "
		"of A-Z, a-z, 0-9, _ and -.",
		field, name, name_form(depth));
	return false;
}

static struct room *find_room(struct node *node, struct rpc_call *call, const char *id)
{
	struct room *r = room_find(node, id);

	if (r == NULL) {
		rpc_call_fact(call, "resource", "rooms/%s", id);
		rpc_call_fail(call, RPC_NOT_FOUND, RPC_REASON(ROOM_NOT_FOUND),
			      "There is no room rooms/%s.", id);
	}
	return r;
}

struct room *service_room(struct node *node, struct rpc_call *call, const char *field,
			  const char *name)
{
	struct resource_name n;

	return parse(call, field, name, NAME_ROOM, &n) ? find_room(node, call, n.room) : NULL;
}

struct participant *service_participant(struct node *node, struct rpc_call *call, const char *field,
					const char *name)
{
	struct resource_name n;

	if (!parse(call, field, name, NAME_PARTICIPANT, &n))
		return NULL;
	struct room *r = find_room(node, call, n.room);
	struct participant *p = r != NULL ? room_participant(r, n.participant) : NULL;
	if (r != NULL && p == NULL) {
		rpc_call_fact(call, "resource", "%s", name);
		rpc_call_fail(call, RPC_NOT_FOUND, RPC_REASON(PARTICIPANT_NOT_FOUND),
			      "There is no participant %s.", name);
	}
	return p;
}

struct track *service_track(struct node *node, struct rpc_call *call, const char *field,
			    const char *name)
{
	struct resource_name n;

	if (!parse(call, field, name, NAME_TRACK, &n))
		return NULL;
	struct room *r = find_room(node, call, n.room);
	struct track *t = r != NULL ? room_track(r, n.participant, n.track) : NULL;
	if (r != NULL && t == NULL) {
		rpc_call_fact(call, "resource", "%s", name);
		rpc_call_fail(call, RPC_NOT_FOUND, RPC_REASON(TRACK_NOT_FOUND),
			      "There is no track %s.", name);
	}
	return t;
}

static void reply_room(struct rpc_call *call, const struct room *r)
{
	Sluice__V1__Room *m = room_message(r);

	rpc_call_reply(call, &m->base);
	room_message_free(m);
}

static void create_room(struct rpc_call *call, void *data)
{
	struct node *node = data;
	const Sluice__V1__CreateRoomRequest *q = (const void *)rpc_call_request(call);

	if (!name_id_ok(q->room_id)) {
		rpc_call_fact(call, "field", "room_id");
		rpc_call_fact(call, "value", "%s", q->room_id);
		rpc_call_fail(
			call, RPC_INVALID_ARGUMENT, RPC_REASON(ID_INVALID),
			"room_id: \"%.200s\" is not an id: 1 to 64 characters of A-Z, a-z, 0-9, "
			"_ and -.",
			q->room_id);
		return;
	}
	if (room_find(node, q->room_id) != NULL) {
		rpc_call_fact(call, "resource", "rooms/%s", q->room_id);
		rpc_call_fail(call, RPC_ALREADY_EXISTS, RPC_REASON(ROOM_EXISTS),
			      "There is a room rooms/%s already.", q->room_id);
		return;
	}
	Sluice__V1__Room *m = room_message(room_create(node, q->room_id));
	rpc_call_reply(call, &m->base);
	room_message_free(m);
}

static void get_room(struct rpc_call *call, void *data)
{
	const Sluice__V1__GetRoomRequest *q = (const void *)rpc_call_request(call);
	const struct room *r = service_room(data, call, "name", q->name);

	if (r != NULL)
		reply_room(call, r);
}

static gint by_creation(gconstpointer a, gconstpointer b)
{
	const struct room *x = a;
	const struct room *y = b;

	return (x->serial > y->serial) - (x->serial < y->serial);
}

static void list_rooms(struct rpc_call *call, void *data)
{
	struct node *node = data;
	Sluice__V1__ListRoomsResponse response = SLUICE__V1__LIST_ROOMS_RESPONSE__INIT;
	GPtrArray *rooms = g_ptr_array_new_with_free_func((GDestroyNotify)room_message_free);
	GList *all = g_list_sort(g_hash_table_get_values(node->rooms), by_creation);

	for (const GList *i = all; i != NULL; i = i->next)
		g_ptr_array_add(rooms, room_message(i->data));
	g_list_free(all);
	response.n_rooms = rooms->len;
	response.rooms = (Sluice__V1__Room **)rooms->pdata;
	rpc_call_reply(call, &response.base);
	g_ptr_array_unref(rooms);
}

static void delete_room(struct rpc_call *call, void *data)
{
	struct node *node = data;
	const Sluice__V1__DeleteRoomRequest *q = (const void *)rpc_call_request(call);
	Sluice__V1__DeleteRoomResponse response = SLUICE__V1__DELETE_ROOM_RESPONSE__INIT;

	struct room *r = service_room(node, call, "name", q->name);
	if (r == NULL)
		return;
	room_delete(r);
	rpc_call_reply(call, &response.base);
}

static gint by_join(gconstpointer a, gconstpointer b)
{
	const Sluice__V1__Participant *x = *(Sluice__V1__Participant *const *)a;
	const Sluice__V1__Participant *y = *(Sluice__V1__Participant *const *)b;

	if (x->join_time_ms != y->join_time_ms)
		return x->join_time_ms < y->join_time_ms ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void list_participants(struct rpc_call *call, void *data)
{
	struct node *node = data;
	const Sluice__V1__ListParticipantsRequest *q = (const void *)rpc_call_request(call);
	Sluice__V1__ListParticipantsResponse response =
		SLUICE__V1__LIST_PARTICIPANTS_RESPONSE__INIT;
	struct resource_name n;
	GHashTableIter it;
	gpointer p;

	if (!parse(call, "parent", q->parent, NAME_ROOM, &n))
		return;
	// A room known by its orphans alone is a room to the API.
	GPtrArray *list = orphans_messages(node->orphans, n.room);
	const struct room *r =
		list->len > 0 ? room_find(node, n.room) : find_room(node, call, n.room);
	if (r == NULL && list->len == 0) {
		g_ptr_array_unref(list);
		return;
	}
	if (r != NULL) {
		g_hash_table_iter_init(&it, r->participants);
		while (g_hash_table_iter_next(&it, NULL, &p))
			g_ptr_array_add(list, participant_message(p));
	}
	g_ptr_array_sort(list, by_join);
	response.n_participants = list->len;
	response.participants = (Sluice__V1__Participant **)list->pdata;
	rpc_call_reply(call, &response.base);
	g_ptr_array_foreach(list, (GFunc)(void (*)(void))participant_message_free, NULL);
	g_ptr_array_unref(list);
}

static void get_participant(struct rpc_call *call, void *data)
{
	const Sluice__V1__GetParticipantRequest *q = (const void *)rpc_call_request(call);
	const struct participant *p = service_participant(data, call, "name", q->name);

	if (p == NULL)
		return;
	Sluice__V1__Participant *m = participant_message(p);
	rpc_call_reply(call, &m->base);
	participant_message_free(m);
}

static void remove_participant(struct rpc_call *call, void *data)
{
	struct node *node = data;
	const Sluice__V1__RemoveParticipantRequest *q = (const void *)rpc_call_request(call);
	Sluice__V1__RemoveParticipantResponse response =
		SLUICE__V1__REMOVE_PARTICIPANT_RESPONSE__INIT;

	struct participant *p = service_participant(node, call, "name", q->name);
	if (p == NULL)
		return;
	participant_leave(p, "removed");
	rpc_call_reply(call, &response.base);
}

static void watch_events(struct rpc_call *call, void *data)
{
	const Sluice__V1__WatchEventsRequest *q = (const void *)rpc_call_request(call);
	const struct room *r = NULL;

	if (q->parent[0] != '\0') {
		r = service_room(data, call, "parent", q->parent);
		if (r == NULL)
			return;
	}
	watch_open(data, r, call);
}

static const struct rpc_method methods[] = {
	{"CreateRoom", create_room},
	{"GetRoom", get_room},
	{"ListRooms", list_rooms},
	{"DeleteRoom", delete_room},
	{"ListParticipants", list_participants},
	{"GetParticipant", get_participant},
	{"RemoveParticipant", remove_participant},
	{"WatchEvents", watch_events},
};

void room_service_register(struct node *node, struct rpc_server *server)
{
	static struct rpc_service service = {
		.name = "sluice.v1.RoomService",
		.methods = methods,
		.method_count = G_N_ELEMENTS(methods),
	};

	service.data = node;
	rpc_server_register(server, &service);
}
