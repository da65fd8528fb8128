// SPDX-License-Identifier: Apache-2.0
//
// dataplane/egress/egress.c - frames of our own: allocation, plain datagrams, the kernel's frames.
//
// Path     forward/, ingress/stun.c, main -> [egress] -> egress/tx.c
// Thread   one worker each.
#include "dataplane/egress/egress.h"

#include "dataplane/egress/header.h"
#include "dataplane/egress/queue.h"

#include <rte_malloc.h>
#include <string.h>

struct egress *egress_new(void)
{
	return rte_zmalloc("egress", sizeof(struct egress), RTE_CACHE_LINE_SIZE);
}

void egress_free(struct egress *e)
{
	if (e == NULL)
		return;
	rte_pktmbuf_free_bulk(e->frames, e->frame_count + e->fresh_count);
	rte_pktmbuf_free_bulk(e->sources, e->source_count);
	rte_pktmbuf_free_bulk(e->waiting, e->waiting_count);
	rte_free(e);
}

bool egress_take_fresh(struct worker *w, unsigned wanted)
{
	struct egress *e = w->egress;
	unsigned count = RTE_MIN(wanted < EGRESS_FRESH_FEW ? (unsigned)EGRESS_FRESH_ONCE : wanted,
				 BURST_PKTS_MAX - e->frame_count);

	for (; count != 0; count /= 2) {
		if (rte_mempool_get_bulk(w->dp->packets, (void **)egress_next(e), count) != 0)
			continue;
		e->fresh_count = count;
		return true;
	}
	return false;
}

struct rte_mbuf *egress_copy(struct worker *w, const uint8_t *payload, size_t size)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->dp->packets);

	if (m != NULL)
		memcpy(rte_pktmbuf_mtod(m, void *), payload, size);
	return m;
}

bool egress_datagram(struct worker *w, const struct checked_tuple *to, const uint8_t *bytes,
		     size_t size)
{
	struct header_template h;

	egress_header_template(w->dp, &h, to);
	if (h.size == 0) {
		drop_egress(w, SHM_EGRESS_DROP_NO_PATH);
		return false;
	}
	struct rte_mbuf *m = egress_take(w, &h, size);
	if (m == NULL)
		return false;
	memcpy(egress_frame(m) + h.size, bytes, size);
	egress_queue_datagram(w, &h, NULL, size);
	return true;
}

// The fresh mbuf in the next place moves behind the others, or back to the pool.
static void vacate(struct egress *e)
{
	struct rte_mbuf **next = egress_next(e);

	if (e->frame_count + e->fresh_count != BURST_PKTS_MAX) {
		next[e->fresh_count] = *next;
	} else {
		rte_pktmbuf_free(*next);
		e->fresh_count--;
	}
}

void egress_kernel_frame(struct worker *w, struct rte_mbuf *m)
{
	struct egress *e = w->egress;

	if (e->frame_count == BURST_PKTS_MAX)
		egress_send(w);
	if (e->fresh_count != 0)
		vacate(e);
	e->entries[e->frame_count] = egress_entry_of(NULL, NULL, 0, 0);
	e->frames[e->frame_count++] = m;
}
