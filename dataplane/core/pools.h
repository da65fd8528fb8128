// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/pools.h - the packet pool.
#pragma once

#include "dataplane/core/packet.h"

#include <rte_mempool.h>
#include <stddef.h>
#include <stdint.h>

// Of an mbuf: struct packet. Whole cache lines, so that a frame begins with one: else half of the
// stores to its headers, and of the engine's, would touch two.
enum { POOLS_PRIVATE_BYTES = RTE_ALIGN_MUL_CEIL(sizeof(struct packet), RTE_CACHE_LINE_SIZE) };

// Makes the pool of 'packets' mbufs, each with a struct packet in its private area and room for
// one frame. Mbufs cross cores, so it is multi-producer and multi-consumer. NULL with rte_errno.
struct rte_mempool *pools_packets_new(unsigned packets);

// Bytes of one mbuf with everything in and around it, for the memory plan.
size_t pools_packet_bytes(void);

// Packets that one of 'workers' may keep for retransmission: a power of two; all workers together
// at most half of the pool.
uint32_t pools_history_packets(uint32_t packets, unsigned workers);

// Bytes of the whole pool: mbufs, the ring of the free ones, and every core's cache.
uint64_t pools_bytes(unsigned packets);
