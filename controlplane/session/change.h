// SPDX-License-Identifier: Apache-2.0
// controlplane/session/change.h - a change of a room's desired state on its way to the dataplane,
// and the call that waits for it.
//
//   submit -> make (when all before it is settled) -> applied: answer the call
//                                                  -> refused: roll back, fail the call
//   The call's deadline passes: change_wait.h; the change stays desired.
//
// Thread   the API's GMainContext.
// Owns     what 'user' is, from submit to steps->free.
// Order    changes are made and settled one after the other, so that rolling one back never undoes
//          another.
#pragma once

#include "controlplane/link/client.h"
#include "controlplane/session/change_wait.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct node;
struct room;

// Of a resource: what is desired, and what the dataplane runs.
struct revision {
	uint64_t desired, applied;
};

static inline void revision_applied(struct revision *r, uint64_t generation)
{
	r->applied = MAX(r->applied, generation);
}

struct change_steps {
	// Makes the change and adds it to the epoch, which may stay empty. False: what it is about
	// is gone; nothing was made. NULL: made already, by epochs of its own.
	bool (*make)(void *user, struct link_epoch *e);
	// NULL: there is nothing to tell, or nothing to put back.
	void (*applied)(void *user);
	void (*rolled_back)(void *user);
	void (*answer)(void *user, struct rpc_call *call); // ends the call
	void (*free)(void *user);
	bool is_removal; // what is gone, with the dataplane or before, is as good as removed
};

// 'resource' is a name, for the event. 'call' may be NULL: nobody waits.
void change_submit(struct room *room, struct rpc_call *call, const char *resource,
		   const struct change_steps *steps, void *user);

// Answers 'call' when the removals submitted before are applied.
void change_settle(struct room *room, struct rpc_call *call, const char *resource,
		   const ProtobufCMessage *answer);

// Fails a call as 'result' (not LINK_APPLIED) says.
void change_fail(struct rpc_call *call, const struct link_result *result);
