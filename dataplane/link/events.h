// SPDX-License-Identifier: Apache-2.0
//
// dataplane/link/events.h - main lcore: state changes -> the event ring, and the wake-up behind it.
#pragma once

#include "proto/shm/segment.h"

struct events {
	struct shm_view *shm;
	int fd; // eventfd the control plane waits on; the caller owns it
};

// Pushes one event. A full ring loses it and counts that; it never blocks.
void events_push(struct events *e, const struct shm_event *event);
