// SPDX-License-Identifier: Apache-2.0
// controlplane/session/dominant_speaker.h - who speaks, from the dataplane to everybody who
// watches.
//
// Place    node.c (link events) -> [dominant_speaker] -> watch.c, session_events.c
// Thread   the API's GMainContext. room->dominant is NULL again when the track goes (publish.c).
#pragma once

#include "proto/shm/event.h"

struct node;

// SHM_EVENT_DOMINANT_SPEAKER. One about a room or track that is gone means nothing.
void dominant_speaker_event(struct node *node, const struct shm_event *event);

// Events were lost: what tracks' states say.
void dominant_speakers_read(struct node *node);
