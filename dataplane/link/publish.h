// SPDX-License-Identifier: Apache-2.0
//
// dataplane/link/publish.h - a worker's states and statistics -> the shared segment.
#pragma once

#include "dataplane/core/worker.h"

struct subscription;
struct transport;

// Every PUBLISH_US: the worker's own statistics, and state and statistics of every transport it
// owns with the tracks received and the subscriptions sent there. Raises the reserved egress
// indices (INDEX_RESERVE ahead) before they are reached.
void publish_all(struct worker *w);

// At once, when the phase or the selected tuple of a transport has changed.
void publish_transport(struct worker *w, struct transport *t);

// At once, when the next egress index reaches what is reserved: raises the reservation.
void publish_subscription(struct worker *w, struct subscription *s);
