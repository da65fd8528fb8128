// SPDX-License-Identifier: Apache-2.0
//
// dataplane/ingress/rtcp.c - SRTCP from a checked tuple, opened and handed to forward/feedback.c.
//
// Path     ingress/lookup.c -> [rtcp] -> forward/feedback.c
// Thread   the worker that owns the transport.

#include "proto/rtc/rtcp.h"
#include "dataplane/forward/forward.h"
#include "dataplane/ingress/ingress.h"
#include "dataplane/tables/plain.h"
#include "dataplane/tables/transport.h"

static enum shm_ingress_drop drop_of(enum srtp_status status)
{
	switch (status) {
	case SRTP_FAIL_REPLAY:
		return SHM_INGRESS_DROP_SRTCP_REPLAY;
	case SRTP_FAIL_MALFORMED:
		return SHM_INGRESS_DROP_RTCP_MALFORMED;
	case SRTP_FAIL_ENGINE:
		return SHM_INGRESS_DROP_SRTCP_SOURCES;
	case SRTP_FAIL_AUTH:
	case SRTP_OK:
		break;
	}
	return SHM_INGRESS_DROP_SRTCP_AUTH;
}

static void open_one(struct worker *w, struct rte_mbuf *m)
{
	const struct packet *p = packet_of(m);
	struct transport *t = &w->dp->transports[p->transport.index];
	size_t size = p->payload_size;

	if (t->phase != SHM_PHASE_ESTABLISHED) {
		drop_ingress(w, m,
			     t->phase == SHM_PHASE_EXPIRED ? SHM_INGRESS_DROP_TRANSPORT_EXPIRED
							   : SHM_INGRESS_DROP_NOT_ESTABLISHED);
		return;
	}
	enum srtp_status status =
		t->rtp_only ? SRTP_OK : srtcp_open(t->srtcp, w->srtp, packet_payload(m), &size);
	if (status != SRTP_OK) {
		drop_ingress(w, m, drop_of(status));
		return;
	}
	// Another of the burst may have latched. RTCP alone proves nothing.
	if (t->plain && (!plain_admits(t, p) || (t->rtp_only && t->latching))) {
		drop_ingress(w, m, SHM_INGRESS_DROP_PLAIN_SOURCE);
		return;
	}
	t->stats.packets_received++;
	t->stats.bytes_received += p->payload_size;
	if (!rtcp_check(packet_payload(m), size)) {
		drop_ingress(w, m, SHM_INGRESS_DROP_RTCP_MALFORMED);
		return;
	}
	if (t->plain)
		plain_received(w, t, p);
	if (!forward_rtcp(w, t, packet_payload(m), size)) {
		drop_ingress(w, m, SHM_INGRESS_DROP_RTCP_RATE);
		return;
	}
	consumed(w, m);
}

void ingress_rtcp(struct worker *w, struct burst *b)
{
	for (unsigned i = 0; i < b->count; i++)
		open_one(w, b->pkts[i]);
	b->count = 0;
}
