// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/state.h - every table of the dataplane and every worker's state: made at start,
// freed at the end, never in between.
#pragma once

#include "dataplane/core/worker.h"

// Makes tables, workers and rings for dp->limits. The caller has filled in everything of '*dp' that
// is a plain value, and 'packets'. 0, or -ENOMEM with nothing left behind.
int state_new(struct dataplane *dp);

// After the workers have stopped. Packets still in rings go back to their pool.
void state_free(struct dataplane *dp);
