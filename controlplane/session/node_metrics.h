// SPDX-License-Identifier: Apache-2.0
// controlplane/session/node_metrics.h - what the node counts for Prometheus.
//
// Path     node.c, media_transport.c -> struct node_counts -> [node_metrics] -> ops/metrics
// Thread   the API's GMainContext.
#pragma once

#include "controlplane/ops/metrics.h"

// The steps of a transport's set-up.
enum handshake_step { HANDSHAKE_STEP_ICE, HANDSHAKE_STEP_DTLS, HANDSHAKE_STEPS };

// Part of struct node; all zeros at start.
struct node_counts {
	uint64_t consents_expired;
	uint64_t handshakes_failed[HANDSHAKE_STEPS];
	// In seconds, by metrics_handshake_bounds: from the peer's credentials to a pair, and from
	// there to keys.
	struct metrics_histogram handshake[HANDSHAKE_STEPS];
};

struct node;
unsigned node_participants(const struct node *node); // in all rooms

// A collector; 'data' is the struct node.
void node_metrics_collect(struct metrics_page *page, void *data);
