// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/metrics_route.h - /metrics: on the API's own listeners for who may read it, on
// those of listen_metrics for everybody who reaches them.
//
// Path     http_route.c -> [metrics_route] -> ops/metrics
// Thread   the server's GMainContext.
#ifndef SLUICE_CONTROLPLANE_RPC_METRICS_ROUTE_H
#define SLUICE_CONTROLPLANE_RPC_METRICS_ROUTE_H

#include "controlplane/ops/metrics.h"
#include "controlplane/rpc/server.h"

// True if the one who asks may read; else it has answered the request.
typedef bool (*metrics_permit_fn)(struct http_exchange *x, void *data);

// All borrowed; they outlive the server.
struct metrics_route {
	const struct metrics *metrics;
	metrics_permit_fn permits;
	void *data; // of permits()
};

// Before rpc_server_start.
void metrics_route_register(const struct metrics_route *route, struct rpc_server *server);

#endif
