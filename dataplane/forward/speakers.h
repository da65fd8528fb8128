// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/speakers.h - who speaks in each room: the dominant speaker, and whose audio and
// video is forwarded where a room has a limit.
//
// Place    publishers' workers keep each track's activity (ingress/level.c); main compares those of
//          a room, which may be spread over workers, and writes its verdict beside the track's
//          config, where forward/fanout.c and forward/allocation.c look (struct track, 'holds').
// Thread   main lcore. Nothing of it needs a control plane.
// Rules    a track without a negotiated level cannot be judged: it is never held back and never
//          dominant. Nor is a muted one, which is not forwarded anyway; nor does a publisher all
//          of whose video is muted take a place among those who are seen.
//          Publishers, not tracks, count for video: all video of a transport goes or stays, by when
//          one of its audio tracks was dominant last. Nobody yet: those that are forwarded stay.
//          By the same turn, where a subscriber's path does not carry all, the video of whoever
//          spoke last goes first (forward/allocation.c).
#pragma once

#include "dataplane/core/worker.h"
#include "dataplane/link/epochs.h"

struct speakers;

// Track 'track' is now the dominant speaker of 'room' (shm_track_config.room).
typedef void (*speakers_dominant_fn)(void *context, uint32_t room, struct shm_ref track);

struct speakers *speakers_new(struct dataplane *dp, speakers_dominant_fn dominant, void *context);
void speakers_free(struct speakers *s); // NULL is fine

// Decides for every room when it is time.
void speakers_due(struct speakers *s, const struct epochs *epochs, uint64_t now_us);
