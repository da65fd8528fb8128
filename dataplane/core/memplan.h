// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/memplan.h - all memory the dataplane takes, by arithmetic from the limits alone:
// everything is reserved at start, so that reaching a limit is trouble for the newcomer only.
#pragma once

#include "dataplane/core/config.h"
#include "proto/shm/segment.h"

#include <stdint.h>
#include <stdio.h>

// Bytes.
struct memplan {
	uint64_t segment; // shared with the control plane, outside DPDK's memory
	uint64_t tables; // transports, tracks, subscriptions, ufrags
	uint64_t workers; // tuples, fan-out lists and egress of every worker
	uint64_t rings; // between cores
	uint64_t packets;
	uint64_t packets_padding; // with 4 KiB pages (--no-huge) no packet crosses a page
	uint64_t total; // of all that lies in DPDK's memory: without segment and padding
	// On the heap, as they come and go, at the most: SRTP contexts of every transport, track
	// and subscription.
	uint64_t contexts;
};

void memplan_make(struct memplan *p, const struct shm_limits_config *limits, uint32_t packets);
void memplan_print(const struct memplan *p, FILE *to);

// What --no-huge must set aside, in MiB: the plan, and room for drivers and alignment.
unsigned memplan_eal_mb(const struct memplan *p);
