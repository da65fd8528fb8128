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
#include <rte_udp.h>
#include <string.h>

struct egress *egress_new(struct dataplane *dp, unsigned worker)
{
	(void)dp;
	(void)worker;
	return rte_zmalloc("egress", sizeof(struct egress), RTE_CACHE_LINE_SIZE);
}

void egress_free(struct egress *e)
{
	if (e == NULL)
		return;
	for (unsigned i = 0; i < e->frame_count; i++)
		rte_pktmbuf_free(e->entries[i].frame);
	rte_free(e);
}

bool egress_path_ok(struct worker *w, const struct transport *t)
{
	if (t->phase == SHM_PHASE_ESTABLISHED && t->path.size != 0)
		return true;
	drop_egress(w, t->phase == SHM_PHASE_EXPIRED ? SHM_EGRESS_DROP_NO_CONSENT
						     : SHM_EGRESS_DROP_NO_PATH);
	return false;
}

struct rte_mbuf *egress_frame_new(struct worker *w, const struct header_template *h, size_t size)
{
	if (h->size - h->l2_size + size > w->dp->wire_mtu) {
		drop_egress(w, SHM_EGRESS_DROP_TOO_LONG);
		return NULL;
	}
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->dp->packets);
	if (m == NULL) {
		drop_egress(w, SHM_EGRESS_DROP_NO_MBUF);
		return NULL;
	}
	void *at = rte_pktmbuf_append(m, (uint16_t)(h->size + size));
	if (at == NULL) { // an MTU above what our frames have room for
		drop_egress(w, SHM_EGRESS_DROP_TOO_LONG);
		rte_pktmbuf_free(m);
		return NULL;
	}
	memcpy(at, h->bytes, h->size);
	m->l2_len = h->l2_size;
	m->l3_len = h->l3_size;
	return m;
}

uint8_t *egress_frame_payload(struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod_offset(m, uint8_t *,
				       m->l2_len + m->l3_len + sizeof(struct rte_udp_hdr));
}

struct egress_entry *egress_queue(struct worker *w, struct rte_mbuf *m)
{
	struct egress *e = w->egress;

	if (e->frame_count == EGRESS_FRAMES_MAX)
		egress_flush(w);
	struct egress_entry *entry = &e->entries[e->frame_count++];
	*entry = (struct egress_entry){.frame = m};
	return entry;
}

bool egress_datagram(struct worker *w, const struct checked_tuple *to, const uint8_t *bytes,
		     size_t size)
{
	struct header_template h;

	egress_header_template(&h, to);
	if (h.size == 0) {
		drop_egress(w, SHM_EGRESS_DROP_NO_PATH);
		return false;
	}
	struct rte_mbuf *m = egress_frame_new(w, &h, size);
	if (m == NULL)
		return false;
	memcpy(egress_frame_payload(m), bytes, size);
	header_finish(w->dp, m, size);
	egress_queue(w, m);
	return true;
}

void egress_frame(struct worker *w, struct rte_mbuf *m)
{
	egress_queue(w, m);
}
