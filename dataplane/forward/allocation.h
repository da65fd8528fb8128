// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/allocation.h - one layer per consumer, several times a second per transport.
//
// Thread   the worker that owns the transport.
#pragma once

#include "dataplane/core/worker.h"

struct transport;

// Room to work in, one per worker, made at start; for rte_free(). NULL without memory.
struct allocation *allocation_new(void);

// Housekeeping: sets the target of every consumer of the transport when it is time.
void allocation_due(struct worker *w, struct transport *t);
