// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/xmsg.c - the rings between cores, and what each side may do with them.
//
// Thread   rings are made by main before the workers start; afterwards one producer and one
//          consumer each.
#include "dataplane/core/xmsg.h"
#include "dataplane/core/worker.h"

#include <errno.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <stdio.h>

enum { MAIN = UINT8_MAX };
static_assert((int)SHM_WORKERS_MAX < (int)MAIN, "a number no worker has");

// 'from' and 'to': worker ids, or MAIN.
static struct rte_ring *ring_new(uint8_t from, uint8_t to)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "core%u_core%u", from, to);
	return rte_ring_create_elem(name, sizeof(struct xmsg), XMSG_RING_SLOTS, SOCKET_ID_ANY,
				    RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static bool worker_rings_new(struct worker *workers, unsigned count, unsigned id)
{
	struct worker *w = &workers[id];

	w->to_main = ring_new((uint8_t)id, MAIN);
	w->from_main = ring_new(MAIN, (uint8_t)id);
	if (w->to_main == NULL || w->from_main == NULL)
		return false;
	for (unsigned to = 0; to < count; to++) {
		if (to == id)
			continue;
		w->to_worker[to] = ring_new((uint8_t)id, (uint8_t)to);
		if (w->to_worker[to] == NULL)
			return false;
		workers[to].from_worker[id] = w->to_worker[to];
	}
	return true;
}

int xmsg_rings_new(struct worker *workers, unsigned count)
{
	for (unsigned id = 0; id < count; id++) {
		if (worker_rings_new(workers, count, id))
			continue;
		xmsg_rings_free(workers, count);
		return -ENOMEM;
	}
	return 0;
}

void xmsg_rings_free(struct worker *workers, unsigned count)
{
	for (unsigned id = 0; id < count; id++) {
		struct worker *w = &workers[id];

		rte_ring_free(w->to_main);
		rte_ring_free(w->from_main);
		w->to_main = w->from_main = NULL;
		for (unsigned to = 0; to < count; to++) {
			rte_ring_free(w->to_worker[to]);
			w->to_worker[to] = NULL;
			workers[to].from_worker[id] = NULL;
		}
	}
}

size_t xmsg_rings_bytes(unsigned workers)
{
	ssize_t one = rte_ring_get_memsize_elem(sizeof(struct xmsg), XMSG_RING_SLOTS);

	assert(one > 0); // XMSG_RING_SLOTS is a power of two
	return (size_t)one * workers * (workers + 1);
}

static bool put(struct rte_ring *ring, const struct xmsg *msg)
{
	struct xmsg copy = *msg; // DPDK's parameter is not const

	return rte_ring_sp_enqueue_elem(ring, &copy, sizeof(copy)) == 0;
}

bool xmsg_to_main(struct worker *from, const struct xmsg *msg)
{
	return put(from->to_main, msg);
}

bool xmsg_to_worker(struct worker *from, unsigned to, const struct xmsg *msg)
{
	assert(to < from->dp->worker_count && to != from->id);
	return put(from->to_worker[to], msg);
}

bool xmsg_from_main(struct worker *to, const struct xmsg *msg)
{
	return put(to->from_main, msg);
}

unsigned xmsg_receive(struct rte_ring *ring, struct xmsg *msgs, unsigned max)
{
	return rte_ring_sc_dequeue_burst_elem(ring, msgs, sizeof(*msgs), max, NULL);
}
