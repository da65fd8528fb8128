// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/rewrite.c - one packet as one consumer gets it: number, timestamp, SSRC,
// payload type, and an extension block of the consumer's own.
//
// Path     forward/fanout.c -> [rewrite] -> egress/rtp.h
// Thread   the worker that owns the subscriber's transport.
// Block    built once for a packet and a class of consumers; what differs within the class, mid and
//          transport-wide number, is written into each copy.
// Spec     RFC 3550 5.1, RFC 8285; which extensions pass: design section 4.
#include "dataplane/egress/rtx.h"
#include "dataplane/forward/consumer.h"
#include "dataplane/forward/layers.h"
#include "dataplane/forward/pacing.h"
#include "dataplane/tables/bandwidth.h"
#include "proto/rtc/bytes.h"
#include "proto/rtc/loss/red.h"
#include "proto/rtc/rtp.h"

#include <rte_prefetch.h>
#include <string.h>

static uint16_t place_in_packet(uint16_t offset)
{
	return offset != 0 ? (uint16_t)(RTP_HEADER_BYTES + offset) : 0;
}

static __rte_noinline bool head_build(struct class_head *h, const struct fanout_entry *c,
				      const struct forwarding *f)
{
	const struct shm_subscription_config *config = &c->config->shm;
	const struct rtp_ext_own own = {
		.mid = config->mid,
		.mid_size = c->mid_size,
		.abs_send_time = f->abs_send_time,
	};
	struct rtp_ext_built built;

	if (!rtp_ext_build(&built, h->block, sizeof(h->block), &f->ext, &config->ext, &own))
		return false;
	h->built = c->ext_class != FANOUT_EXT_OWN;
	h->rtp = (struct egress_rtp_head){
		.block = h->block,
		.size = (uint16_t)(RTP_HEADER_BYTES + built.size),
		.mid_at = h->built ? place_in_packet(built.mid_offset) : 0,
		.twcc_at = place_in_packet(built.twcc_offset),
		.dd_at = place_in_packet(built.dd_offset),
	};
	return true;
}

// NULL if the block does not fit, which is counted.
static const struct egress_rtp_head *head_of(struct worker *w, const struct fanout_entry *c,
					     struct forwarding *f)
{
	struct class_head *h = &f->heads[c->ext_class];

	if (h->built || head_build(h, c, f))
		return &h->rtp;
	drop_egress(w, SHM_EGRESS_DROP_TOO_LONG);
	return NULL;
}

// In the packet just queued: only that takes a transport-wide number, for a gap would look like
// loss.
static __rte_always_inline void number(struct worker *w, uint8_t *rtp,
				       const struct egress_rtp_head *head, struct transport *t,
				       enum packet_kind kind, size_t payload)
{
	if (head->twcc_at != 0)
		bytes_store_be16(
			rtp + head->twcc_at,
			bandwidth_number(t, kind, (uint32_t)(head->size + payload), w->now_us));
}

// In the consumer's own header: the frame number of its extension.
static void patch_frame_number(uint8_t *rtp, const struct egress_rtp_head *head,
			       const struct placement *at)
{
	if (head->dd_at != 0)
		dd_patch_frame_number(rtp + head->dd_at, at->picture_id);
}

// In the consumer's own first bytes of the payload.
static inline void patch_ids(uint8_t *payload, const struct layer_packet *l,
			     const struct placement *at)
{
	picture_id_write(payload + l->picture_id_offset, (l->flags & LAYER_ID_15) != 0,
			 at->picture_id);
	if (l->tl0_offset != 0)
		payload[l->tl0_offset] = at->tl0;
}

// A copy of the payload that packets with other ids are sealed from, the same for all of them.
static const uint8_t *edited(struct worker *w, struct forwarding *f)
{
	if (f->edited == NULL && f->shared)
		f->edited = egress_copy(w, f->payload, f->packet->rtp_payload_size);
	return f->edited != NULL ? rte_pktmbuf_mtod(f->edited, const uint8_t *) : NULL;
}

// In a packet queued.
static void patch(struct worker *w, const struct fanout_entry *c, struct forwarding *f,
		  const struct egress_rtp_head *head, uint8_t *rtp, unsigned job,
		  const struct placement *at)
{
	const struct packet *p = f->packet;
	uint8_t *payload = rtp + head->size;

	if (p->layer.form == LAYER_FORM_DD) {
		patch_frame_number(rtp, head, at);
		return;
	}
	if (c->srtp != NULL) // else it is in the frame already
		payload = egress_rtp_edit(&w->egress->jobs[job], w->egress->heads[job], payload,
					  f->payload, p->rtp_payload_size, edited(w, f));
	patch_ids(payload, &p->layer, at);
}

// An mbuf for it, with its index reserved. NULL after counting the drop.
static struct rte_mbuf *take(struct worker *w, const struct fanout_entry *c,
			     const struct egress_rtp_head *head, uint64_t index,
			     uint16_t payload_size)
{
	size_t size = (size_t)head->size + payload_size + SRTP_TAG_BYTES_MAX;
	struct rte_mbuf *m = egress_take(w, &c->transport->path, size);

	if (m != NULL && index >= c->subscription->srtp_index_reserved)
		publish_subscription(w, c->subscription);
	return m;
}

static struct egress_rtp_fields fields(const struct placement *at, uint8_t pt)
{
	return (struct egress_rtp_fields){
		.index = at->out.index,
		.timestamp = at->out.ts,
		.pt = pt,
		.marker = at->marker,
	};
}

// Of RED a consumer gets all, with its own payload types in it, or the primary block alone.
static void emit_red(struct worker *w, const struct fanout_entry *c, const struct forwarding *f,
		     const struct egress_rtp_head *head, const struct placement *at)
{
	const struct packet *p = f->packet;
	bool strips = consumer_strips(c, f);
	uint16_t skipped = strips ? p->primary_offset : 0;
	uint16_t size = (uint16_t)(p->rtp_payload_size - skipped);
	uint8_t pt = c->pt[strips ? f->primary : f->codec];
	struct rte_mbuf *m = take(w, c, head, at->out.index, size);

	if (m == NULL)
		return;
	uint8_t *rtp = egress_rtp(w, m, c, head, fields(at, pt), f->payload + skipped, size,
				  c->subscription);
	number(w, rtp, head, c->transport, f->kind, size);
	if (strips || f->primary == SHM_CODECS_MAX || c->pt[f->primary] == 0xff ||
	    c->pt[f->primary] == p->primary_pt)
		return;
	uint8_t *payload = rtp + head->size;
	if (c->srtp != NULL)
		egress_rtp_edit(&w->egress->jobs[w->egress->job_count - 1], NULL, payload,
				f->payload, size, NULL);
	red_renumber(payload, size, p->primary_pt, c->pt[f->primary]);
}

static void emit(struct worker *w, const struct fanout_entry *c, struct forwarding *f,
		 const struct placement *at)
{
	const struct egress_rtp_head *head = head_of(w, c, f);
	uint16_t size = f->packet->rtp_payload_size;

	if (head == NULL)
		return;
	if (f->red) {
		emit_red(w, c, f, head, at);
		return;
	}
	struct rte_mbuf *m = take(w, c, head, at->out.index, size);
	if (m == NULL)
		return;
	uint8_t *rtp = egress_rtp(w, m, c, head, fields(at, c->pt[f->codec]), f->payload, size,
				  c->subscription);
	number(w, rtp, head, c->transport, f->kind, size);
	if (at->patched)
		patch(w, c, f, head, rtp, w->egress->job_count - 1, at);
}

void consumer_emit(struct worker *w, const struct fanout_entry *c, struct forwarding *f,
		   const struct placement *at)
{
	if (egress_path_ok(w, c->transport))
		emit(w, c, f, at);
}

static __rte_noinline void consumer_send(struct worker *w, const struct fanout_entry *c,
					 struct forwarding *f)
{
	struct placement at;

	if (!consumer_place(w, c, f, &at))
		return;
	// Only what can be found again may wait.
	if (f->kept && !pacing_passes(c, f->kind, pacing_bytes(f), w->now_us))
		pacing_queue(w, c, f, &at);
	else
		emit(w, c, f, &at);
}

void consumer_send_kept(struct worker *w, const struct fanout_entry *c, struct rte_mbuf *m)
{
	struct forwarding f;

	if (!forwarding_read(w, m, &f))
		return;
	rte_mbuf_refcnt_update(m, 1); // it may leave the history before it is sealed
	consumer_send(w, c, &f);
	egress_release(w, m);
}

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

// One received packet as it concerns consumers of one class. Copied from where it stands, so that
// nothing that is written to their packets makes it be read again.
struct usual {
	const struct packet *packet;
	struct rtp_continuity_in in;
	struct egress_rtp_head head;
	const uint8_t *payload;
	uint32_t payload_size;
	uint32_t size; // RTP header and payload
	uint8_t ext_class;
	uint8_t codec;
	bool marker;
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

	return c->ext_class == u->ext_class && c->pt[u->codec] != 0xff && c->srtp != NULL &&
	       t->phase == SHM_PHASE_ESTABLISHED &&
	       t->path.udp_room >= u->size + SRTP_TAG_BYTES_MAX;
}

// A burst of a packet's consumers, stage by stage. Each has few things at hand, which is why they
// are no single one.
struct fanout_burst {
	unsigned count;
	bool patched; // for some
	struct placed placed[BURST_PKTS_MAX];
};

// From 'c' on, as far as the packet is usual, 'room' of them at most. Returns how many.
static __rte_noinline unsigned choose_burst(const struct egress *e, const struct fanout_entry *c,
					    const struct usual u, unsigned room)
{
	unsigned n = 0;

	for (; n < room; n++, c++) {
		egress_fetch_next(e, n);
		fetch(c + FANOUT_AHEAD);
		if (u.estimated)
			fetch_near(c + FANOUT_AHEAD / 2);
		if (!is_usual(&u, c) || !consumer_is_next(c->subscription, u.packet, &u.in))
			break;
	}
	return n;
}

// Their numbers.
static __rte_noinline void place_burst(const struct fanout_entry *c, const struct usual u,
				       unsigned count, struct fanout_burst *b)
{
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
static void pace_burst(struct worker *w, const struct forwarding *f, struct fanout_burst *b)
{
	const uint32_t bytes = pacing_bytes(f);
	const uint64_t now_us = w->now_us;
	const enum packet_kind kind = f->kind;
	unsigned count = 0;

	for (unsigned i = 0; i < b->count; i++) {
		const struct placed *p = &b->placed[i];

		if (!pacing_passes(p->entry, kind, bytes, now_us)) {
			pacing_queue(w, p->entry, f, &p->at);
			continue;
		}
		if (count != i)
			b->placed[count] = *p;
		count++;
	}
	b->count = count;
}

// Frames and jobs for the rest, of whom there is room for each.
static __rte_noinline void write_burst(struct egress *e, const struct usual u,
				       const struct placed *placed, unsigned count)
{
	struct rte_mbuf **m = &e->fresh[e->fresh_count], **frame = &e->frames[e->frame_count];
	struct srtp_job *job = &e->jobs[e->job_count];

	for (const struct placed *p = placed; p != placed + count; p++) {
		const struct fanout_entry *c = p->entry;
		uint8_t *rtp = egress_rtp_write(*--m, c, &u.head, fields(&p->at, c->pt[u.codec]),
						u.size + c->transport->tag_bytes);

		egress_rtp_job(job++, c, rtp, p->at.out.index, u.payload, u.size, u.head.size);
		*frame++ = *m;
	}
	e->fresh_count -= count;
}

// Whose they are: from here on they count as sent.
static __rte_noinline void note_burst(struct egress *e, const struct usual u,
				      const struct placed *placed, unsigned count, uint64_t now_us)
{
	unsigned place = e->frame_count;

	for (unsigned i = 0; i < count; i++, place++) {
		struct transport *t = placed[i].entry->transport;
		struct subscription *s = placed[i].entry->subscription;
		uint32_t udp_bytes = u.size + t->tag_bytes;

		e->job_frame[e->job_count + i] = (uint16_t)place;
		e->entries[place] = egress_entry_of(t, s, u.payload_size, udp_bytes);
		egress_count(t, udp_bytes);
		egress_count_media(s, u.payload_size, now_us);
	}
	e->frame_count = place;
	e->job_count += count;
}

// Transport-wide numbers, in the packets of the newest jobs.
static void number_burst(struct worker *w, const struct usual u, const struct fanout_burst *b)
{
	const struct srtp_job *job = &w->egress->jobs[w->egress->job_count - b->count];
	const uint64_t now_us = w->now_us;

	for (unsigned i = 0; i < b->count; i++)
		bytes_store_be16(
			job[i].packet + u.head.twcc_at,
			bandwidth_number(b->placed[i].entry->transport, u.kind, u.size, now_us));
}

// Picture ids, likewise: all read the same copy of the payload, but for its first bytes.
static __rte_noinline void patch_burst(struct egress *e, const struct packet *packet,
				       const uint8_t *payload, const uint8_t *own,
				       const struct fanout_burst *b)
{
	const struct layer_packet l = packet->layer;
	unsigned at = e->job_count - b->count;
	struct srtp_job *job = &e->jobs[at];
	uint8_t(*head)[SRTP_HEAD_BYTES] = &e->heads[at];

	for (const struct placed *p = b->placed; p != b->placed + b->count; p++, job++, head++)
		if (p->at.patched)
			patch_ids(egress_rtp_share(job, *head, payload, own), &l, &p->at);
}

// Where that cannot be, one by one.
static void patch_each(struct worker *w, struct forwarding *f, const struct usual *u,
		       const struct fanout_burst *b)
{
	struct egress *e = w->egress;
	unsigned job = e->job_count - b->count;

	for (unsigned i = 0; i < b->count; i++, job++)
		if (b->placed[i].at.patched)
			patch(w, b->placed[i].entry, f, &u->head, e->jobs[job].packet, job,
			      &b->placed[i].at);
}

static uint32_t send_usual(struct worker *w, const struct fanout_entry *c, struct forwarding *f,
			   const struct usual *u, uint32_t room)
{
	struct fanout_burst b;
	unsigned count = choose_burst(w->egress, c, *u, room);

	place_burst(c, *u, count, &b);
	if (f->kept)
		pace_burst(w, f, &b);
	write_burst(w->egress, *u, b.placed, b.count);
	note_burst(w->egress, *u, b.placed, b.count, w->now_us);
	if (u->head.twcc_at != 0)
		number_burst(w, *u, &b);
	if (!b.patched)
		return count;
	const uint8_t *own = f->packet->layer.form != LAYER_FORM_DD ? edited(w, f) : NULL;
	if (own != NULL && u->payload_size >= SRTP_HEAD_BYTES)
		patch_burst(w->egress, f->packet, f->payload, own, &b);
	else
		patch_each(w, f, u, &b);
	return count;
}

// What 'f' is to the consumers of the class of 'c'. False: it is unusual to all of them.
static bool usual_of(const struct fanout_entry *c, struct forwarding *f, struct usual *u)
{
	const struct packet *p = f->packet;
	struct class_head *h = &f->heads[c->ext_class];

	if (f->red || p->rtp_payload_size == 0 || (!h->built && !head_build(h, c, f)) || !h->built)
		return false;
	*u = (struct usual){
		.packet = p,
		.in = f->in,
		.head = h->rtp,
		.payload = f->payload,
		.payload_size = p->rtp_payload_size,
		.size = (uint32_t)h->rtp.size + p->rtp_payload_size,
		.ext_class = c->ext_class,
		.codec = (uint8_t)f->codec,
		.marker = p->marker,
		.estimated = f->kept || h->rtp.twcc_at != 0,
		.kind = f->kind,
	};
	return true;
}

void consumers_send(struct worker *w, const struct fanout_list *list, struct forwarding *f)
{
	struct usual usual;

	for (uint32_t i = 0; i < FANOUT_AHEAD; i++)
		fetch(&list->entries[i]);
	for (uint32_t i = 0; i < list->count;) {
		const struct fanout_entry *c = &list->entries[i];
		uint32_t room = egress_room(w, list->count - i), sent = 0;

		if (usual_of(c, f, &usual))
			sent = send_usual(w, c, f, &usual, room);
		i += sent;
		if (sent < room || room == 0)
			consumer_send(w, &list->entries[i++], f);
	}
}

bool consumer_resend(struct worker *w, const struct fanout_entry *c, struct forwarding *f,
		     uint16_t seq)
{
	struct subscription *s = c->subscription;
	struct placement at;
	uint8_t pt = c->config->rtx_pt_by_pt[f->packet->pt];
	const struct egress_rtp_head *head = pt != 0 ? head_of(w, c, f) : NULL;

	if (head == NULL || !layers_number(s, f->packet, &at))
		return false;
	struct fanout_entry repairs = *c;
	repairs.srtp = c->config->rtx;
	repairs.ssrc = s->rtx.ssrc;
	at.out.ts = rtp_continuity_ts(&s->continuity, f->in.ts);
	at.marker = f->packet->marker;
	uint8_t *rtp = egress_rtx(w, &repairs, head, fields(&at, pt), f->payload,
				  f->packet->rtp_payload_size, seq);
	if (rtp == NULL)
		return false;
	number(w, rtp, head, c->transport, PACKET_RETRANSMISSION, f->packet->rtp_payload_size);
	if (at.patched && f->packet->layer.form == LAYER_FORM_DD)
		patch_frame_number(rtp, head, &at);
	else if (at.patched)
		patch_ids(rtp + head->size + RTX_OSN_BYTES, &f->packet->layer, &at);
	return true;
}
