// SPDX-License-Identifier: Apache-2.0
// controlplane/session/watch.h - the streams of RoomService.WatchEvents.
//
// Place    whoever changes something says so here: journal first, then every stream that listens.
// Thread   the API's GMainContext.
#pragma once

#include "controlplane/rpc/call.h"
#include "proto/api/sluice/v1/room.pb-c.h"

#include <stdint.h>

struct node;
struct participant;
struct room;
struct subscription;
struct track;

enum { WATCHES_MAX = 1024, WATCH_HEARTBEAT_S = 15, WATCH_HEARTBEAT_S_MAX = 300 };

enum room_change { ROOM_ADDED, ROOM_CHANGED, ROOM_REMOVED };
void watch_room(const struct room *room, enum room_change change);
void watch_participant(const struct participant *p, enum room_change change, const char *reason);
void watch_track(const struct track *t, enum room_change change);
void watch_dominant_speaker(const struct track *t);
void watch_subscription(const struct participant *p, const struct subscription *s);
void watch_summary(const struct participant *p, Sluice__V1__SessionSummary *summary);

// How a change ended whose call had been told DEADLINE_EXCEEDED.
struct watch_outcome {
	const char *method, *request_id, *resource;
	uint64_t generation;
	const char *refusal; // NULL: applied
};
void watch_change(struct node *node, const char *room, const struct watch_outcome *outcome);

// DrainNode has come to its end: told to every stream.
void watch_node_drained(struct node *node, const char *reason);

// Opens a stream; takes 'call'. 'room' NULL: of every room.
void watch_open(struct node *node, const struct room *room, struct rpc_call *call,
		const Sluice__V1__WatchEventsRequest *request);
void watch_close_all(struct node *node);
