// SPDX-License-Identifier: Apache-2.0
// controlplane/link/client_state.h - what a client is inside. For client.c, epoch.c and slots.c.
#pragma once

#include "controlplane/link/client.h"
#include "controlplane/ops/metrics.h"

enum {
#define X(name, text) +1
	LINK_REFUSALS = SHM_REFUSALS(X),
#undef X
};

struct link_slots {
	uint32_t count; // of the table
	uint32_t *generation; // last one used in each slot
	bool *taken; // handed out, or in use by someone before us
	uint32_t *running; // generation the dataplane runs in it; 0: none
	uint32_t next; // where the search goes on: a slot rests as long as it can
};

// How epochs ended, since our start.
struct link_counts {
	uint64_t applied;
	uint64_t refused[LINK_REFUSALS]; // by enum shm_refusal
	uint64_t gone; // not answered
	struct metrics_histogram seconds; // from submission to answer, by metrics_call_bounds
};

struct link_client {
	const struct link_client_callbacks *callbacks;
	void *user;
	char *path;
	int socket; // -1: not connected
	int event_fd; // the dataplane wakes us
	int command_fd; // we wake the dataplane
	guint socket_source;
	guint event_source;
	guint heartbeat_source;
	guint connect_source;
	struct shm_view view;
	bool attached;
	uint64_t events_lost; // as last seen
	char *complaint; // said once, not every half second
	struct link_slots slots[SHM_RECORD_SUBSCRIPTION + 1];
	GQueue epochs; // struct link_epoch: the head is under way
	uint64_t epoch_pushed; // number of the newest one; ours, as the segment's may be scribbled
			       // on
	struct link_counts counts;
	guint retry_source; // the head was refused, and is to be pushed again
	guint finish_source; // answers what needs no dataplane, from the main loop
};

// epoch.c
void link_epochs_acked(struct link_client *client); // looks at the acks
void link_epochs_gone(struct link_client *client); // answers all with LINK_GONE
// slots.c
void link_slots_scan(struct link_client *client); // after the attach
void link_slots_clear(struct link_client *client);
// What an applied epoch did to a slot.
void link_slot_ran(struct link_client *client, const struct shm_command *op);
bool link_slot_runs(const struct link_client *client, const struct shm_command *op);
