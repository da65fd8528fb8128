// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/repair.h - packets kept for consumers that miss some, and answers to their
// NACKs.
//
// Thread   the worker itself; repair_stop: main, after the workers have stopped.
#pragma once

#include "dataplane/core/worker.h"
#include "dataplane/tables/subscription.h"
#include "proto/rtc/loss/keyframe_cache.h"
#include "proto/rtc/rtcp.h"

struct rte_mbuf;

enum {
	REPAIR_AGE_US = 1000000, // an older packet helps nobody who missed it
	REPAIR_KEPT_US = KEYFRAME_CACHE_AGE_MAX_US, // but may be one that newcomers begin with
};

// Keeps a reference to a forwarded video packet for REPAIR_KEPT_US at the most.
void repair_keep(struct worker *w, struct rte_mbuf *m);

// Housekeeping: lets go of what is too old, and of more where the pool runs low.
void repair_due(struct worker *w);

// The kept packet of an encoding numbered 'index', NULL if it is gone. It stays the history's.
struct rte_mbuf *repair_find(const struct worker *w, struct shm_ref track, uint8_t encoding,
			     uint64_t index);

// The consumer's place among those of its track on this worker, NULL if it has none.
const struct fanout_entry *repair_consumer(const struct worker *w, const struct subscription *s,
					   struct shm_ref track);

// Lets go of everything.
void repair_stop(struct worker *w);

// The subscriber misses packets of consumer 's' of 'track': 'p' is its NACK.
void repair_nack(struct worker *w, struct subscription *s, struct shm_ref track,
		 const struct rtcp_packet *p);
