// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/dispatch.h - from a method's path to its handler, and all calls under way.
//
// Path     route.c -> [dispatch] -> call.c -> service handler
// Thread   the server's GMainContext.
// Owns     the table of handlers and the list of calls.
#ifndef SLUICE_CONTROLPLANE_RPC_DISPATCH_H
#define SLUICE_CONTROLPLANE_RPC_DISPATCH_H

#include <glib.h>

#include "controlplane/ops/metrics.h"
#include "controlplane/rpc/call.h"
#include "controlplane/rpc/exchange.h"
#include "controlplane/rpc/grpc_reply.h"

enum {
	// Request bodies under way, over all calls; above it a newcomer is refused.
	DISPATCH_BODY_BYTES_MAX = 64 << 20,
};

struct rpc_dispatch;

struct rpc_dispatch *rpc_dispatch_new(void);
void rpc_dispatch_register(struct rpc_dispatch *d, const struct rpc_service *service);

// Copies it. One at most.
void rpc_dispatch_set_gate(struct rpc_dispatch *d, const struct rpc_gate *gate);

// Names of the services that are registered, sorted, borrowed. Gives the list, not the names.
GList *rpc_dispatch_services(const struct rpc_dispatch *d);

// Answers one gRPC request, now or later.
void rpc_dispatch_request(struct rpc_dispatch *d, struct http_exchange *x,
			  enum grpc_dialect dialect);

// Calls by method and code, for a collector.
void rpc_dispatch_collect(const struct rpc_dispatch *d, struct metrics_page *page);

// The largest request message; RPC_REQUEST_BYTES_MAX unless told otherwise.
void rpc_dispatch_set_request_max(struct rpc_dispatch *d, size_t byte_count);

// Counts request bytes that are held until their request is complete. False: above
// DISPATCH_BODY_BYTES_MAX; then nothing was counted.
bool rpc_dispatch_charge(struct rpc_dispatch *d, size_t byte_count);
void rpc_dispatch_discharge(struct rpc_dispatch *d, size_t byte_count);

// From now on new calls are UNAVAILABLE; streams of answers end so, at once: they never would.
void rpc_dispatch_drain(struct rpc_dispatch *d);

// Accepts NULL; clears the caller's pointer. Calls not ended by their handlers live on, detached.
void rpc_dispatch_free(struct rpc_dispatch **d);

#endif
