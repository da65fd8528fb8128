// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/path.c - the order of the stages, in one place.
//
// Path     rx burst -> parse -> lookup -> rtp | rtcp | stun | punt -> forward -> egress -> tx burst
// Thread   one worker.

#include "dataplane/core/path.h"

#include "dataplane/egress/egress.h"
#include "dataplane/forward/allocation.h"
#include "dataplane/forward/bandwidth.h"
#include "dataplane/forward/forward.h"
#include "dataplane/forward/pacing.h"
#include "dataplane/forward/repair.h"
#include "dataplane/forward/wanted.h"
#include "dataplane/ingress/ingress.h"
#include "dataplane/ingress/streams.h"
#include "dataplane/link/publish.h"
#include "dataplane/tables/epoch.h"
#include "dataplane/tables/plain.h"
#include "dataplane/tables/tuple.h"

static void run(struct worker *w, struct ingress_classes *c)
{
	ingress_stun(w, &c->stun);
	ingress_rtp(w, &c->rtp);
	forward_rtp(w, c->rtp.pkts, c->rtp.count);
	ingress_rtcp(w, &c->rtcp);
	ingress_punt(w, &c->dtls);
	ingress_punt(w, &c->other);
}

void path_ingress(struct worker *w, struct rte_mbuf **frames, unsigned count)
{
	struct ingress_classes classes = {0};
	struct burst in = {.count = count};

	memcpy(in.pkts, frames, count * sizeof(frames[0]));
	w->stats.packets_received += count;
	ingress_parse(w, &in, &classes);
	ingress_lookup(w, &classes.rtp);
	ingress_lookup(w, &classes.rtcp);
	ingress_lookup(w, &classes.dtls);
	run(w, &classes);
}

// A rule in the wire port would spare the way over the ring. With it in force the tuple has to be
// in the owner's own table: so far it is in that of the worker that received its check.
static void ask_for_rule(struct worker *w, struct transport *t, const struct packet *p)
{
	struct xmsg msg = {.kind = XMSG_STEER, .ref = p->transport};

	if (w->now_us < t->steer_due_us || !rtc_addr_equal(&p->remote, &t->selected_remote) ||
	    !rtc_addr_equal(&p->local, &t->selected_local) ||
	    !atomic_load_explicit(&w->dp->steers, memory_order_relaxed))
		return;
	t->steer_due_us = w->now_us + STEER_INTERVAL_US;
	if (!t->plain && !tuple_table_add(w->tuples, &p->remote, &p->local, p->transport))
		return;
	xmsg_to_main(w, &msg); // asked again if it is lost
}

// A packet another worker received: its tuple is checked here, where the list is.
static void handed_over(struct worker *w, struct rte_mbuf *m)
{
	struct packet *p = packet_of(m);
	struct transport *t = transport_owned(w, p->transport);
	struct ingress_classes classes = {0};
	struct burst one = {.pkts = {m}, .count = 1};

	p->arrival_us = w->now_us;
	if (t == NULL) {
		drop_ingress(w, m, SHM_INGRESS_DROP_HANDOVER_STALE);
		return;
	}
	if (t->plain ? !plain_admits(t, p)
		     : p->class != PACKET_STUN && !transport_tuple_known(t, p)) {
		drop_ingress(w, m,
			     t->plain ? SHM_INGRESS_DROP_PLAIN_SOURCE
				      : SHM_INGRESS_DROP_UNCHECKED_TUPLE);
		return;
	}
	ask_for_rule(w, t, p);
	if (p->class == PACKET_RTP)
		classes.rtp = one;
	else if (p->class == PACKET_RTCP)
		classes.rtcp = one;
	else if (p->class == PACKET_STUN)
		classes.stun = one;
	else
		classes.dtls = one;
	run(w, &classes);
}

// A frame of the kernel's. One that belongs to a transport goes to a checked tuple or nowhere.
static void kernel_frame(struct worker *w, const struct xmsg *msg)
{
	struct transport *t;

	if (msg->ref.generation != 0) {
		t = transport_owned(w, msg->ref);
		if (t == NULL || !transport_tuple_known(t, packet_of(msg->mbuf))) {
			drop_egress(w, SHM_EGRESS_DROP_KERNEL_UNMAPPED);
			rte_pktmbuf_free(msg->mbuf);
			return;
		}
	}
	egress_kernel_frame(w, msg->mbuf);
}

void path_message(struct worker *w, const struct xmsg *msg)
{
	switch (msg->kind) {
	case XMSG_FANOUT:
		forward_local(w, msg->mbuf);
		break;
	case XMSG_HANDOVER:
		handed_over(w, msg->mbuf);
		break;
	case XMSG_KEYFRAME:
	case XMSG_SENDER_REPORT:
		forward_message(w, msg);
		break;
	case XMSG_WANTED:
		wanted_message(w, msg);
		break;
	case XMSG_KERNEL_TX:
		kernel_frame(w, msg);
		break;
	case XMSG_ADD_TUPLE:
		ingress_add_tuple(w, msg->mbuf, msg->ref);
		break;
	case XMSG_STREAM:
		streams_made(w, msg->ref, msg->b, msg->pointer);
		break;
	case XMSG_EPOCH:
		path_flush(w); // jobs under way hold streams the epoch may take away
		epoch_apply(w, msg->pointer);
		break;
	default:
		assert(!"a message kind no worker receives");
	}
}

void path_housekeeping(struct worker *w)
{
	for (uint32_t i = 0; i < w->transports_owned_count; i++) {
		struct transport *t = &w->dp->transports[w->transports_owned[i]];
		if (t->plain)
			plain_due(w, t);
		else
			ingress_consent_due(w, t);
		ingress_layers_due(w, t);
		forward_due(w, t);
		bandwidth_due(w, t);
		allocation_due(w, t);
		wanted_due(w, t);
		egress_rtcp_due(w, t);
	}
	repair_due(w);
	tuple_table_sweep(w->tuples, w->dp);
	w->housekeeping_us = w->now_us + HOUSEKEEPING_US;
	if (w->now_us >= w->publish_us) {
		publish_all(w);
		w->publish_us = w->now_us + PUBLISH_US;
	}
}

void path_pacing(struct worker *w)
{
	pacing_due(w);
}

void path_flush(struct worker *w)
{
	egress_flush(w);
}
