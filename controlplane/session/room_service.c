// SPDX-License-Identifier: Apache-2.0
// controlplane/session/room_service.c - RoomService: rooms and who is in them.

#include "controlplane/auth/auth.h"
#include "controlplane/session/node.h"
#include "controlplane/session/orphans.h"
#include "controlplane/session/paging.h"
#include "controlplane/session/quotas.h"
#include "controlplane/session/services.h"

#include <string.h>

bool service_name(struct rpc_call *call, const char *field, const char *name, enum name_depth depth,
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

	return service_name(call, field, name, NAME_ROOM, &n) ? find_room(node, call, n.room)
							      : NULL;
}

struct participant *service_participant(struct node *node, struct rpc_call *call, const char *field,
					const char *name)
{
	struct resource_name n;

	if (!service_name(call, field, name, NAME_PARTICIPANT, &n))
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

	if (!service_name(call, field, name, NAME_TRACK, &n))
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

bool service_mask(struct rpc_call *call, const Google__Protobuf__FieldMask *mask,
		  const struct service_field *fields, unsigned given, unsigned *out)
{
	*out = given;
	if (mask == NULL || mask->n_paths == 0)
		return true;
	*out = 0;
	for (size_t i = 0; i < mask->n_paths; i++) {
		const struct service_field *f = fields;
		while (f->name != NULL && !g_str_equal(f->name, mask->paths[i]))
			f++;
		if (f->name == NULL) {
			rpc_call_fact(call, "field", "%s", mask->paths[i]);
			rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(FIELD_MASK_INVALID),
				      "update_mask: \"%.100s\" is no field that can be updated.",
				      mask->paths[i]);
			return false;
		}
		*out |= f->bit;
	}
	return true;
}

static void reply_room(struct rpc_call *call, const struct room *r)
{
	Sluice__V1__Room *m = room_message(r);

	rpc_call_reply(call, &m->base);
	room_message_free(m);
}

static bool too_long(struct rpc_call *call, const char *field, const char *text, size_t limit)
{
	if (strlen(text) <= limit)
		return false;
	rpc_call_fact(call, "field", "%s", field);
	rpc_call_fact(call, "value", "%zu", strlen(text));
	rpc_call_fact(call, "limit", "%zu", limit);
	rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(FIELD_TOO_LONG),
		      "%s: %zu bytes are too long: at most %zu.", field, strlen(text), limit);
	return true;
}

static bool limit_ok(struct rpc_call *call, const char *field, uint32_t limit)
{
	if (limit <= UINT16_MAX)
		return true;
	rpc_call_fact(call, "field", "%s", field);
	rpc_call_fact(call, "value", "%u", limit);
	rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(FIELD_INVALID),
		      "%s: %u is too many: 1 to %d, or 0 for all.", field, limit, UINT16_MAX);
	return false;
}

static bool settings_ok(struct rpc_call *call, const Sluice__V1__Room *settings)
{
	if (too_long(call, "room.display_name", settings->display_name, DISPLAY_NAME_BYTES_MAX) ||
	    too_long(call, "room.metadata", settings->metadata, ROOM_METADATA_BYTES_MAX) ||
	    !limit_ok(call, "room.audio_top_n", settings->audio_top_n) ||
	    !limit_ok(call, "room.video_last_n", settings->video_last_n))
		return false;
	if (settings->max_participants > ROOM_PARTICIPANTS_MAX) {
		rpc_call_fact(call, "field", "room.max_participants");
		rpc_call_fact(call, "value", "%u", settings->max_participants);
		rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(FIELD_INVALID),
			      "room.max_participants: %u is too many: 1 to %d.",
			      settings->max_participants, ROOM_PARTICIPANTS_MAX);
		return false;
	}
	if (settings->tenant[0] != '\0' && !name_id_ok(settings->tenant)) {
		rpc_call_fact(call, "field", "room.tenant");
		rpc_call_fact(call, "value", "%s", settings->tenant);
		rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(ID_INVALID),
			      "room.tenant: \"%.200s\" is not an id: 1 to 64 characters of A-Z, "
			      "a-z, 0-9, _ and -, or leave it empty.",
			      settings->tenant);
		return false;
	}
	return true;
}

// Only who speaks for every tenant may name another one.
static const char *caller_tenant(const struct rpc_call *call, const char *named)
{
	const char *own = rpc_call_caller(call)->tenant;

	return own[0] != '\0' ? own : named;
}

static void create_room(struct rpc_call *call, void *data)
{
	struct node *node = data;
	const Sluice__V1__CreateRoomRequest *q = (const void *)rpc_call_request(call);
	const Sluice__V1__Room defaults = SLUICE__V1__ROOM__INIT;
	const Sluice__V1__Room *settings = q->room != NULL ? q->room : &defaults;

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
	if (!settings_ok(call, settings) || !service_admits(node, call))
		return;
	if (room_find(node, q->room_id) != NULL) {
		rpc_call_fact(call, "resource", "rooms/%s", q->room_id);
		rpc_call_fail(call, RPC_ALREADY_EXISTS, RPC_REASON(ROOM_EXISTS),
			      "There is a room rooms/%s already.", q->room_id);
		return;
	}
	const char *tenant = caller_tenant(call, settings->tenant);
	if (!quotas_room(node->quotas, call, tenant))
		return;
	Sluice__V1__Room own = *settings;
	own.tenant = (char *)(uintptr_t)tenant;
	reply_room(call, room_create_with(node, q->room_id, &own));
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
	const Sluice__V1__ListRoomsRequest *q = (const void *)rpc_call_request(call);
	Sluice__V1__ListRoomsResponse response = SLUICE__V1__LIST_ROOMS_RESPONSE__INIT;
	GPtrArray *rooms;
	GList *all;
	uint64_t last;
	char next[32] = "";

	if (!page_number_of(call, q->page_token, &last))
		return;
	rooms = g_ptr_array_new_with_free_func((GDestroyNotify)room_message_free);
	all = g_list_sort(g_hash_table_get_values(node->rooms), by_creation);
	for (const GList *i = all; i != NULL; i = i->next) {
		const struct room *r = i->data;
		if (r->serial <= last || !caller_sees(rpc_call_caller(call), r->id, r->tenant))
			continue;
		if (rooms->len == page_size_of(q->page_size)) {
			g_snprintf(next, sizeof(next), "%" G_GUINT64_FORMAT, last);
			break;
		}
		g_ptr_array_add(rooms, room_message(r));
		last = r->serial;
	}
	g_list_free(all);
	response.n_rooms = rooms->len;
	response.rooms = (Sluice__V1__Room **)rooms->pdata;
	response.next_page_token = next;
	rpc_call_reply(call, &response.base);
	g_ptr_array_unref(rooms);
}

static const struct service_field room_fields[] = {
	{"display_name", ROOM_DISPLAY_NAME}, {"metadata", ROOM_METADATA},
	{"max_participants", ROOM_MAX},	     {"audio_top_n", ROOM_AUDIO_TOP_N},
	{"video_last_n", ROOM_VIDEO_LAST_N}, {NULL, 0},
};

static unsigned given_room_fields(const Sluice__V1__Room *m)
{
	return (m->display_name[0] != '\0' ? ROOM_DISPLAY_NAME : 0u) |
	       (m->metadata[0] != '\0' ? ROOM_METADATA : 0u) |
	       (m->max_participants != 0 ? ROOM_MAX : 0u) |
	       (m->audio_top_n != 0 ? ROOM_AUDIO_TOP_N : 0u) |
	       (m->video_last_n != 0 ? ROOM_VIDEO_LAST_N : 0u);
}

static void update_room(struct rpc_call *call, void *data)
{
	const Sluice__V1__UpdateRoomRequest *q = (const void *)rpc_call_request(call);
	const Sluice__V1__Room *m = q->room;
	unsigned fields;

	if (m == NULL) {
		rpc_call_fact(call, "field", "room");
		rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(FIELD_MISSING),
			      "room: missing: send the room with its name and what is to change.");
		return;
	}
	struct room *r = service_room(data, call, "room.name", m->name);
	if (r == NULL || !settings_ok(call, m) ||
	    !service_mask(call, q->update_mask, room_fields, given_room_fields(m), &fields))
		return;
	Sluice__V1__Room *before = (fields & ROOM_LIMITS) != 0 ? room_message(r) : NULL;
	room_set(r, m, fields);
	if (before != NULL) {
		room_apply_limits(r, before, call);
		return;
	}
	room_submit(r, link_epoch_new(r->node->link)); // nothing of it is the dataplane's
	watch_room(r, ROOM_CHANGED);
	reply_room(call, r);
}

static void delete_room(struct rpc_call *call, void *data)
{
	struct node *node = data;
	const Sluice__V1__DeleteRoomRequest *q = (const void *)rpc_call_request(call);
	Sluice__V1__DeleteRoomResponse response = SLUICE__V1__DELETE_ROOM_RESPONSE__INIT;

	struct room *r = service_room(node, call, "name", q->name);
	if (r == NULL)
		return;
	room_empty(r, "room deleted");
	change_settle(r, call, r->name, &response.base);
	room_delete(r);
}

static gint by_join(gconstpointer a, gconstpointer b)
{
	const struct participant *x = a, *y = b;

	return (x->serial > y->serial) - (x->serial < y->serial);
}

// One page of a room's participants; the orphans, which came before all of them, on the first.
static void page_of_participants(const struct room *r, guint size, uint64_t *last, GPtrArray *page,
				 bool *more)
{
	GList *all = g_list_sort(g_hash_table_get_values(r->participants), by_join);

	*more = false;
	for (const GList *i = all; i != NULL && !*more; i = i->next) {
		const struct participant *p = i->data;
		if (p->serial <= *last)
			continue;
		*more = page->len >= size;
		if (*more)
			break;
		g_ptr_array_add(page, participant_message(p));
		*last = p->serial;
	}
	g_list_free(all);
}

static void list_participants(struct rpc_call *call, void *data)
{
	struct node *node = data;
	const Sluice__V1__ListParticipantsRequest *q = (const void *)rpc_call_request(call);
	Sluice__V1__ListParticipantsResponse response =
		SLUICE__V1__LIST_PARTICIPANTS_RESPONSE__INIT;
	struct resource_name n;
	uint64_t last;
	bool more = false;
	char next[32] = "";

	if (!service_name(call, "parent", q->parent, NAME_ROOM, &n) ||
	    !page_number_of(call, q->page_token, &last))
		return;
	// A room known by its orphans alone is a room to the API.
	GPtrArray *page = orphans_messages(node->orphans, n.room);
	const struct room *r =
		page->len > 0 ? room_find(node, n.room) : find_room(node, call, n.room);
	bool found = r != NULL || page->len > 0;
	if (last != 0) {
		g_ptr_array_foreach(page, (GFunc)(void (*)(void))participant_message_free, NULL);
		g_ptr_array_set_size(page, 0);
	}
	if (r != NULL)
		page_of_participants(r, page_size_of(q->page_size), &last, page, &more);
	if (more)
		g_snprintf(next, sizeof(next), "%" G_GUINT64_FORMAT, last);
	response.n_participants = page->len;
	response.participants = (Sluice__V1__Participant **)page->pdata;
	response.next_page_token = next;
	if (found)
		rpc_call_reply(call, &response.base);
	g_ptr_array_foreach(page, (GFunc)(void (*)(void))participant_message_free, NULL);
	g_ptr_array_unref(page);
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
	struct room *r = p->room;
	auth_revoke(node->auth, p->token, p->token_expires_s);
	participant_leave(p, "removed");
	change_settle(r, call, q->name, &response.base);
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
	watch_open(data, r, call, q);
}

static const struct rpc_method methods[] = {
	{"CreateRoom", create_room},	     {"GetRoom", get_room},
	{"ListRooms", list_rooms},	     {"UpdateRoom", update_room},
	{"DeleteRoom", delete_room},	     {"ListParticipants", list_participants},
	{"GetParticipant", get_participant}, {"RemoveParticipant", remove_participant},
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
