// SPDX-License-Identifier: Apache-2.0
//
// dataplane/ingress/lookup.c - tuple -> transport, and off to the worker that owns it.
//
// Path     ingress/parse.c -> [lookup] -> ingress/rtp.c, ingress/rtcp.c, ingress/punt.c
// Thread   the worker whose queue the packet came from.
// Trust    only a checked tuple gets further (design section 5): the gate against floods and
//          handshake races.

#include "dataplane/ingress/ingress.h"
#include "dataplane/tables/plain.h"
#include "dataplane/tables/transport.h"
#include "dataplane/tables/tuple.h"

// Gives the packet to the transport's owner; counts and drops it if that ring is full.
void ingress_hand_over(struct worker *w, struct rte_mbuf *m, uint32_t owner)
{
	struct xmsg msg = {
		.kind = XMSG_HANDOVER,
		.ref = packet_of(m)->transport,
		.mbuf = m,
	};

	packet_of(m)->from_worker = true;
	if (!xmsg_to_worker(w, owner, &msg)) {
		drop_ingress(w, m, SHM_INGRESS_DROP_HANDOVER_FULL);
		return;
	}
	w->stats.handovers++;
}

void ingress_lookup(struct worker *w, struct burst *b)
{
	unsigned kept = 0;

	tuple_table_lookup(w->tuples, b->pkts, b->count);
	for (unsigned i = 0; i < b->count; i++) {
		struct rte_mbuf *m = b->pkts[i];
		struct packet *p = packet_of(m);

		if (p->transport.generation == 0 && p->local.port != w->dp->public_port)
			p->transport = plain_ports_find(w->dp, p->local.port);
		const struct transport_config *c = transport_config_of(w->dp, p->transport);
		if (c == NULL || (c->plain && p->class == PACKET_DTLS)) {
			drop_ingress(w, m,
				     c == NULL ? SHM_INGRESS_DROP_UNCHECKED_TUPLE
					       : SHM_INGRESS_DROP_PLAIN_CLASS);
			continue;
		}
		struct transport *t = &w->dp->transports[p->transport.index];
		uint32_t owner = atomic_load_explicit(&t->owner, memory_order_acquire);
		if (owner == w->id && t->plain && !plain_admits(t, p))
			drop_ingress(w, m, SHM_INGRESS_DROP_PLAIN_SOURCE);
		else if (owner == w->id)
			b->pkts[kept++] = m;
		else if (owner == TRANSPORT_UNOWNED)
			drop_ingress(w, m, SHM_INGRESS_DROP_UNCHECKED_TUPLE);
		else
			ingress_hand_over(w, m, owner);
	}
	b->count = kept;
}
