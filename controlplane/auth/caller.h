// SPDX-License-Identifier: Apache-2.0
// controlplane/auth/caller.h - who asks, and what they may.
//
// Place    auth/gate.c attaches one to every call before its handler; plain HTTP routes get one by
//          auth_exchange().
// Thread   the API's GMainContext.
// Owns     its strings; counted, because a call and what it started may both refer to it.
#pragma once

#include "controlplane/rpc/call.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum caller_kind {
	CALLER_DEVELOPMENT, // nobody is asked who they are
	CALLER_PEER, // the Unix socket, by SO_PEERCRED
	CALLER_CERTIFICATE, // a client certificate, by SAN
	CALLER_TOKEN,
};

// What a token, role or peer is granted.
enum caller_grants {
	GRANT_PUBLISH = 1 << 0, // join and send
	GRANT_SUBSCRIBE = 1 << 1, // join and receive
	GRANT_OBSERVE = 1 << 2, // read everything: rooms, statistics, metrics
	GRANT_ADMINISTER = 1 << 3, // change everything; includes the others
};

struct caller {
	enum caller_kind kind;
	unsigned grants; // enum caller_grants
	char *subject; // for logs and as part of keys: "sub" of the token, SAN, "uid:1000"
	char *tenant; // whose quotas; "" speaks for every tenant
	char *rooms; // "*", an id, or a prefix and "*"
	uint64_t token; // digest of the token; 0: none
	int64_t expires_s; // of the token, Unix time
};

struct caller *caller_new(enum caller_kind kind, unsigned grants, const char *subject,
			  const char *tenant, const char *rooms);
void caller_drop(void *caller); // accepts NULL; a GDestroyNotify

// True if 'id' (not a name) is a room of the caller's pattern.
bool caller_reaches(const struct caller *caller, const char *room_id);
// True if it may use 'tenant''s things: its own, or everybody's.
bool caller_speaks_for(const struct caller *caller, const char *tenant);
// True if it holds all of 'grants', by itself or by GRANT_ADMINISTER.
bool caller_holds(const struct caller *caller, unsigned grants);
// True if it may see a room with this id and tenant in a list.
bool caller_sees(const struct caller *caller, const char *room_id, const char *tenant);

// Whom a call comes from. Never NULL behind the gate; borrowed.
static inline const struct caller *rpc_call_caller(const struct rpc_call *call)
{
	return rpc_call_attached(call);
}
