// SPDX-License-Identifier: Apache-2.0
// controlplane/auth/auth.h - who a request comes from and whether it may: tokens, client
// certificates, the Unix socket's peer, or nobody at all in development.
//
// Place    rpc/ -> [auth] -> repeats -> handlers, for gRPC; the handlers of plain HTTP ask by
//          auth_exchange().
// Thread   the API's GMainContext.
// Order    a bearer token is looked at first, then the socket's peer, then the certificate. A
//          listener that asks for certificates lets nobody in without one. Health checks and
//          reflection are for everybody (needs.c).
#pragma once

#include "controlplane/auth/caller.h"
#include "controlplane/auth/needs.h"
#include "controlplane/auth/refusal.h"
#include "controlplane/ops/metrics.h"
#include "controlplane/rpc/exchange.h"
#include "proto/shm/revoked.h"

struct auth_options { // borrowed for the call
	bool development;
	const char *token_keys; // path, or NULL
	const char *token_audience;
	const char *const *roles; // "SAN=ROLE" or "SAN=ROLE@TENANT", ROLE administer or observe
	const char *unix_group; // whose members may use the Unix socket, or NULL
};

struct auth;

struct auth *auth_new(const struct auth_options *options, GError **error);
void auth_free(struct auth **auth);

// The tenant a room belongs to, or NULL if there is no such room.
typedef const char *(*auth_tenant_fn)(void *user, const char *room_id);
void auth_set_tenants(struct auth *auth, auth_tenant_fn tenant_of, void *user);

// The two questions of struct rpc_gate; 'auth' is their data. At the head: who asks, and whether
// they may as far as no room matters. With the request: all of it; goes on to 'next'.
bool auth_head(struct rpc_call *call, void *auth);
bool auth_gate(struct rpc_call *call, void *auth);
void auth_set_next(struct auth *auth, rpc_gate_fn next, void *data);

// For handlers of plain HTTP. A caller who may (gives the reference), or NULL after the answer:
// 401 with WWW-Authenticate (RFC 6750) or 403. 'room_id' may be NULL where the need names none.
struct caller *auth_exchange(struct auth *auth, struct http_exchange *x, enum auth_need need,
			     const char *room_id);

// True if the one who asks may read the metrics of the node; else it has been answered. For
// rpc/metrics_route.h; 'auth' is its data.
bool auth_permits_metrics(struct http_exchange *x, void *auth);

// A collector; 'auth' is its data.
void auth_collect(struct metrics_page *page, void *auth);

// The parts of both: who asks, and whether they may. False or NULL with '*why'.
struct caller *auth_identify(struct auth *auth, const struct http_peer *from,
			     const char *authorization, struct auth_refusal *why);
bool auth_permits(struct auth *auth, const struct caller *caller, enum auth_need need,
		  const char *room_id, struct auth_refusal *why);

// The shared segment, where revoked tokens outlive this process; NULL: there is none.
void auth_attach(struct auth *auth, struct shm_revoked *mapped);

// The caller's participant has been removed: its token joins nothing any more. Remembered until the
// token would end by itself; of more than SHM_REVOKED_MAX the soonest to end are forgotten.
void auth_revoke(struct auth *auth, uint64_t token, int64_t expires_s);
