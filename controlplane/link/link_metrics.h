// SPDX-License-Identifier: Apache-2.0
// controlplane/link/link_metrics.h - the dataplane's numbers and the epochs', for Prometheus.
//
// Path     the segment's statistics, epoch.c's counts -> [link_metrics] -> ops/metrics
// Thread   the API's GMainContext.
// Owns     what was read last: while no dataplane is attached its counters stand still instead of
//          falling to 0 and jumping back. A new dataplane's begin at 0, as counters may.
#pragma once

#include "controlplane/link/client.h"
#include "controlplane/ops/metrics.h"

struct link_metrics;

// Borrows 'client'.
struct link_metrics *link_metrics_new(const struct link_client *client);
void link_metrics_free(struct link_metrics **metrics);

// A collector; 'data' is a struct link_metrics.
void link_metrics_collect(struct metrics_page *page, void *data);
