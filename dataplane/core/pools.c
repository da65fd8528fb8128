// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/pools.c - makes the packet pool.
#include "dataplane/core/pools.h"
#include "dataplane/core/limits.h"
#include "dataplane/core/packet.h"

#include <assert.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

enum {
	DATA_BYTES = HEADROOM_BYTES + FRAME_BYTES_MAX,
	CORE_CACHE = 256, // mbufs a core keeps to itself
};
static_assert((int)HEADROOM_BYTES == RTE_PKTMBUF_HEADROOM, "the drivers leave what we count on");

struct rte_mempool *pools_packets_new(unsigned packets)
{
	return rte_pktmbuf_pool_create("packets", packets, CORE_CACHE, POOLS_PRIVATE_BYTES,
				       DATA_BYTES, (int)rte_socket_id());
}

size_t pools_packet_bytes(void)
{
	struct rte_mempool_objsz sizes;

	return rte_mempool_calc_obj_size(sizeof(struct rte_mbuf) + POOLS_PRIVATE_BYTES + DATA_BYTES,
					 0, &sizes);
}

uint64_t pools_bytes(unsigned packets)
{
	uint64_t ring = rte_align64pow2((uint64_t)packets + 1) * sizeof(void *);

	return packets * (uint64_t)pools_packet_bytes() + ring +
	       RTE_MAX_LCORE * sizeof(struct rte_mempool_cache);
}

uint32_t pools_history_packets(uint32_t packets, unsigned workers)
{
	return rte_align32prevpow2(packets / 2 / workers);
}
