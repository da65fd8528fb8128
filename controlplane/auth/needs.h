// SPDX-License-Identifier: Apache-2.0
// controlplane/auth/needs.h - what each method needs of its caller: the one table.
//
// Place    auth/gate.c looks a call up in it before its handler.
// Closed   a method without a row needs everything.
#pragma once

#include <glib.h>
#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

enum auth_need {
	NEED_NOTHING, // health and reflection: what any client may ask
	NEED_IDENTITY, // anybody known; what runs inside is asked for by itself
	NEED_LISTING, // to observe; the handler lists only what the caller sees
	NEED_NODE_OBSERVE, // to observe every room of every tenant
	NEED_NODE_ADMINISTER,
	NEED_ROOM_OBSERVE, // to observe this room; without a room named, the node
	NEED_ROOM_MEMBER, // to observe this room, or to be in it; without a room named, the node
	NEED_ROOM_ADMINISTER,
	NEED_JOIN, // to publish in this room, or to subscribe
	NEED_PUBLISH,
	NEED_SUBSCRIBE,
};

struct auth_method {
	const char *path;
	enum auth_need need;
	// Of the request: a room's id, or a name that begins with the room's. Of several, with |
	// between them, the first that is not empty.
	const char *field;
};

// A row for every path; one that needs everything where there is none.
const struct auth_method *auth_method_find(const char *path);

// The string field 'paths' names ("session.participant", "participant|room"), "" if there is none.
const char *auth_field(const ProtobufCMessage *request, const char *paths);

// The room's id in "rooms/{room}/..." or in a bare id; "" without one. Gives it.
char *auth_room_id(const char *name);
