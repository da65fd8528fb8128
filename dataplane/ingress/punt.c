// SPDX-License-Identifier: Apache-2.0
//
// dataplane/ingress/punt.c - what is for the host kernel goes to the main lcore.
//
// Path     ingress/lookup.c (DTLS), ingress/stun.c, ingress/parse.c (the rest) -> [punt] -> main
// Thread   the worker. Budgets are main's (core/punt.c): it sees what all workers punt together.

#include "dataplane/ingress/ingress.h"

void ingress_punt_one(struct worker *w, struct rte_mbuf *m)
{
	struct xmsg msg = {.kind = XMSG_PUNT, .ref = packet_of(m)->transport, .mbuf = m};

	if (!xmsg_to_main(w, &msg))
		drop_ingress(w, m, SHM_INGRESS_DROP_PUNT_FULL);
}

void ingress_punt(struct worker *w, struct burst *b)
{
	for (unsigned i = 0; i < b->count; i++)
		ingress_punt_one(w, b->pkts[i]);
	b->count = 0;
}
