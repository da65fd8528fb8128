// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/http_metrics.h - requests of a plain route counted by method and status, for
// Prometheus.
//
// Path     exchange.h, at an answer's head -> [http_metrics] -> ops/metrics
// Thread   the server's GMainContext.
// Labels   the methods and status codes below, and "other" for what is none of them. A request
// whose
//          client goes away before its answer is not counted.
#ifndef SLUICE_CONTROLPLANE_RPC_HTTP_METRICS_H
#define SLUICE_CONTROLPLANE_RPC_HTTP_METRICS_H

#include "controlplane/ops/metrics.h"

enum { HTTP_COUNTS_METHODS = 8, HTTP_COUNTS_CODES = 19 };

// Of one route; all zeros at start.
struct http_counts {
	uint64_t answered[HTTP_COUNTS_METHODS][HTTP_COUNTS_CODES];
};

void http_counts_add(struct http_counts *counts, const char *method, unsigned status);

// The series of one route, in a family that has begun: label=value, method, code.
void http_counts_collect(struct metrics_page *page, const struct http_counts *counts,
			 const char *label, const char *value);

#endif
