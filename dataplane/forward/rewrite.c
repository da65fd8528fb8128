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

#include <string.h>

static __rte_noinline bool block_build(struct class_block *b, const struct fanout_entry *c,
				       const struct forwarding *f)
{
	const struct shm_subscription_config *config = &c->config->shm;
	const struct rtp_ext_own own = {
		.mid = config->mid,
		.mid_size = c->mid_size,
		.abs_send_time = f->abs_send_time,
	};

	b->built =
		rtp_ext_build(&b->layout, b->bytes, sizeof(b->bytes), &f->ext, &config->ext, &own);
	return b->built;
}

// NULL if the block does not fit.
static __rte_always_inline const struct class_block *block_of(const struct fanout_entry *c,
							      struct forwarding *f)
{
	struct class_block *b = &f->blocks[c->ext_class];

	if (c->ext_class != FANOUT_EXT_OWN && b->built)
		return b;
	return block_build(b, c, f) ? b : NULL;
}

static __rte_always_inline void block_personalise(struct worker *w, uint8_t *block,
						  const struct rtp_ext_built *layout,
						  const struct fanout_entry *c,
						  enum packet_kind kind, size_t payload)
{
	if (layout->mid_offset != 0 && c->ext_class != FANOUT_EXT_OWN)
		for (unsigned i = 0; i < c->mid_size; i++)
			block[layout->mid_offset + i] = (uint8_t)c->mid[i];
	// Only what is queued takes a transport-wide number: a gap would look like loss.
	if (layout->twcc_offset != 0)
		bytes_store_be16(
			block + layout->twcc_offset,
			bandwidth_number(c->transport, kind,
					 (uint32_t)(RTP_HEADER_BYTES + layout->size + payload),
					 w->now_us));
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

static __rte_always_inline void emit(struct worker *w, const struct fanout_entry *c,
				     struct forwarding *f, const struct placement *at)
{
	const struct packet *p = f->packet;
	const struct class_block *b = block_of(c, f);
	if (b == NULL) {
		drop_egress(w, SHM_EGRESS_DROP_TOO_LONG);
		return;
	}
	struct egress_rtp_packet packet = {
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
		.payload = f->payload,
		.payload_size = p->rtp_payload_size,
	};
	bool renumbers = f->red && red_fit(&packet, c, f);
	uint8_t *rtp = egress_rtp(w, &packet);
	if (rtp == NULL)
		return;
	block_personalise(w, rtp + RTP_HEADER_BYTES, &b->layout, c,
			  p->kind == SHM_KIND_AUDIO ? PACKET_AUDIO : PACKET_VIDEO,
			  packet.payload_size);
	if (renumbers)
		red_renumber(egress_rtp_edit(w, rtp + RTP_HEADER_BYTES + b->layout.size,
					     c->srtp != NULL, packet.payload, packet.payload_size,
					     NULL),
			     packet.payload_size, p->primary_pt, c->pt[f->primary]);
	if (at->patched)
		patch(w, c, f, b, rtp, at);
}

void consumer_emit(struct worker *w, const struct fanout_entry *c, struct forwarding *f,
		   const struct placement *at)
{
	emit(w, c, f, at);
}

void consumer_send(struct worker *w, const struct fanout_entry *c, struct forwarding *f)
{
	struct placement at;

	if (!consumer_place_next(c, f, &at) && !consumer_place(w, c, f, &at))
		return;
	if (!pacing_takes(w, c, f, &at))
		emit(w, c, f, &at);
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
		.payload = f->payload,
		.payload_size = f->packet->rtp_payload_size,
	};
	uint8_t *rtp = egress_rtx(w, &packet, seq);
	if (rtp == NULL)
		return false;
	block_personalise(w, rtp + RTP_HEADER_BYTES, &b->layout, c, PACKET_RETRANSMISSION,
			  f->packet->rtp_payload_size);
	if (at.patched && f->packet->layer.form == LAYER_FORM_DD)
		patch_frame_number(rtp, b, &at);
	else if (at.patched)
		patch_ids(rtp + RTP_HEADER_BYTES + b->layout.size + RTX_OSN_BYTES,
			  &f->packet->layer, &at);
	return true;
}
