// SPDX-License-Identifier: Apache-2.0
// controlplane/session/orphans.h - sessions an earlier control plane left running in the dataplane.
//
// They are shown, nothing of them is ended: their media runs until their consent expires; then
// their records are removed. Until that their slots, ufrags and internal ports stay taken. Thread
// the API's GMainContext.
#pragma once

#include "controlplane/link/client.h"
#include "proto/api/sluice/v1/room.pb-c.h"

#include <glib.h>

struct node;
struct orphans;

// One transport that runs. Strings come from its blob, and are NULL if that could not be read.
struct orphan {
	struct shm_ref ref;
	uint16_t port;
	char *transport; // name, if TransportService had made it
	char *transport_uid;
	char *room; // id; empty: of none
	char *participant; // id
	char *uid;
	char *display_name;
	int64_t join_time_ms; // Unix time
	bool publishes;
};

struct orphans *orphans_new(struct node *node);
void orphans_free(struct orphans **orphans);

// After an attach: finds what runs and is not ours. Forgets what was found before.
void orphans_find(struct orphans *o);
void orphans_clear(struct orphans *o);

// Consent of a transport has expired: removes it with all that hangs on it, if it is an orphan.
void orphans_expired(struct orphans *o, struct shm_ref transport);
// Looks at the states of all orphans: an event may have been lost.
void orphans_check(struct orphans *o);

// One that TransportService had made, by its name. NULL if there is none.
const struct orphan *orphans_transport(const struct orphans *orphans, const char *name);
// Ends it. 'done' is told when its record is gone.
void orphans_remove(struct orphans *orphans, const struct orphan *o, link_done_fn done, void *user);

// In no order; borrowed until the next call that changes it.
const GPtrArray *orphans_all(const struct orphans *o);
unsigned orphans_count(const struct orphans *o);
// Participants with 'orphan' set, of a room (id) or of all (NULL). Elements are given:
// participant_message_free(); the array frees none of them.
GPtrArray *orphans_messages(const struct orphans *o, const char *room);
