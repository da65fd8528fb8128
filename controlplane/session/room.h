// SPDX-License-Identifier: Apache-2.0
// controlplane/session/room.h - a room: who is in it, and telling the others.
//
// Thread   the API's GMainContext. Owned by node->rooms.
#pragma once

#include "controlplane/session/participant.h"
#include "proto/api/sluice/v1/room.pb-c.h"

#include <glib.h>

enum { ROOM_PARTICIPANTS_MAX = 256 };

struct room {
	struct node *node;
	char *id;
	char *name;
	char *uid;
	uint64_t generation; // of the desired state
	uint64_t applied_generation; // of what the dataplane runs
	int64_t create_time_ms; // Unix time
	uint64_t serial; // in order of creation
	GHashTable *participants; // id -> struct participant, one count each
};

// Adds it to the node. The id is free and well-formed.
struct room *room_create(struct node *node, const char *id);
// NULL if there is none.
struct room *room_find(struct node *node, const char *id);
// Removes everybody, then the room.
void room_delete(struct room *room);
void room_free(void *room); // for node->rooms

struct participant *room_participant(struct room *room, const char *id);
struct track *room_track(struct room *room, const char *participant, const char *track);

// The room's desired state has changed; 'applied' when the dataplane follows.
void room_changed(struct room *room);
void room_applied(struct room *room, uint64_t generation);
// A change that nobody waits for: takes 'e', which may be empty.
void room_submit(struct room *room, struct link_epoch *e);

// A track runs in the dataplane: everybody else hears it.
void room_track_live(struct track *t);

// Gives the message: room_message_free().
Sluice__V1__Room *room_message(const struct room *room);
void room_message_free(Sluice__V1__Room *m);

// watch.c: the streams of RoomService.WatchEvents.
enum room_change { ROOM_ADDED, ROOM_CHANGED, ROOM_REMOVED };
void watch_room(const struct room *room, enum room_change change);
void watch_participant(const struct participant *p, enum room_change change, const char *reason);
void watch_track(const struct track *t, enum room_change change);
// Opens a stream; 'room' NULL: of every room.
void watch_open(struct node *node, const struct room *room, struct rpc_call *call);
void watch_close_all(struct node *node);
