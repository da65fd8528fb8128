// SPDX-License-Identifier: Apache-2.0
// controlplane/session/room.h - a room: who is in it, and telling the others.
//
// Thread   the API's GMainContext. Owned by node->rooms.
#pragma once

#include "controlplane/session/change.h"
#include "controlplane/session/participant.h"
#include "controlplane/session/watch.h"
#include "proto/api/sluice/v1/room.pb-c.h"

#include <glib.h>

enum { ROOM_PARTICIPANTS_MAX = 256, ROOM_METADATA_BYTES_MAX = 4096 };

struct room {
	struct node *node;
	char *id;
	char *name;
	char *uid;
	uint64_t generation; // of the desired state
	uint64_t applied_generation; // of what the dataplane runs
	int64_t create_time_ms; // Unix time
	uint64_t serial; // in order of creation
	char *display_name;
	char *metadata;
	char *tenant;
	uint32_t max_participants; // 1..ROOM_PARTICIPANTS_MAX
	uint32_t number; // of its tracks in the dataplane; 0: they compete with nobody
	uint16_t audio_top_n, video_last_n; // 0: all
	const struct track *dominant; // speaker, or NULL; dominant_speaker.h
	GHashTable *participants; // id -> struct participant, one count each
};

// Adds it to the node. The id is free and well-formed, the settings have been checked.
struct room *room_create_with(struct node *node, const char *id, const Sluice__V1__Room *settings);
// One that no call finds and no event tells of, for transports that belong to none. Given to the
// caller: room_free().
struct room *room_create_hidden(struct node *node);
static inline bool room_is_hidden(const struct room *room)
{
	return room->id[0] == '\0';
}
// NULL if there is none.
struct room *room_find(struct node *node, const char *id);
// Everybody leaves.
void room_empty(struct room *room, const char *reason);
// Removes everybody, then the room.
void room_delete(struct room *room);
void room_free(void *room); // for node->rooms

// The limits go to the tracks that run: room_limits.c. Ends 'call' with the room when they are
// applied; refused, the settings become those of 'before' again, which it takes.
void room_apply_limits(struct room *room, Sluice__V1__Room *before, struct rpc_call *call);
// Takes the settings a call may change.
enum room_field {
	ROOM_DISPLAY_NAME = 1 << 0,
	ROOM_METADATA = 1 << 1,
	ROOM_MAX = 1 << 2,
	ROOM_AUDIO_TOP_N = 1 << 3,
	ROOM_VIDEO_LAST_N = 1 << 4,
	ROOM_LIMITS = ROOM_AUDIO_TOP_N | ROOM_VIDEO_LAST_N, // the dataplane's
	ROOM_FIELDS = (1 << 5) - 1,
};
void room_set(struct room *room, const Sluice__V1__Room *to, unsigned fields);

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
