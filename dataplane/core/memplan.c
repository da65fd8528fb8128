// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/memplan.c - the arithmetic behind the plan. Held against what state_new() really
// takes by tests/path/memplan_test.c.
#include "dataplane/core/memplan.h"
#include "dataplane/core/limits.h"
#include "dataplane/core/pools.h"
#include "dataplane/core/xmsg.h"
#include "dataplane/forward/keyframe_group.h"
#include "dataplane/srtp/srtcp.h"
#include "dataplane/tables/bandwidth.h"
#include "dataplane/tables/subscription.h"
#include "dataplane/tables/track.h"
#include "dataplane/tables/transport.h"
#include "proto/rtc/loss/history.h"

#include <rte_common.h>

enum {
	HASH_ENTRY_BYTES = 128, // rte_hash: key store, free slots and buckets of one entry
	TUPLES_PER_TRANSPORT = 2 * SHM_CHECKED_TUPLES_MAX,
	ELEMENT_BYTES = 128, // rte_malloc: in front of what it gives
	CHUNK_BYTES = 16, // malloc: the same, and its rounding
	SMALL_PAGE_BYTES = 4096,
	// A worker's own of every track: its consumers, what newcomers may begin with, clocks,
	// wishes.
	TRACK_BYTES = sizeof(void *) + sizeof(struct keyframe_groups) +
		      sizeof(struct track_clocks) + sizeof(struct track_wishes),
	WORKER_BYTES = 1 << 20, // egress jobs and frames, and the worker itself
	PROGRAM_BYTES = 30 << 20,
	DRIVERS_BYTES = 48 << 20, // ethdevs, mempool caches, the EAL's own
};

static uint64_t hash_bytes(uint64_t entries)
{
	return rte_align64pow2(entries) * HASH_ENTRY_BYTES;
}

static uint64_t element_bytes(uint64_t bytes)
{
	return ELEMENT_BYTES + RTE_ALIGN_CEIL(bytes, RTE_CACHE_LINE_SIZE);
}

static uint64_t stream_bytes(const struct srtp_engine *srtp, enum srtp_direction direction)
{
	return CHUNK_BYTES + srtp->stream_bytes(SHM_SUITE_AEAD_AES_256_GCM, direction);
}

static void units_make(struct memplan *p, const struct shm_limits_config *limits,
		       const struct srtp_engine *srtp)
{
	uint64_t tuples = limits->workers * (uint64_t)TUPLES_PER_TRANSPORT * HASH_ENTRY_BYTES;

	p->transport = (struct memplan_unit){
		.reserved = sizeof(struct transport) + 2 * HASH_ENTRY_BYTES + tuples +
			    2 * limits->workers * sizeof(uint32_t) +
			    sizeof(struct shm_transport_slot),
		.dpdk = element_bytes(sizeof(struct transport_config)) +
			element_bytes(sizeof(struct transport_links) + sizeof(uint64_t)) +
			element_bytes(sizeof(struct bandwidth)),
		.heap = 4 * CHUNK_BYTES + srtcp_bytes(srtp->srtcp, SHM_SUITE_AEAD_AES_256_GCM) +
			SENT_SSRCS_FIRST * sizeof(uint32_t),
	};
	p->track = (struct memplan_unit){
		.reserved = sizeof(struct track) + sizeof(struct shm_track_slot) +
			    limits->workers * TRACK_BYTES,
		.dpdk = element_bytes(sizeof(struct track_config)) +
			element_bytes(sizeof(struct fanout_list) +
				      FANOUT_AHEAD * sizeof(struct fanout_entry)) +
			element_bytes(SHM_ENCODINGS_MAX * sizeof(struct nack_generator)),
		.heap = 2 * stream_bytes(srtp, SRTP_RECEIVE),
	};
	p->consumer = (struct memplan_unit){
		.reserved = sizeof(struct subscription) + sizeof(struct shm_subscription_slot),
		.dpdk = element_bytes(sizeof(struct subscription_config)) +
			sizeof(struct fanout_entry) + sizeof(struct consumer_ssrc) +
			sizeof(uint32_t),
		.heap = stream_bytes(srtp, SRTP_SEND),
	};
}

void memplan_make(struct memplan *p, const struct shm_limits_config *l, uint32_t packets,
		  const struct srtp_engine *srtp)
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
	};
	uint64_t history = pools_history_packets(packets, l->workers) * sizeof(struct history_slot);

	p->workers = l->workers * (hash_bytes(tuples) + history + l->tracks * TRACK_BYTES +
				   l->transports * sizeof(uint32_t) + WORKER_BYTES);
	p->total = p->tables + p->workers + p->rings + p->packets;
	units_make(p, l, srtp);
	p->in_use = l->transports * p->transport.dpdk + l->tracks * p->track.dpdk +
		    l->subscriptions * p->consumer.dpdk;
	p->program = PROGRAM_BYTES;
	p->resident = p->total + p->segment + p->program;
	p->contexts = l->transports * p->transport.heap + l->tracks * p->track.heap +
		      2 * (uint64_t)l->subscriptions * p->consumer.heap;
}

static void unit(FILE *to, const char *what, const struct memplan_unit *u)
{
	fprintf(to, "  %-34s %10.1f KiB at start, in use %.1f more of DPDK, %.1f of SRTP\n", what,
		(double)u->reserved / 1024, (double)u->dpdk / 1024, (double)u->heap / 1024);
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
	line(to, "program and libraries", p->program);
	line(to, "resident at start", p->resident);
	line(to, "DPDK besides, with all in use", p->in_use);
	line(to, "SRTP contexts, with all in use", p->contexts);
	unit(to, "a transport", &p->transport);
	unit(to, "a track (one encoding, RTX)", &p->track);
	unit(to, "a consumer", &p->consumer);
}

unsigned memplan_eal_mb(const struct memplan *p)
{
	return (unsigned)((p->total + p->in_use + p->packets_padding + p->total / 8 +
			   DRIVERS_BYTES + (1 << 20) - 1) >>
			  20);
}
