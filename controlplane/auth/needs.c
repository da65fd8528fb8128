// SPDX-License-Identifier: Apache-2.0
// controlplane/auth/needs.c - see needs.h.
#include "controlplane/auth/needs.h"

#include <stdbool.h>
#include <string.h>

#define ROOM "/sluice.v1.RoomService/"
#define SIGNALLING "/sluice.v1.SignallingService/"
#define NODE "/sluice.v1.NodeService/"
#define STATISTICS "/sluice.v1.StatisticsService/"
#define TRANSPORT "/sluice.v1.TransportService/"
#define HEALTH "/grpc.health.v1.Health/"
#define REFLECTION "/grpc.reflection."

static const struct auth_method rows[] = {
	{ROOM "CreateRoom", NEED_ROOM_ADMINISTER, "room_id"},
	{ROOM "GetRoom", NEED_ROOM_OBSERVE, "name"},
	{ROOM "ListRooms", NEED_LISTING, NULL},
	{ROOM "UpdateRoom", NEED_ROOM_ADMINISTER, "room.name"},
	{ROOM "DeleteRoom", NEED_ROOM_ADMINISTER, "name"},
	{ROOM "ListParticipants", NEED_ROOM_OBSERVE, "parent"},
	{ROOM "GetParticipant", NEED_ROOM_OBSERVE, "name"},
	{ROOM "RemoveParticipant", NEED_ROOM_ADMINISTER, "name"},
	{ROOM "GetTrack", NEED_ROOM_OBSERVE, "name"},
	{ROOM "SetTrackServerMuted", NEED_ROOM_ADMINISTER, "name"},
	{ROOM "GetSubscription", NEED_ROOM_OBSERVE, "participant"},
	{ROOM "ListSubscriptions", NEED_ROOM_OBSERVE, "parent"},
	{ROOM "UpdateSubscription", NEED_ROOM_ADMINISTER, "subscription.participant"},
	{ROOM "WatchEvents", NEED_ROOM_OBSERVE, "parent"},

	{SIGNALLING "Join", NEED_JOIN, "room"},
	{SIGNALLING "Publish", NEED_PUBLISH, "session.participant"},
	{SIGNALLING "WatchSession", NEED_JOIN, "session.participant"},
	{SIGNALLING "AnswerSubscribe", NEED_SUBSCRIBE, "session.participant"},
	{SIGNALLING "RestartSubscribeIce", NEED_SUBSCRIBE, "session.participant"},
	{SIGNALLING "AddIceCandidates", NEED_JOIN, "session.participant"},
	{SIGNALLING "SetTrackMuted", NEED_PUBLISH, "session.participant"},
	{SIGNALLING "SetSubscription", NEED_SUBSCRIBE, "session.participant"},
	{SIGNALLING "Leave", NEED_JOIN, "session.participant"},
	{SIGNALLING "Signal", NEED_IDENTITY, NULL},

	{NODE "GetNode", NEED_IDENTITY, NULL},
	{NODE "GetStatistics", NEED_ROOM_MEMBER, "participant|room"},
	{NODE "ListCores", NEED_NODE_OBSERVE, NULL},
	{NODE "ListInterfaces", NEED_NODE_OBSERVE, NULL},
	{NODE "DrainNode", NEED_NODE_ADMINISTER, NULL},
	{NODE "UndrainNode", NEED_NODE_ADMINISTER, NULL},

	{STATISTICS "GetStatistics", NEED_ROOM_MEMBER, "participant|room"},
	{STATISTICS "WatchStatistics", NEED_ROOM_MEMBER, "filter.participant|filter.room"},

	{TRANSPORT "GetTransport", NEED_NODE_OBSERVE, NULL},
	{TRANSPORT "ListTransports", NEED_NODE_OBSERVE, NULL},
	{TRANSPORT "GetProducer", NEED_NODE_OBSERVE, NULL},
	{TRANSPORT "ListProducers", NEED_NODE_OBSERVE, NULL},
	{TRANSPORT "GetConsumer", NEED_NODE_OBSERVE, NULL},
	{TRANSPORT "ListConsumers", NEED_NODE_OBSERVE, NULL},
	{TRANSPORT, NEED_NODE_ADMINISTER, NULL}, // all else of it

	{HEALTH, NEED_NOTHING, NULL},
	{REFLECTION, NEED_NOTHING, NULL},
	{"/", NEED_NODE_ADMINISTER, NULL},
};

// A row that ends with a service's "/", or with its package's ".", is for what has no row before.
static bool matches(const struct auth_method *row, const char *path)
{
	char last = row->path[strlen(row->path) - 1];

	return last == '/' || last == '.' ? g_str_has_prefix(path, row->path)
					  : g_str_equal(path, row->path);
}

const struct auth_method *auth_method_find(const char *path)
{
	const struct auth_method *row = rows;

	while (!matches(row, path) && row < &rows[G_N_ELEMENTS(rows) - 1])
		row++;
	return row;
}

static const void *member(const ProtobufCMessage *m, const char *name, size_t size,
			  ProtobufCType type)
{
	char *key = g_strndup(name, size);
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field_by_name(m->descriptor, key);

	g_free(key);
	if (f == NULL || f->type != type || f->label == PROTOBUF_C_LABEL_REPEATED)
		return NULL;
	// Members of a oneof share their place: only the one that is set may be looked at.
	if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
	    *(const uint32_t *)(const void *)((const char *)m + f->quantifier_offset) != f->id)
		return NULL;
	return *(const void *const *)(const void *)((const char *)m + f->offset);
}

static const char *one_field(const ProtobufCMessage *m, const char *path, size_t size)
{
	const char *text, *dot;

	while (m != NULL && (dot = memchr(path, '.', size)) != NULL) {
		m = member(m, path, (size_t)(dot - path), PROTOBUF_C_TYPE_MESSAGE);
		size -= (size_t)(dot - path) + 1;
		path = dot + 1;
	}
	if (m == NULL)
		return "";
	text = member(m, path, size, PROTOBUF_C_TYPE_STRING);
	return text != NULL ? text : "";
}

const char *auth_field(const ProtobufCMessage *m, const char *paths)
{
	const char *text = "";

	while (text[0] == '\0' && *paths != '\0') {
		size_t size = strcspn(paths, "|");

		text = one_field(m, paths, size);
		paths += size + (paths[size] == '|');
	}
	return text;
}

char *auth_room_id(const char *name)
{
	if (g_str_has_prefix(name, "rooms/"))
		name += strlen("rooms/");
	else if (strchr(name, '/') != NULL)
		return g_strdup("");
	return g_strndup(name, strcspn(name, "/"));
}
