// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/rewrite.c - one packet as one consumer gets it: number, timestamp, SSRC,
// payload type, and an extension block of the consumer's own.
//
// Path     forward/burst.c -> [rewrite] -> egress/rtp.h
// Thread   the worker that owns the subscriber's transport.
// Block    built once for a packet and a class of consumers; what differs within the class, mid and
//          transport-wide number, is written into each copy.
// Spec     RFC 3550 5.1, RFC 8285; which extensions pass: design section 4.
#include "dataplane/forward/rewrite.h"
#include "dataplane/egress/rtx.h"
#include "dataplane/forward/layers.h"
#include "dataplane/forward/pacing.h"
#include "dataplane/tables/bandwidth.h"
#include "proto/rtc/bytes.h"
#include "proto/rtc/loss/red.h"
#include "proto/rtc/rtp.h"

static uint16_t place_in_packet(uint16_t offset)
{
	return offset != 0 ? (uint16_t)(RTP_HEADER_BYTES + offset) : 0;
}

bool rewrite_head(struct class_head *h, const struct fanout_entry *c, const struct forwarding *f)
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
	uint16_t size = (uint16_t)(RTP_HEADER_BYTES + built.size);
	h->rtp = (struct egress_rtp_head){
		.block = h->block,
		.size = size,
		.mid_at = h->built && built.mid_offset != 0 ? place_in_packet(built.mid_offset)
							    : size,
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

	if (h->built || rewrite_head(h, c, f))
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

const uint8_t *rewrite_copy(struct worker *w, struct forwarding *f)
{
	if (f->edited == NULL && f->shared)
		f->edited = egress_copy(w, f->payload, f->packet->rtp_payload_size);
	return f->edited != NULL ? rte_pktmbuf_mtod(f->edited, const uint8_t *) : NULL;
}

void rewrite_patch(struct worker *w, const struct fanout_entry *c, struct forwarding *f,
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
					  f->payload, p->rtp_payload_size, rewrite_copy(w, f));
	rewrite_ids(payload, &p->layer, at);
}

// True if it can be made in the next place, with its index reserved; false after counting the drop.
static bool take(struct worker *w, const struct fanout_entry *c, const struct egress_rtp_head *head,
		 uint64_t index, uint16_t payload_size)
{
	size_t size = (size_t)head->size + payload_size + SRTP_TAG_BYTES_MAX;

	if (egress_take(w, &c->transport->path, size) == NULL)
		return false;
	if (index >= c->subscription->srtp_index_reserved)
		publish_subscription(w, c->subscription);
	return true;
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

	if (!take(w, c, head, at->out.index, size))
		return;
	uint8_t *rtp = egress_rtp(w, c, head, at, pt, f->payload + skipped, size, c->subscription);
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
	if (!take(w, c, head, at->out.index, size))
		return;
	uint8_t *rtp =
		egress_rtp(w, c, head, at, c->pt[f->codec], f->payload, size, c->subscription);
	number(w, rtp, head, c->transport, f->kind, size);
	if (at->patched)
		rewrite_patch(w, c, f, head, rtp, w->egress->job_count - 1, at);
}

void consumer_emit(struct worker *w, const struct fanout_entry *c, struct forwarding *f,
		   const struct placement *at)
{
	if (egress_path_ok(w, c->transport))
		emit(w, c, f, at);
}

void consumer_send(struct worker *w, const struct fanout_entry *c, struct forwarding *f)
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
	uint8_t *rtp =
		egress_rtx(w, &repairs, head, at, pt, f->payload, f->packet->rtp_payload_size, seq);
	if (rtp == NULL)
		return false;
	number(w, rtp, head, c->transport, PACKET_RETRANSMISSION, f->packet->rtp_payload_size);
	if (at.patched && f->packet->layer.form == LAYER_FORM_DD)
		patch_frame_number(rtp, head, &at);
	else if (at.patched)
		rewrite_ids(rtp + head->size + RTX_OSN_BYTES, &f->packet->layer, &at);
	return true;
}
