// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/call_metrics.c - see call_metrics.h.
#include "controlplane/rpc/call_metrics.h"

static const char *const code_names[RPC_STATUS_COUNT] = {
	"OK",
	"Canceled",
	"Unknown",
	"InvalidArgument",
	"DeadlineExceeded",
	"NotFound",
	"AlreadyExists",
	"PermissionDenied",
	"ResourceExhausted",
	"FailedPrecondition",
	"Aborted",
	"OutOfRange",
	"Unimplemented",
	"Internal",
	"Unavailable",
	"DataLoss",
	"Unauthenticated",
};

static bool is_unary(const struct api_method *m)
{
	return !m->client_streaming && !m->server_streaming;
}

static const char *type_of(const struct api_method *m)
{
	if (is_unary(m))
		return "unary";
	if (!m->client_streaming)
		return "server_stream";
	return m->server_streaming ? "bidi_stream" : "client_stream";
}

void call_counts_add(struct call_counts *c, const struct api_method *method, enum rpc_status code,
		     int64_t us)
{
	c->handled[(size_t)code < RPC_STATUS_COUNT ? code : RPC_UNKNOWN]++;
	if (is_unary(method))
		metrics_observe(&c->seconds, &metrics_call_bounds, (double)us / G_USEC_PER_SEC);
}

void call_counts_collect(struct metrics_page *page, const struct call_counts *counts)
{
	metrics_family(page, "grpc_server_handled_total", METRICS_COUNTER,
		       "Calls that have ended, by method and code; gRPC and gRPC-Web.");
	for (size_t i = 0; i < api_method_count; i++) {
		const struct api_method *m = &api_methods[i];
		for (size_t code = 0; code < RPC_STATUS_COUNT; code++)
			metrics_count(page, counts[i].handled[code], "grpc_type", type_of(m),
				      "grpc_service", m->service, "grpc_method", m->name,
				      "grpc_code", code_names[code], NULL);
	}
	metrics_family(page, "grpc_server_handling_seconds", METRICS_HISTOGRAM,
		       "From the head of a unary call to the end of its answer.");
	for (size_t i = 0; i < api_method_count; i++) {
		const struct api_method *m = &api_methods[i];
		if (is_unary(m))
			metrics_histogram(page, &counts[i].seconds, &metrics_call_bounds,
					  "grpc_type", "unary", "grpc_service", m->service,
					  "grpc_method", m->name, NULL);
	}
}
