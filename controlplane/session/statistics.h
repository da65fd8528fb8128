// SPDX-License-Identifier: Apache-2.0
// controlplane/session/statistics.h - the dataplane's numbers, read from the segment, under the
// names of our resources.
//
// Path     segment -> statistics_workers.c, statistics_media.c -> statistics_service.c -> a call
// Thread   the API's GMainContext.
#pragma once

#include "controlplane/rpc/call.h"
#include "controlplane/session/participant.h"
#include "proto/api/sluice/v1/statistics.pb-c.h"
#include "proto/shm/stats.h"

struct node;
struct transport;

// Messages of one answer, freed together.
struct statistics {
	GPtrArray *owned; // strings
	GPtrArray *workers, *drops, *transports, *inbound, *outbound;
	GPtrArray *remote_inbound, *remote_outbound;
	Sluice__V1__Books books;
};

// A zeroed message of 'size' bytes at the end of one of the lists.
void *statistics_add(GPtrArray *list, size_t size);

// statistics_workers.c: every core and drop, and the books. A dataplane is attached.
void statistics_add_workers(struct statistics *a, struct node *node);
void statistics_fill_worker(Sluice__V1__WorkerStats *m, uint32_t number,
			    const struct shm_worker_stats *s);

// statistics_media.c: transports, tracks and subscriptions; what an API's transport has besides
// those of its participant.
void statistics_add_participant(struct statistics *a, const struct participant *p);
void statistics_add_consumers(struct statistics *a, const struct transport *t);

// Handler of GetStatistics; 'data' is the node.
void statistics_get(struct rpc_call *call, void *data);
