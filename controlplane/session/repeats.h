// SPDX-License-Identifier: Apache-2.0
// controlplane/session/repeats.h - request_id: a repeat of a mutation returns the first answer.
//
// Kept     final answers, keyed by method, request and id, for ten minutes, in memory; at most
//          REPEATS_MAX, beyond which the oldest goes. Answers carry secrets: wiped when they go.
// Thread   the API's GMainContext.
#pragma once

#include "controlplane/rpc/call.h"

#include <stdbool.h>

enum { REPEATS_MAX = 4096, REPEATS_KEPT_S = 600 };

struct repeats;

struct repeats *repeats_new(void);
void repeats_free(struct repeats **repeats);

// True if the call repeats one that was answered: it has been answered again, and is over. An empty
// id repeats nothing.
bool repeats_answer(struct repeats *repeats, struct rpc_call *call, const char *request_id);

// Answers the call and keeps the answer under 'request_id'.
void repeats_reply(struct repeats *repeats, struct rpc_call *call, const char *request_id,
		   const ProtobufCMessage *answer);
