// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/metrics_listener.h - /metrics by plain HTTP/1.1 on loopback, for a scraper on
// this host.
//
// Path     Prometheus -> libsoup -> [metrics_listener] -> ops/metrics
// Thread   the main loop's, as metrics.h demands.
// Owns     its sockets. Borrows the metrics, which outlive it.
#ifndef SLUICE_CONTROLPLANE_RPC_METRICS_LISTENER_H
#define SLUICE_CONTROLPLANE_RPC_METRICS_LISTENER_H

#include "controlplane/ops/metrics.h"

struct metrics_listener;

// `addresses`: "127.0.0.1:9464", a list that ends with NULL. NULL and `error` on failure.
struct metrics_listener *metrics_listener_new(const struct metrics *metrics,
					      const char *const *addresses, GError **error);
// Accepts NULL; clears the caller's pointer.
void metrics_listener_free(struct metrics_listener **listener);

#endif
