// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/call_metrics.h - calls counted by method and code, for Prometheus.
//
// Path     call.c, at a call's end -> [call_metrics] -> ops/metrics
// Thread   the server's GMainContext.
// Names    those of the gRPC ecosystem's Prometheus middleware (grpc_server_*), so that dashboards
//          made for it work here.
#ifndef SLUICE_CONTROLPLANE_RPC_CALL_METRICS_H
#define SLUICE_CONTROLPLANE_RPC_CALL_METRICS_H

#include "controlplane/ops/metrics.h"
#include "controlplane/rpc/status.h"
#include "proto/api/table.h"

enum { RPC_STATUS_COUNT = RPC_UNAUTHENTICATED + 1 };

// Of one method; all zeros at start.
struct call_counts {
	uint64_t handled[RPC_STATUS_COUNT];
	struct metrics_histogram seconds; // unary calls alone: a stream lives as long as it likes
};

void call_counts_add(struct call_counts *counts, const struct api_method *method,
		     enum rpc_status code, int64_t us);

// `counts` has an element for each of api_methods.
void call_counts_collect(struct metrics_page *page, const struct call_counts *counts);

#endif
