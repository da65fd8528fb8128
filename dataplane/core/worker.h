// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/worker.h - one lcore with its own queue pair and its own state.
//
// Thread   every field is the worker's alone after start unless it says otherwise.
// Loop     core/loop.c: rx burst -> path_ingress(); rings -> path_message(); timers ->
//          path_housekeeping(); path_flush() seals and sends what the burst produced. Then idle.
#pragma once

#include "dataplane/core/limits.h"
#include "dataplane/core/xmsg.h"
#include "proto/rtc/layer/core_load.h"
#include "proto/rtc/loss/history.h"
#include "proto/shm/segment.h"

#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct hmac;
struct srtp_engine;
struct srtp_lanes;
struct transport;
struct track;
struct subscription;
struct fanout_list;
struct keyframe_groups;
struct track_clocks;
struct track_wishes;
struct tuple_table;
struct ufrag_table;
struct egress;
struct allocation;

// What all cores share: set at start by main, constant afterwards except for what the pointers
// lead to (each table's header says who writes it).
struct dataplane {
	struct shm_view shm;
	struct shm_limits_config limits;
	unsigned worker_count;
	uint16_t wire_port; // ethdev port id
	uint16_t wire_mtu; // bytes of an IP packet
	struct rte_ether_addr wire_mac;
	bool tx_checksum_offload; // the wire port computes IPv4 and UDP checksums
	bool udp_checksum_ipv4; // else, over IPv4: we do; false: none is sent (RFC 768)
	uint16_t public_port; // the one UDP port
	uint16_t internal_port_first; // inclusive
	uint16_t internal_port_last; // inclusive
	uint16_t plain_port_first; // inclusive
	uint16_t plain_port_last; // inclusive
	// [plain ports]: slot and generation of the plain transport that latches there; 0: none.
	// Main writes, every worker reads (tables/plain.h).
	_Atomic uint64_t *plain_ports;
	const struct srtp_engine *srtp; // opens and seals
	struct rte_mempool *packets; // received packets and what leaves; multi-producer, -consumer
	struct transport *transports; // [limits.transports]
	struct track *tracks; // [limits.tracks]
	struct subscription *subscriptions; // [limits.subscriptions]
	struct ufrag_table *ufrags; // written by main, read by every worker
	struct worker *workers; // [worker_count]
	// True while a control plane is attached and its heartbeat is young; main writes.
	_Atomic bool control_attached;
	_Atomic bool steers; // the wire port takes rules (core/steering.h); main writes, at start
};

struct worker {
	struct dataplane *dp;
	unsigned id; // 0..worker_count-1, also the queue number on the wire port
	uint64_t now_us; // CLOCK_MONOTONIC, read once a burst by the loop
	struct shm_worker_stats stats; // published every PUBLISH_US
	struct rte_ring *to_main; // struct xmsg
	struct rte_ring *from_main;
	struct rte_ring *to_worker[SHM_WORKERS_MAX]; // NULL for itself
	struct rte_ring *from_worker[SHM_WORKERS_MAX];
	struct tuple_table *tuples; // remote and local address -> transport, this worker's own
	struct fanout_list **fanout; // [limits.tracks]: this worker's consumers of a track, or NULL
	struct keyframe_groups *groups; // [limits.tracks]: what newcomers may begin with
	struct track_clocks *clocks; // [limits.tracks]: when what was sent was taken
	struct track_wishes *wishes; // [limits.tracks]: what this worker's consumers want of it
	uint32_t *transports_owned; // indices of transports this worker owns
	uint32_t transports_owned_count;
	struct hmac *hmac; // for STUN integrity, made at start
	struct srtp_lanes *srtp; // the engine's part of this worker, made at start
	struct history history; // packets its consumers may ask for again
	struct allocation *allocation; // room to choose layers in
	struct core_load load; // and what the core has time for
	struct egress *egress; // seal jobs and frames of the burst under way
	uint32_t *paced; // indices of transports that have packets waiting for room on their path
	uint32_t paced_count;
	uint64_t pacing_us; // next time one of those packets may leave; UINT64_MAX: none waits
	uint64_t housekeeping_us; // next time
	uint64_t publish_us; // next time
};

static inline void drop_ingress(struct worker *w, struct rte_mbuf *m, enum shm_ingress_drop why)
{
	w->stats.ingress_drops[why]++;
	rte_pktmbuf_free(m);
}

static inline void drop_egress(struct worker *w, enum shm_egress_drop why)
{
	w->stats.egress_drops[why]++;
}

static inline void drop_burst(struct worker *w, struct rte_mbuf **pkts, unsigned count,
			      enum shm_ingress_drop why)
{
	w->stats.ingress_drops[why] += count;
	rte_pktmbuf_free_bulk(pkts, count);
}

static inline void consumed(struct worker *w, struct rte_mbuf *m)
{
	w->stats.packets_consumed++;
	rte_pktmbuf_free(m);
}
