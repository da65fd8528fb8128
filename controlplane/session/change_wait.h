// SPDX-License-Identifier: Apache-2.0
// controlplane/session/change_wait.h - a call that waits for the outcome of a change.
//
//   new -> take (in time: answer the call) -> end
//       -> the call's deadline passes, or CHANGE_PATIENCE_S without one: it ends with
//          DEADLINE_EXCEEDED -> take gives NULL -> end: an event tells how the change ended
//
// Thread   the API's GMainContext.
// Owns     the call, until it is taken.
#pragma once

#include "controlplane/rpc/call.h"

#include <stdint.h>

enum { CHANGE_PATIENCE_S = 5 };

struct change_wait;
struct node;

// 'room' (an id) and 'resource' (a name) are for the event. 'call' NULL: nobody waits.
struct change_wait *change_wait_new(struct node *node, const char *room, struct rpc_call *call,
				    const char *resource);

// The call, for the caller to end; NULL if nobody waits any more.
struct rpc_call *change_wait_take(struct change_wait *w);

// The change is over; whoever waited has been answered, or is told by an event. 'generation' is of
// what was changed; 'refusal' NULL: it was applied. Frees 'w'.
void change_wait_end(struct change_wait *w, uint64_t generation, const char *refusal);
