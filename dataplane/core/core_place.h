// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/core_place.h - which core a thread runs on, into its statistics.
#pragma once

#include "proto/shm/stats.h"

// Once, by the thread itself before its loop: lcore, CPU (-1 if it may run on several) and NUMA
// node.
void core_place(struct shm_worker_stats *stats);
