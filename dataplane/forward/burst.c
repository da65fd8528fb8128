// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/burst.c - a packet to all consumers of this worker, up to BURST_PKTS_MAX at a
// time.
//
// Path     forward/fanout.c -> [choose -> place -> pace -> write -> note -> number -> patch] ->
//          egress/; whoever does not get the packet as nearly all do: forward/rewrite.c
// Thread   the worker that owns the subscribers' transports.
// Stages   loops of their own: each has so few things at hand that the core's registers hold them.
//          A single loop took half as many instructions again, to spill and to read back.
#include "dataplane/forward/pacing.h"
#include "dataplane/forward/rewrite.h"
#include "dataplane/tables/bandwidth.h"
#include "proto/rtc/bytes.h"

#include <rte_prefetch.h>

// Everything a packet will touch of a consumer, but for its keys: the engine fetches those.
static void fetch(const struct fanout_entry *c)
{
	rte_prefetch0(&c->subscription->continuity);
	rte_prefetch0(&c->subscription->generation);
	rte_prefetch0(&c->transport->path);
	rte_prefetch0(&c->transport->phase); // and statistics
}

// What those lines lead to.
static void fetch_near(const struct fanout_entry *c)
{
	bandwidth_fetch(c->transport);
	if (!c->subscription->whole)
		rte_prefetch0(&c->subscription->layers);
}

// One received packet as it concerns consumers of one class whose frames have one form. Copied from
// where it stands, so that nothing that is written to their packets makes it be read again; and by
// each stage once more, as far as that uses it.
struct usual {
	const struct packet *packet;
	struct rtp_continuity_in in;
	struct egress_rtp_head head;
	const uint8_t *payload;
	uint32_t payload_size;
	uint32_t size; // RTP header and payload
	struct egress_rtp_form form;
	uint8_t ext_class;
	uint8_t codec;
	uint8_t pt;
	uint64_t sealing;
	uint32_t tag_bytes;
	bool steady; // may be to those who follow layers
	bool estimated; // estimates of paths are asked, or told
	enum packet_kind kind;
};

struct placed {
	const struct fanout_entry *entry;
	struct placement at;
};

// Whether it is to a consumer what it is to nearly every one: sealed, along an open path.
static __rte_always_inline bool is_usual(const struct usual *u, const struct fanout_entry *c)
{
	const struct transport *t = c->transport;

	return c->ext_class == u->ext_class && c->pt[u->codec] == u->pt && c->srtp != NULL &&
	       transport_sealing(t) == u->sealing && t->path.size == u->form.frame.size;
}

// A burst of a packet's consumers, stage by stage. Each has few things at hand, which is why they
// are no single one.
struct fanout_burst {
	unsigned count;
	bool patched; // for some
	struct placed placed[BURST_PKTS_MAX];
};

// From 'c' on, as far as the packet is usual, 'room' of them at most. Returns how many.
static __rte_noinline unsigned choose_burst(struct rte_mbuf *const *fresh,
					    const struct fanout_entry *c, const struct usual *usual,
					    unsigned room)
{
	const struct usual u = *usual;
	const struct fanout_entry *first = c, *end = c + room;

	for (; c != end; c++) {
		egress_fetch(*fresh++);
		fetch(c + FANOUT_AHEAD);
		if (u.estimated)
			fetch_near(c + FANOUT_AHEAD / 2);
		if (!is_usual(&u, c) ||
		    !consumer_is_next(c->subscription, u.packet, &u.in, u.steady))
			break;
	}
	return (unsigned)(c - first);
}

// Their numbers.
static __rte_noinline void place_burst(const struct fanout_entry *c, const struct usual *usual,
				       unsigned count, struct fanout_burst *b)
{
	const struct usual u = *usual;
	bool patched = false;

	for (struct placed *p = b->placed; p != b->placed + count; p++, c++) {
		consumer_take_next(c->subscription, u.packet, &u.in, &p->at);
		p->entry = c;
		patched |= p->at.patched;
	}
	b->count = count;
	b->patched = patched;
}

// Takes out those who have to wait.
static __rte_noinline void pace_burst(struct worker *w, const struct forwarding *f,
				      struct fanout_burst *b)
{
	const struct placed *p = b->placed, *end = b->placed + b->count;
	const uint32_t bytes = pacing_bytes(f);
	const uint64_t now_us = w->now_us;
	const enum packet_kind kind = f->kind;

	while (p != end && pacing_passes(p->entry, kind, bytes, now_us))
		p++;
	if (p == end)
		return;
	struct placed *kept = &b->placed[p - b->placed];
	pacing_queue(w, p->entry, f, &p->at);
	while (++p != end)
		if (pacing_passes(p->entry, kind, bytes, now_us))
			*kept++ = *p;
		else
			pacing_queue(w, p->entry, f, &p->at);
	b->count = (unsigned)(kept - b->placed);
}

// Frames and jobs for the rest, of whom there is room for each.
static __rte_noinline void write_burst(struct egress *e, const struct usual *usual,
				       const struct placed *placed, unsigned count)
{
	const struct usual u = *usual;
	struct rte_mbuf *const *m = egress_next(e);
	struct srtp_job *job = &e->jobs[e->job_count];

	for (const struct placed *p = placed; p != placed + count; p++) {
		const struct fanout_entry *c = p->entry;
		uint8_t *rtp = egress_rtp_write(*m++, c, &u.head, &u.form, &p->at);

		egress_rtp_job(job++, c, rtp, p->at.out.index, u.payload, u.size, u.head.size);
	}
}

// Whose they are: from here on they count as sent.
static __rte_noinline void note_burst(struct egress *e, const struct usual *usual,
				      const struct placed *placed, unsigned count, uint64_t now_us)
{
	const struct usual u = *usual;
	const uint32_t udp_bytes = u.size + u.tag_bytes;
	struct egress_entry *entry = &e->entries[e->frame_count];

	for (const struct placed *p = placed; p != placed + count; p++) {
		struct transport *t = p->entry->transport;
		struct subscription *s = p->entry->subscription;

		*entry++ = egress_entry_of(t, s, u.payload_size, udp_bytes);
		egress_count(t, udp_bytes);
		egress_count_media(s, u.payload_size, now_us);
	}
	egress_made(e, count);
	e->job_count += count;
}

// Transport-wide numbers, in the packets of the newest jobs.
static __rte_noinline void number_burst(const struct egress *e, const struct usual *usual,
					const struct fanout_burst *b, uint64_t now_us)
{
	const struct usual u = *usual;
	const struct placed *const end = b->placed + b->count;
	const struct srtp_job *job = &e->jobs[e->job_count - b->count];

	for (const struct placed *p = b->placed; p != end; p++, job++)
		bytes_store_be16(job->packet + u.head.twcc_at,
				 bandwidth_number(p->entry->transport, u.kind, u.size, now_us));
}

// Picture ids, likewise: all read the same copy of the payload, but for its first bytes.
static __rte_noinline void patch_burst(struct egress *e, const struct packet *packet,
				       const uint8_t *payload, const uint8_t *own,
				       const struct fanout_burst *b)
{
	const struct layer_packet l = packet->layer;
	const struct placed *const end = b->placed + b->count;
	unsigned at = e->job_count - b->count;
	struct srtp_job *job = &e->jobs[at];
	uint8_t(*head)[SRTP_HEAD_BYTES] = &e->heads[at];

	for (const struct placed *p = b->placed; p != end; p++, job++, head++)
		if (p->at.patched)
			rewrite_ids(egress_rtp_share(job, *head, payload, own), &l, &p->at);
}

// Where that cannot be, one by one.
static void patch_each(struct worker *w, struct forwarding *f, const struct usual *u,
		       const struct fanout_burst *b)
{
	struct egress *e = w->egress;
	unsigned job = e->job_count - b->count;

	for (unsigned i = 0; i < b->count; i++, job++)
		if (b->placed[i].at.patched)
			rewrite_patch(w, b->placed[i].entry, f, &u->head, e->jobs[job].packet, job,
				      &b->placed[i].at);
}

static uint32_t send_usual(struct worker *w, const struct fanout_entry *c, struct forwarding *f,
			   const struct usual *u, uint32_t room)
{
	struct fanout_burst b;
	unsigned count = choose_burst(egress_next(w->egress), c, u, room);

	place_burst(c, u, count, &b);
	if (f->kept)
		pace_burst(w, f, &b);
	write_burst(w->egress, u, b.placed, b.count);
	note_burst(w->egress, u, b.placed, b.count, w->now_us);
	if (u->head.twcc_at != 0)
		number_burst(w->egress, u, &b, w->now_us);
	if (!b.patched)
		return count;
	const uint8_t *own = f->packet->layer.form != LAYER_FORM_DD ? rewrite_copy(w, f) : NULL;
	if (own != NULL && u->payload_size >= SRTP_HEAD_BYTES)
		patch_burst(w->egress, f->packet, f->payload, own, &b);
	else
		patch_each(w, f, u, &b);
	return count;
}

// What 'f' is to consumers like 'c'. False: it is unusual to all of them.
static bool usual_of(const struct fanout_entry *c, struct forwarding *f, struct usual *u)
{
	const struct packet *p = f->packet;
	const struct transport *t = c->transport;
	struct class_head *h = &f->heads[c->ext_class];

	if (!egress_path_open(t) || f->red || p->rtp_payload_size == 0 ||
	    !rtp_continuity_may_be_next(&f->in) || (!h->built && !rewrite_head(h, c, f)) ||
	    !h->built)
		return false;
	uint32_t size = (uint32_t)h->rtp.size + p->rtp_payload_size;
	if (t->path.udp_room < size + SRTP_TAG_BYTES_MAX || c->pt[f->codec] == 0xff)
		return false;
	*u = (struct usual){
		.packet = p,
		.in = f->in,
		.head = h->rtp,
		.payload = f->payload,
		.payload_size = p->rtp_payload_size,
		.size = size,
		.form = egress_rtp_form(&t->path, &h->rtp, c->pt[f->codec], size + t->tag_bytes),
		.ext_class = c->ext_class,
		.codec = (uint8_t)f->codec,
		.pt = c->pt[f->codec],
		.sealing = transport_sealing(t),
		.tag_bytes = t->tag_bytes,
		.steady = layers_may_be_steady(&p->layer),
		.estimated = f->kept || h->rtp.twcc_at != 0,
		.kind = f->kind,
	};
	return true;
}

void consumers_send(struct worker *w, const struct fanout_list *list, struct forwarding *f)
{
	struct usual usual;
	bool known = false; // what it is to the next consumer, too

	for (uint32_t i = 0; i < FANOUT_AHEAD; i++)
		fetch(&list->entries[i]);
	for (uint32_t i = 0; i < list->count;) {
		const struct fanout_entry *c = &list->entries[i];
		uint32_t room = egress_room(w, list->count - i), sent = 0;

		if (known || usual_of(c, f, &usual))
			sent = send_usual(w, c, f, &usual, room);
		i += sent;
		known = sent == room && room != 0;
		if (sent == 0)
			consumer_send(w, &list->entries[i++], f);
	}
}
