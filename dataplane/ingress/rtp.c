// SPDX-License-Identifier: Apache-2.0
//
// dataplane/ingress/rtp.c - SRTP from a checked tuple -> opened RTP of a known encoding.
//
// Path     ingress/lookup.c -> [rtp] -> forward/fanout.c
// Thread   the worker that owns the publisher's transport.
// Trust    SSRC -> replay -> authentication; only then does anything move: binding, accounting,
//          transport-wide log, keyframe gate. A forged packet costs an attempt to authenticate.
// Spec     RFC 3550, RFC 3711 3.3, RFC 8843 9.2 (SSRC, else MID), RFC 8852 (RID).

#include "proto/rtc/rtp.h"
#include "dataplane/forward/forward.h"
#include "dataplane/ingress/ingress.h"
#include "dataplane/ingress/streams.h"
#include "dataplane/tables/bandwidth.h"
#include "dataplane/tables/plain.h"
#include "dataplane/tables/track.h"
#include "dataplane/tables/transport.h"
#include "proto/rtc/codec.h"
#include "proto/rtc/loss/red.h"
#include "proto/rtc/loss/rtx.h"
#include "proto/rtc/rtp_ext.h"
#include "proto/rtc/seq.h"

// A record's codec goes to proto/rtc as it is.
static_assert((int)SHM_CODEC_OPUS == (int)CODEC_OPUS && (int)SHM_CODEC_VP8 == (int)CODEC_VP8 &&
		      (int)SHM_CODEC_VP9 == (int)CODEC_VP9 &&
		      (int)SHM_CODEC_H264 == (int)CODEC_H264 &&
		      (int)SHM_CODEC_AV1 == (int)CODEC_AV1 &&
		      (int)SHM_CODEC_RED == (int)CODEC_RED &&
		      (int)SHM_CODEC_COUNT == (int)CODEC_COUNT,
	      "the two lists of codecs have the same numbers");

// What is known of one packet between opening and accounting.
struct opening {
	struct transport *transport;
	struct receive_stream *stream;
	const struct srtp_job *job; // NULL: came without SRTP
	uint64_t index;
	uint16_t size; // bytes of the opened packet
};

// Finds stream and job of one packet, or counts the drop. False: the packet is gone.
static bool prepare(struct worker *w, struct rte_mbuf *m, struct opening *o, struct srtp_job *job)
{
	const struct packet *p = packet_of(m);
	struct transport *t = &w->dp->transports[p->transport.index];
	struct rtp_view v;

	if (t->phase != SHM_PHASE_ESTABLISHED) {
		drop_ingress(w, m,
			     t->phase == SHM_PHASE_EXPIRED ? SHM_INGRESS_DROP_TRANSPORT_EXPIRED
							   : SHM_INGRESS_DROP_NOT_ESTABLISHED);
		return false;
	}
	if (!rtp_parse_protected(&v, packet_payload(m), p->payload_size)) {
		drop_ingress(w, m, SHM_INGRESS_DROP_RTP_MALFORMED);
		return false;
	}
	struct receive_stream *s = streams_find(w, t, &v);
	if (s == NULL || (!s->plain && s->srtp == NULL)) {
		drop_ingress(w, m,
			     s == NULL ? SHM_INGRESS_DROP_RTP_UNKNOWN_SSRC
				       : SHM_INGRESS_DROP_RTP_PENDING_SSRC);
		return false;
	}
	*o = (struct opening){.transport = t, .stream = s, .size = p->payload_size};
	if (s->plain) {
		if (rtp_source_receive(s->source, v.seq, &o->index))
			return true;
		drop_ingress(w, m, SHM_INGRESS_DROP_SRTP_REPLAY);
		return false;
	}
	o->job = job;
	*job = (struct srtp_job){
		.stream = s->srtp,
		.packet = packet_payload(m),
		.header_size = v.header_size,
		.size = p->payload_size,
	};
	return true;
}

static enum shm_ingress_drop drop_of(uint8_t status)
{
	if (status == SRTP_FAIL_REPLAY)
		return SHM_INGRESS_DROP_SRTP_REPLAY;
	return status == SRTP_FAIL_MALFORMED ? SHM_INGRESS_DROP_RTP_MALFORMED
					     : SHM_INGRESS_DROP_SRTP_AUTH;
}

// The packet is genuine: its facts go into struct packet.
static void describe(struct packet *p, const struct rtp_view *v, const uint8_t *data)
{
	p->pt = v->pt;
	p->marker = v->marker;
	p->ssrc = v->ssrc;
	p->timestamp = v->ts;
	p->rtp_payload_offset = (uint16_t)(v->payload - data);
	p->rtp_payload_size = v->payload_size;
	p->ext_profile = v->ext_profile;
	p->ext_offset = v->ext != NULL ? (uint16_t)(v->ext - data) : 0;
	p->ext_size = v->ext_size;
}

static void account(struct worker *w, const struct track_config *c, struct encoding *e,
		    const struct packet *p, const struct rtp_view *v)
{
	report_receive(&e->report, p->index, p->timestamp, w->now_us);
	if (p->index > e->highest_index)
		e->highest_index = p->index;
	e->stats.packets_received++;
	e->stats.bytes_received += v->payload_size;
	if (c->nacks != NULL)
		nack_generator_receive(&c->nacks[p->encoding], p->index, w->now_us);
}

// Whatever carries a transport-wide number is reported: media, repairs, padding.
static void account_transport_wide(struct worker *w, struct transport *t,
				   const struct track_config *c, const struct rtp_view *v,
				   uint32_t size)
{
	struct rtp_ext_item twcc;

	if ((c->shm.feedback & SHM_FEEDBACK_TWCC) == 0 ||
	    !rtp_ext_find(v, c->shm.ext.id[RTP_EXT_TRANSPORT_WIDE_CC], &twcc) || twcc.size != 2)
		return;
	t->twcc_media_ssrc = v->ssrc;
	feedback_earn(&t->telling, size);
	twcc_receive(&t->twcc, (uint16_t)(twcc.data[0] << 8 | twcc.data[1]), v->ssrc, w->now_us);
}

static void keyframe_seen(const struct track_config *c, struct encoding *e, const struct packet *p)
{
	e->stats.keyframes++;
	keyframe_gate_seen(&e->gate);
	if (c->nacks != NULL)
		nack_generator_keyframe(&c->nacks[p->encoding], p->index);
}

// RFC 4588: the original takes the packet's place, under the number it went missing under. False:
// the packet is gone.
static bool unwrap(struct worker *w, struct rte_mbuf *m, const struct track_config *c,
		   struct encoding *e, struct rtp_view *v)
{
	struct packet *p = packet_of(m);
	const struct shm_track_codec *codec = track_codec_of_rtx(c, v->pt);

	if (codec == NULL || e->ssrc == 0 || v->payload_size < RTX_OSN_BYTES ||
	    !rtx_unwrap(packet_payload(m), p->payload_size, v,
			&(struct rtx_original){e->ssrc, codec->pt})) {
		drop_ingress(w, m, SHM_INGRESS_DROP_RTX_PADDING);
		return false;
	}
	p->payload_offset += RTX_OSN_BYTES;
	p->payload_size -= RTX_OSN_BYTES;
	if (!rtp_parse(v, packet_payload(m), p->payload_size)) {
		drop_ingress(w, m, SHM_INGRESS_DROP_RTP_MALFORMED);
		return false;
	}
	int64_t index = seq_unwrap((int64_t)e->highest_index, v->seq);
	if (index < 0 || c->nacks == NULL ||
	    !nack_generator_repair(&c->nacks[p->encoding], (uint64_t)index, w->now_us)) {
		drop_ingress(w, m, SHM_INGRESS_DROP_RTX_UNASKED);
		return false;
	}
	p->index = (uint64_t)index;
	e->stats.retransmitted_packets_received++;
	e->stats.retransmitted_bytes_received += v->payload_size;
	return true;
}

// RFC 2198: where the primary block is, for those who get it alone.
static bool red_described(struct packet *p, const struct rtp_view *v)
{
	struct red r;

	if (v->payload_size == 0)
		return true; // padding
	if (!red_read(&r, v->payload, v->payload_size))
		return false;
	p->primary_offset = (uint16_t)(red_primary(&r)->payload - v->payload);
	p->primary_pt = red_primary(&r)->pt;
	return true;
}

static void audio_read(struct worker *w, const struct track_config *c, struct encoding *e,
		       const struct packet *p, const struct rtp_view *v)
{
	layer_rates_add(&e->rates, 0, 0, p->payload_size + BANDWIDTH_UDP_BYTES, w->now_us);
	ingress_level_read(w, &w->dp->tracks[c->index], e, v, c->shm.ext.id[RTP_EXT_AUDIO_LEVEL]);
}

// A packet of an encoding, whichever way it came. False: it is gone.
static bool take(struct worker *w, struct rte_mbuf *m, const struct opening *o,
		 const struct track_config *c, struct encoding *e, const struct rtp_view *v)
{
	struct packet *p = packet_of(m);
	const struct shm_track_codec *codec = c->codec_by_pt[v->pt];

	if (codec == NULL) {
		drop_ingress(w, m, SHM_INGRESS_DROP_RTP_UNKNOWN_PT);
		return false;
	}
	if (codec->codec == SHM_CODEC_RED && !red_described(p, v)) {
		drop_ingress(w, m, SHM_INGRESS_DROP_RED_MALFORMED);
		return false;
	}
	if (o->transport->plain)
		plain_received(w, o->transport, p);
	describe(p, v, rte_pktmbuf_mtod(m, const uint8_t *));
	p->keyframe = false;
	p->layer = (struct layer_packet){0};
	if (c->shm.kind == SHM_KIND_VIDEO)
		ingress_layers_read(w, e, p, (enum codec)codec->codec, v,
				    c->shm.ext.id[RTP_EXT_DEPENDENCY_DESCRIPTOR]);
	else
		audio_read(w, c, e, p, v);
	e->gone = false;
	if (!o->stream->repairs)
		account(w, c, e, p, v);
	if (p->keyframe)
		keyframe_seen(c, e, p);
	if (c->shm.kind == SHM_KIND_VIDEO)
		forward_keyframe_packet(&w->dp->tracks[c->index], e, p);
	return true;
}

// After authentication. False: the packet is gone.
static bool accept(struct worker *w, struct rte_mbuf *m, const struct opening *o)
{
	struct packet *p = packet_of(m);
	struct receive_stream *s = o->stream;
	struct rtp_view v;

	// Another of the burst may have latched.
	if (o->transport->plain && !plain_admits(o->transport, p)) {
		drop_ingress(w, m, SHM_INGRESS_DROP_PLAIN_SOURCE);
		return false;
	}
	o->transport->stats.packets_received++;
	o->transport->stats.bytes_received += p->payload_size;
	p->payload_size = o->size;
	p->index = o->index;
	if (!rtp_parse(&v, packet_payload(m), p->payload_size)) {
		drop_ingress(w, m, SHM_INGRESS_DROP_RTP_MALFORMED);
		return false;
	}
	const struct track_config *c = streams_bound(w, o->transport, s);
	if (c == NULL) {
		drop_ingress(w, m, SHM_INGRESS_DROP_RTP_UNKNOWN_SSRC);
		return false;
	}
	p->track = s->track;
	p->encoding = s->encoding;
	p->kind = c->shm.kind;
	account_transport_wide(w, o->transport, c, &v, o->size);
	struct encoding *e = &w->dp->tracks[c->index].encodings[p->encoding];
	if (s->repairs && !unwrap(w, m, c, e, &v))
		return false;
	return take(w, m, o, c, e, &v);
}

// The engine's verdict. False: the packet is gone.
static bool opened(struct worker *w, struct rte_mbuf *m, struct opening *o)
{
	if (o->job == NULL)
		return true;
	if (o->job->status != SRTP_OK) {
		drop_ingress(w, m, drop_of(o->job->status));
		return false;
	}
	o->index = o->job->index;
	o->size = o->job->out_size;
	return true;
}

void ingress_rtp(struct worker *w, struct burst *b)
{
	struct srtp_job jobs[BURST_PKTS_MAX];
	struct opening openings[BURST_PKTS_MAX];
	unsigned job_count = 0;
	unsigned prepared = 0;
	unsigned kept = 0;

	for (unsigned i = 0; i < b->count; i++) {
		if (!prepare(w, b->pkts[i], &openings[prepared], &jobs[job_count]))
			continue;
		job_count += openings[prepared].job != NULL;
		b->pkts[prepared++] = b->pkts[i];
	}
	if (job_count != 0)
		w->dp->srtp->open(w->srtp, jobs, job_count);
	for (unsigned i = 0; i < prepared; i++) {
		struct rte_mbuf *m = b->pkts[i];

		if (opened(w, m, &openings[i]) && accept(w, m, &openings[i]))
			b->pkts[kept++] = m;
	}
	b->count = kept;
}
