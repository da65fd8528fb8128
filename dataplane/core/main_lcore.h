// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/main_lcore.h - what the main lcore does while the workers forward: kernel port,
// epochs, events, the control plane's socket and heartbeat, its own statistics.
#pragma once

#include "dataplane/core/punt.h"
#include "dataplane/core/steering.h"
#include "dataplane/core/tap_watch.h"
#include "dataplane/forward/speakers.h"
#include "dataplane/link/epochs.h"
#include "dataplane/link/events.h"
#include "dataplane/link/server.h"

#include <signal.h>

struct main_lcore {
	struct dataplane *dp;
	const struct port *wire;
	struct kernel_port *kernel;
	struct epochs *epochs;
	struct speakers *speakers;
	struct server *server;
	struct events events;
	struct punt punt;
	struct steering steering;
	struct tap_watch *tap; // NULL: the kernel port is no TAP
	bool kernel_lost; // the TAP has been deleted and is not made again yet
	struct shm_worker_stats stats;
	uint64_t now_us;
	uint64_t housekeeping_us; // next time
	uint64_t publish_us; // next time
	uint64_t unsettled_us; // when the last control plane, or an epoch of its, was last there
	uint64_t mend_us; // of the kernel port: not before
	uint64_t expire_us; // of kept answers, while no control plane is attached: not before
};

// Makes everything main needs beside the workers' state. False with a sentence.
bool main_lcore_new(struct main_lcore *m, struct dataplane *dp, const struct config *c,
		    const struct port *wire, struct kernel_port *kernel, int segment_fd, char *why,
		    size_t why_size);

// Only after the workers have stopped.
void main_lcore_free(struct main_lcore *m);

// Runs until '*stop' is set by a signal.
void main_lcore_run(struct main_lcore *m, const volatile sig_atomic_t *stop);
