// SPDX-License-Identifier: Apache-2.0
//
// bench/rig.h - a dataplane with publishers and consumers in it, made by real epochs, on a null
// port. No worker's thread runs: the bench calls the stages as core/loop.c does.
#pragma once

#include "bench/options.h"
#include "dataplane/core/worker.h"

struct rig_plan {
	const struct srtp_engine *engine;
	enum shm_suite suite;
	enum bench_checksum checksum;
	uint32_t bytes; // RTP payload; 300 and more count as video, and so does what has features
			// of video
	uint32_t features; // enum bench_feature
	uint32_t tracks;
	uint32_t consumers; // of each track, each on a transport of its own
	uint32_t workers; // 0: one. Publishers are worker 0's; consumers go round
};

enum { RIG_WORKERS_MAX = 4 }; // and as many lcores, where the machine has the cores

struct rig_stages { // TSC ticks since rig_stages_reset()
	uint64_t open;
	uint64_t seal;
	uint64_t transmit;
};

struct rig;

// Starts the EAL on the first call. Ends the process with a sentence on failure.
struct rig *rig_new(const struct rig_plan *plan);
// The same with nothing in it yet: rig_records_make() is what fills it (rig_records.h).
struct rig *rig_empty(const struct rig_plan *plan);
void rig_free(struct rig *r);

// What its memory lies in: "huge" or "4k".
const char *rig_pages(void);

struct worker *rig_worker(struct rig *r, unsigned id);

// Bytes in front of the payload of what a consumer gets: RTP header and extension.
uint32_t rig_header_bytes(const struct rig *r);

// Makes 'count' received packets, the next of one track after another. Not timed.
void rig_receive(struct rig *r, unsigned count);
// Runs them through worker 0's path in bursts. Returns how many consumers' packets it sent.
unsigned rig_run(struct rig *r);

// From now on the time inside the engine and the port is measured, too.
void rig_stages_start(struct rig *r);
struct rig_stages rig_stages_stop(struct rig *r);
