// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/memplan.h - all memory the dataplane takes, by arithmetic from the limits alone:
// everything is reserved at start, so that reaching a limit is trouble for the newcomer only.
#pragma once

#include "dataplane/core/config.h"
#include "dataplane/srtp/engine.h"
#include "proto/shm/segment.h"

#include <stdint.h>
#include <stdio.h>

// Bytes of one record.
struct memplan_unit {
	uint64_t reserved; // at start: in DPDK's memory and in the segment
	uint64_t dpdk; // of DPDK's memory, while it is in use
	uint64_t heap; // of the C library's, while it is in use: SRTP, the dearest suite
};

// Bytes.
struct memplan {
	uint64_t segment; // shared with the control plane, outside DPDK's memory
	uint64_t tables; // transports, tracks, subscriptions, ufrags
	uint64_t workers; // tuples, fan-out lists and egress of every worker
	uint64_t rings; // between cores
	uint64_t packets;
	uint64_t packets_padding; // with 4 KiB pages (--no-huge) no packet crosses a page
	uint64_t total; // of all that lies in DPDK's memory: without segment and padding
	uint64_t in_use; // of DPDK's memory besides, as records come and go, at the most
	// On the heap, as they come and go, at the most: SRTP contexts of every transport, track
	// and subscription.
	uint64_t contexts;
	// Code, libraries, heap and stacks once it runs: not arithmetic, but measured on Debian 12
	// (tests/system/memory_test.py holds 'resident' against /proc).
	uint64_t program;
	// VmRSS and HugetlbPages at start; what the wire port's driver maps comes on top.
	uint64_t resident;
	struct memplan_unit transport; // with one link and both ways of SRTCP
	struct memplan_unit track; // of one encoding with RTX
	struct memplan_unit consumer; // a subscription, without RTX
};

// 'srtp' is the engine that will run.
void memplan_make(struct memplan *p, const struct shm_limits_config *limits, uint32_t packets,
		  const struct srtp_engine *srtp);
void memplan_print(const struct memplan *p, FILE *to);

// What --no-huge must set aside, in MiB: the plan, and room for drivers and alignment.
unsigned memplan_eal_mb(const struct memplan *p);
