// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/pacing.c - queues of notes, and the packets behind them once they may leave.
//
// Path     forward/burst.c -> [pacing] -> forward/rewrite.c -> egress/
// Thread   the worker that owns the subscriber's transport.
// Gone     a note ends as PACER_STALE if its consumer, or its packet, went meanwhile, or it waited
//          for REPAIR_KEPT_US: of a keyframe that takes longer than a second nothing may be
//          missing.
#include "dataplane/forward/pacing.h"

#include "dataplane/egress/egress.h"
#include "dataplane/forward/repair.h"

enum {
	TICK_US = 1000, // queues are looked at no more often
	LATE_US = 100000, // of waiting: less is shown, and is smoother than to leave it out
};

static void wake_by(struct worker *w, uint64_t at_us)
{
	if (at_us < w->pacing_us)
		w->pacing_us = at_us;
}

static void list(struct worker *w, const struct transport *t)
{
	if (t->bandwidth->listed)
		return;
	t->bandwidth->listed = true;
	w->paced[w->paced_count++] = (uint32_t)(t - w->dp->transports);
}

static void unlist(struct worker *w, unsigned i)
{
	w->dp->transports[w->paced[i]].bandwidth->listed = false;
	w->paced[i] = w->paced[--w->paced_count];
}

void pacing_queue(struct worker *w, const struct fanout_entry *c, const struct forwarding *f,
		  const struct placement *at)
{
	struct transport *t = c->transport;
	struct bandwidth *b = t->bandwidth;
	uint32_t place = pacer_place(&b->path.pacer); // a note has that of its item

	if (!pacer_push(&b->path.pacer, place, pacing_bytes(f), w->now_us)) {
		t->stats.pacer_refused++;
		drop_egress(w, SHM_EGRESS_DROP_PACER_FULL);
		return;
	}
	b->paced[place] = (struct paced_packet){
		.track = f->packet->track,
		.encoding = f->packet->encoding,
		.index = f->packet->index,
		.subscription = c->subscription,
		.generation = c->subscription->generation,
		.next = c->subscription->continuity.out_next,
		.at = *at,
	};
	list(w, t);
	uint64_t due_us = pacer_deadline_us(&b->path.pacer);
	wake_by(w, due_us > w->now_us + TICK_US ? due_us : w->now_us + TICK_US);
}

static bool is_of(const struct paced_packet *p, const struct subscription *s)
{
	return p->subscription == s && p->generation == s->generation;
}

// The lowest index that no packet has left under. What left before the first of those that wait is
// older than that, which may itself have come late; and what passed them, for the track's packets
// were not kept for a while, the engine knows.
static uint64_t unsent(struct worker *w, const struct fanout_entry *c,
		       const struct paced_packet *first)
{
	uint64_t index = first->at.out.index + 1 == first->next ? first->at.out.index : first->next;

	if (c->srtp == NULL)
		return index;
	egress_seal(w);
	uint64_t sealed = w->dp->srtp->unsealed_from(c->srtp);
	return sealed > index ? sealed : index;
}

void pacing_take_back(struct worker *w, const struct fanout_entry *c)
{
	struct bandwidth *b = c->transport->bandwidth;
	struct subscription *s = c->subscription;

	if (b == NULL ||
	    b->path.pacer.queued_bytes * 8 <= b->path.pacer.rate_bps / 1000 * (LATE_US / 1000))
		return;
	const uint32_t head = b->path.pacer.head, count = b->path.pacer.count;
	bool first = true;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t place = (head + i) & b->path.pacer.mask;
		struct paced_packet *p = &b->paced[place];

		if (!is_of(p, s))
			continue;
		if (first)
			rtp_continuity_take_back(&s->continuity, unsent(w, c, p));
		first = false;
		p->subscription = NULL;
		pacer_cancel(&b->path.pacer, place);
		drop_egress(w, SHM_EGRESS_DROP_OTHER_ENCODING);
	}
}

void pacing_repaired(struct worker *w, const struct fanout_entry *c, const struct forwarding *f)
{
	pacing_passes(c, PACKET_RETRANSMISSION, pacing_bytes(f), w->now_us);
}

static bool leave(struct worker *w, const struct paced_packet *p)
{
	struct subscription *s = p->subscription;
	const struct fanout_entry *c =
		s->generation == p->generation ? repair_consumer(w, s, p->track) : NULL;
	struct rte_mbuf *m = c != NULL ? repair_find(w, p->track, p->encoding, p->index) : NULL;
	struct forwarding f;

	if (m == NULL || !forwarding_read(w, m, &f))
		return false;
	rte_mbuf_refcnt_update(m, 1); // it may leave the history before it is sealed
	consumer_emit(w, c, &f, &p->at);
	egress_release(w, m);
	return true;
}

static void transport_due(struct worker *w, struct transport *t)
{
	struct bandwidth *b = t->bandwidth;
	struct pacer_out out;

	while (pacer_poll(&b->path.pacer, w->now_us, &out)) {
		if (b->paced[out.handle].subscription == NULL)
			continue;
		t->stats.pacer_delay_us += w->now_us - out.queued_us;
		if (w->now_us - out.queued_us > REPAIR_KEPT_US ||
		    !leave(w, &b->paced[out.handle])) {
			pacer_undo(&b->path.pacer, &out);
			drop_egress(w, SHM_EGRESS_DROP_PACER_STALE);
		}
	}
}

void pacing_due(struct worker *w)
{
	w->pacing_us = UINT64_MAX;
	for (unsigned i = w->paced_count; i-- != 0;) {
		struct transport *t = &w->dp->transports[w->paced[i]];

		transport_due(w, t);
		uint64_t due_us = pacer_deadline_us(&t->bandwidth->path.pacer);
		if (due_us == UINT64_MAX)
			unlist(w, i);
		else
			wake_by(w, due_us > w->now_us + TICK_US ? due_us : w->now_us + TICK_US);
	}
}

void pacing_stop(struct worker *w, struct transport *t)
{
	uint32_t index = (uint32_t)(t - w->dp->transports);

	for (unsigned i = w->paced_count; i-- != 0;)
		if (w->paced[i] == index)
			unlist(w, i);
}
