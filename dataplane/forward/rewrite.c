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
#include "dataplane/egress/rtp.h"
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

// Consumers whose lines are fetched before it is their turn; and NEAR, what those lines lead to.
enum { AHEAD = 4, NEAR = 2 };

static __rte_noinline bool block_build(struct class_block *b, const struct fanout_entry *c,
				       const struct forwarding *f)
{
	const struct shm_subscription_config *config = &c->config->shm;
	const struct rtp_ext_own own = {
		.mid = config->mid,
		.mid_size = c->mid_size,
		.abs_send_time = f->abs_send_time,
	};

	if (!rtp_ext_build(&b->layout, b->bytes, sizeof(b->bytes), &f->ext, &config->ext, &own))
		return false;
	b->built = c->ext_class != FANOUT_EXT_OWN;
	b->mid_at = b->built ? b->layout.mid_offset : 0;
	return true;
}

// NULL if the block does not fit.
static __rte_always_inline const struct class_block *block_of(const struct fanout_entry *c,
							      struct forwarding *f)
{
	struct class_block *b = &f->blocks[c->ext_class];

	return b->built || block_build(b, c, f) ? b : NULL;
}

// Only what is queued takes a transport-wide number, for a gap would look like loss.
static __rte_always_inline uint16_t number(struct worker *w, const struct class_block *b,
					   struct transport *t, enum packet_kind kind,
					   size_t payload)
{
	size_t size = RTP_HEADER_BYTES + (size_t)b->layout.size + payload;

	return b->layout.twcc_offset != 0 ? bandwidth_number(t, kind, (uint32_t)size, w->now_us)
					  : 0;
}

static __rte_always_inline void put_number(uint8_t *rtp, const struct class_block *b, uint16_t n)
{
	if (b->layout.twcc_offset != 0)
		bytes_store_be16(rtp + RTP_HEADER_BYTES + b->layout.twcc_offset, n);
}

// In the consumer's own header: the frame number of its extension.
static void patch_frame_number(uint8_t *rtp, const struct class_block *b,
			       const struct placement *at)
{
	if (b->layout.dd_offset != 0)
		dd_patch_frame_number(rtp + RTP_HEADER_BYTES + b->layout.dd_offset, at->picture_id);
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

// In the packet just queued.
static void patch(struct worker *w, const struct fanout_entry *c, struct forwarding *f,
		  const struct class_block *b, uint8_t *rtp, const struct placement *at)
{
	const struct packet *p = f->packet;

	if (p->layer.form == LAYER_FORM_DD) {
		patch_frame_number(rtp, b, at);
		return;
	}
	patch_ids(egress_rtp_edit(w, rtp + RTP_HEADER_BYTES + b->layout.size, c->srtp != NULL,
				  f->payload, p->rtp_payload_size, edited(w, f)),
		  &p->layer, at);
}

static __rte_always_inline struct egress_rtp_packet described(const struct fanout_entry *c,
							      const struct forwarding *f,
							      const struct placement *at,
							      const struct class_block *b)
{
	return (struct egress_rtp_packet){
		.transport = c->transport,
		.subscription = c->subscription,
		.srtp = c->srtp,
		.index = at->out.index,
		.timestamp = at->out.ts,
		.ssrc = c->ssrc,
		.pt = c->pt[f->codec],
		.marker = at->marker,
		.ext = b->bytes,
		.ext_size = b->layout.size,
		.mid_at = b->mid_at,
		.mid = c->mid,
		.payload = f->payload,
		.payload_size = f->packet->rtp_payload_size,
	};
}

// What of RED a consumer gets. True: in a copy, whose blocks have to be renumbered.
static __rte_noinline bool red_fit(struct egress_rtp_packet *packet, const struct fanout_entry *c,
				   const struct forwarding *f)
{
	const struct packet *p = f->packet;

	if (!consumer_strips(c, f))
		return f->primary != SHM_CODECS_MAX && c->pt[f->primary] != 0xff &&
		       c->pt[f->primary] != p->primary_pt;
	packet->pt = c->pt[f->primary];
	packet->payload += p->primary_offset;
	packet->payload_size = (uint16_t)(packet->payload_size - p->primary_offset);
	return false;
}

// Queues and writes the packet. NULL after counting the drop.
static __rte_always_inline uint8_t *put(struct worker *w, const struct class_block *b,
					enum packet_kind kind,
					const struct egress_rtp_packet *packet)
{
	struct rte_mbuf *m = egress_rtp(w, packet);

	if (m == NULL)
		return NULL;
	uint16_t n = number(w, b, packet->transport, kind, packet->payload_size);
	uint8_t *rtp = egress_rtp_write(m, packet);
	put_number(rtp, b, n);
	return rtp;
}

static __rte_noinline void emit_red(struct worker *w, const struct fanout_entry *c,
				    struct forwarding *f, const struct placement *at,
				    const struct class_block *b)
{
	struct egress_rtp_packet packet = described(c, f, at, b);
	bool renumbers = red_fit(&packet, c, f);
	uint8_t *rtp = put(w, b, f->kind, &packet);

	if (rtp != NULL && renumbers)
		red_renumber(egress_rtp_edit(w, rtp + RTP_HEADER_BYTES + b->layout.size,
					     c->srtp != NULL, packet.payload, packet.payload_size,
					     NULL),
			     packet.payload_size, f->packet->primary_pt, c->pt[f->primary]);
}

static __rte_always_inline void emit(struct worker *w, const struct fanout_entry *c,
				     struct forwarding *f, const struct placement *at)
{
	const struct class_block *b = block_of(c, f);

	if (b == NULL) {
		drop_egress(w, SHM_EGRESS_DROP_TOO_LONG);
		return;
	}
	if (f->red) {
		emit_red(w, c, f, at, b);
		return;
	}
	const struct egress_rtp_packet packet = described(c, f, at, b);
	uint8_t *rtp = put(w, b, f->kind, &packet);
	if (rtp != NULL && at->patched)
		patch(w, c, f, b, rtp, at);
}

void consumer_emit(struct worker *w, const struct fanout_entry *c, struct forwarding *f,
		   const struct placement *at)
{
	if (egress_path_ok(w, c->transport))
		emit(w, c, f, at);
}

static __rte_always_inline void consumer_send(struct worker *w, const struct fanout_entry *c,
					      struct forwarding *f)
{
	struct placement at;

	if (!consumer_place_next(c, f, &at) && !consumer_place(w, c, f, &at))
		return;
	if (!pacing_takes(w, c, f, &at))
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

static void fetch_near(const struct fanout_entry *c)
{
	bandwidth_fetch(c->transport);
	if (!c->subscription->whole)
		rte_prefetch0(&c->subscription->layers);
}

void consumers_send(struct worker *w, const struct fanout_list *list, struct forwarding *f)
{
	for (uint32_t i = 0; i < AHEAD && i < list->count; i++)
		fetch(&list->entries[i]);
	for (uint32_t i = 0; i < list->count; i++) {
		if (i + AHEAD < list->count)
			fetch(&list->entries[i + AHEAD]);
		if (i + NEAR < list->count)
			fetch_near(&list->entries[i + NEAR]);
		consumer_send(w, &list->entries[i], f);
	}
}

bool consumer_resend(struct worker *w, const struct fanout_entry *c, struct forwarding *f,
		     uint16_t seq)
{
	struct subscription *s = c->subscription;
	struct placement at;
	uint8_t pt = c->config->rtx_pt_by_pt[f->packet->pt];
	const struct class_block *b = pt != 0 ? block_of(c, f) : NULL;

	if (b == NULL || !layers_number(s, f->packet, &at))
		return false;
	const struct egress_rtp_packet packet = {
		.transport = c->transport,
		.subscription = c->subscription,
		.srtp = c->config->rtx,
		.timestamp = f->in.ts + s->continuity.ts_delta,
		.pt = pt,
		.marker = f->packet->marker,
		.ext = b->bytes,
		.ext_size = b->layout.size,
		.mid_at = b->mid_at,
		.mid = c->mid,
		.payload = f->payload,
		.payload_size = f->packet->rtp_payload_size,
	};
	uint8_t *rtp = egress_rtx(w, &packet, seq);
	if (rtp == NULL)
		return false;
	put_number(rtp, b,
		   number(w, b, c->transport, PACKET_RETRANSMISSION, f->packet->rtp_payload_size));
	if (at.patched && f->packet->layer.form == LAYER_FORM_DD)
		patch_frame_number(rtp, b, &at);
	else if (at.patched)
		patch_ids(rtp + RTP_HEADER_BYTES + b->layout.size + RTX_OSN_BYTES,
			  &f->packet->layer, &at);
	return true;
}
