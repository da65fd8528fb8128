// SPDX-License-Identifier: Apache-2.0
//
// dataplane/link/epochs.h - main lcore: commands -> checked copies -> epochs -> acknowledgements.
//
// Owns     the model: which record runs in which slot, who owns which local ufrag and internal
// port. Thread   main lcore only.
#pragma once

#include "dataplane/core/worker.h"
#include "dataplane/tables/epoch.h"

#include <stdbool.h>
#include <stdint.h>

struct epochs;

// What epochs needs of the main lcore.
struct epochs_hooks {
	void *context;
	// Sends an XMSG_EPOCH (or XMSG_STREAM) to a worker. False: its ring is full, try again.
	bool (*send)(void *context, unsigned worker, const struct xmsg *msg);
	// An epoch was acknowledged: push the event, write the eventfd.
	void (*acked)(void *context, uint64_t epoch);
};

struct epochs *epochs_new(struct dataplane *dp, const struct srtp_engine *engine,
			  const struct epochs_hooks *hooks);
void epochs_free(struct epochs *e); // after the workers have stopped; wipes keys

// Ends the epoch under way if every worker is done, then starts the next one. One epoch per call.
void epochs_poll(struct epochs *e);

// While no control plane is attached: refuses an epoch whose commands never came whole. True when
// none waits in the ring or is under way.
bool epochs_settle(struct epochs *e);

// A worker's XMSG_WANT_STREAM or XMSG_FREE_STREAM.
void epochs_message(struct epochs *e, unsigned worker, const struct xmsg *msg);

// How often the running configurations of tracks have changed; '*end': no slot at or above has ever
// been used.
uint64_t epochs_track_changes(const struct epochs *e, uint32_t *end);

// The transport that has this internal port. False if none.
bool epochs_transport_by_port(const struct epochs *e, uint16_t internal_port, struct shm_ref *ref);
