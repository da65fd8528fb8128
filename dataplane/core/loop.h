// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/loop.h - the workers' loop, and how main starts and ends it.
#pragma once

#include "dataplane/core/worker.h"

#include <stdatomic.h>
#include <stdbool.h>

struct loops {
	struct dataplane *dp;
	bool adaptive;
	_Atomic bool stop;
};

// Starts every worker on its lcore (worker i on lcore i + 1). 0, or -errno when an lcore is missing
// or busy; then none runs.
int loops_start(struct loops *l, struct dataplane *dp, bool adaptive);

// Ends them between two bursts and waits.
void loops_stop(struct loops *l);

// One turn of a worker's loop, for tests. Returns true if there was anything to do.
bool loop_turn(struct worker *w);
