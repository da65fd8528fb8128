// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/memplan.c - the arithmetic behind the plan. Held against what state_new() really
// takes by tests/path/memplan_test.c.
#include "dataplane/core/memplan.h"
#include "dataplane/core/limits.h"
#include "dataplane/core/pools.h"
#include "dataplane/core/xmsg.h"
#include "dataplane/tables/bandwidth.h"
#include "dataplane/tables/subscription.h"
#include "dataplane/tables/track.h"
#include "dataplane/tables/transport.h"
#include "proto/rtc/loss/history.h"

#include <rte_common.h>

enum {
	HASH_ENTRY_BYTES = 128, // rte_hash: key store, free slots and buckets of one entry
	TUPLES_PER_TRANSPORT = 2 * SHM_CHECKED_TUPLES_MAX,
	// One SRTP context on OpenSSL: cipher and authentication contexts, replay window.
	CONTEXT_BYTES = 4096,
	SMALL_PAGE_BYTES = 4096,
	WORKER_BYTES = 1 << 20, // egress jobs and frames, and the worker itself
	DRIVERS_BYTES = 48 << 20, // ethdevs, mempool caches, the EAL's own
};

static uint64_t hash_bytes(uint64_t entries)
{
	return rte_align64pow2(entries) * HASH_ENTRY_BYTES;
}

void memplan_make(struct memplan *p, const struct shm_limits_config *l, uint32_t packets)
{
	uint64_t tuples = (uint64_t)l->transports * TUPLES_PER_TRANSPORT;

	*p = (struct memplan){
		.segment = shm_segment_bytes(l),
		.tables = l->transports * sizeof(struct transport) +
			  l->tracks * sizeof(struct track) +
			  l->subscriptions * sizeof(struct subscription) +
			  hash_bytes(2 * (uint64_t)l->transports),
		.rings = xmsg_rings_bytes(l->workers),
		.packets = pools_bytes(packets),
		.packets_padding = packets * (RTE_ALIGN_CEIL((uint64_t)pools_packet_bytes(),
							     SMALL_PAGE_BYTES) -
					      pools_packet_bytes()),
		.contexts = l->transports * (uint64_t)sizeof(struct bandwidth) +
			    ((uint64_t)l->transports * (RECEIVE_STREAMS_MAX + SRTCP_SOURCES_MAX) +
			     2 * (uint64_t)l->subscriptions) *
				    CONTEXT_BYTES,
	};
	uint64_t history = pools_history_packets(packets, l->workers) * sizeof(struct history_slot);

	p->workers = l->workers * (hash_bytes(tuples) + history + l->tracks * sizeof(void *) +
				   l->transports * sizeof(uint32_t) + WORKER_BYTES);
	p->total = p->tables + p->workers + p->rings + p->packets;
}

static void line(FILE *to, const char *what, uint64_t bytes)
{
	fprintf(to, "  %-34s %10.1f MiB\n", what, (double)bytes / (1 << 20));
}

void memplan_print(const struct memplan *p, FILE *to)
{
	fputs("memory plan\n", to);
	line(to, "segment shared with control plane", p->segment);
	line(to, "packets", p->packets);
	line(to, "tables", p->tables);
	line(to, "workers", p->workers);
	line(to, "rings between cores", p->rings);
	line(to, "DPDK in total", p->total);
	line(to, "SRTP contexts, with all in use", p->contexts);
}

unsigned memplan_eal_mb(const struct memplan *p)
{
	return (unsigned)((p->total + p->packets_padding + p->total / 8 + DRIVERS_BYTES +
			   (1 << 20) - 1) >>
			  20);
}
