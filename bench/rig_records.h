// SPDX-License-Identifier: Apache-2.0
//
// bench/rig_records.h - a rig from the inside: transports, tracks and subscriptions by epochs.
// Inside the rig's files only.
#pragma once

#include "bench/rig.h"
#include "dataplane/link/epochs.h"
#include "dataplane/srtp/engine.h"
#include "proto/rtc/addr.h"
#include "proto/shm/command.h"

#include <rte_mbuf.h>

enum { RIG_PT = 96, RIG_TRACK_SSRC = 0x1000000, RIG_OPS_MAX = 32, RIG_TEMPORAL_MAX = 1 };

struct rig {
	struct rig_plan plan;
	struct dataplane dp;
	struct worker *worker; // number 0
	struct epochs *epochs;
	int shm_fd;
	uint32_t publishers; // transports 0 .. publishers - 1; the others are consumers
	uint32_t header_bytes; // of what a consumer gets
	uint64_t epoch;
	uint64_t acked;
	struct shm_command ops[RIG_OPS_MAX];
	uint32_t op_count;
	struct rte_mbuf **frames;
	unsigned frame_count;
	uint32_t next_track;
	uint64_t *next_seq; // by track
	struct srtp_stream **streams; // the publishers', by track
	struct srtp_lanes *lanes;
	struct rig_stages stages;
	struct srtp_engine engine_measured;
	uint16_t (*port_transmit)(void *queue, struct rte_mbuf **frames, uint16_t count);
};

static inline bool rig_is_video(const struct rig_plan *plan)
{
	return plan->bytes >= 300 || (plan->features & (BENCH_HISTORY | BENCH_LAYERS)) != 0;
}

// Everything the plan says, running.
void rig_records_make(struct rig *r);

// Every consumer's path has an estimate, wide enough that nothing waits.
void rig_paths_paced(struct rig *r);

// What the allocation would do where room is short: no consumer gets the topmost temporal layer.
void rig_layers_bound(struct rig *r);

// Writes Ethernet, IPv4 and UDP of a frame with 'udp_bytes' of payload from transport 'from'.
void rig_frame_header(const struct rig *r, uint32_t from, uint8_t *frame, size_t udp_bytes);
