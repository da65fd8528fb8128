// SPDX-License-Identifier: Apache-2.0
//
// dataplane/egress/rtcp_out.c - RTCP of our own that is due on a transport.
//
// Path     core/path.c (housekeeping) -> [rtcp_out] -> egress/rtcp.c
// Thread   the worker that owns the transport.
// Shape    every datagram is a compound in the sense of RFC 3550 6.1: a report first, then SDES
// with
//          CNAME; so reduced size need not have been negotiated.
// Spec     RFC 3550 6.4 to 6.6; RFC 4585 6.3.1; RFC 5104 4.3.1; RFC 3611 4.4, 4.5; transport-wide
// feedback: proto/rtc/twcc.h.
#include "dataplane/egress/egress.h"
#include "dataplane/forward/forward.h"
#include "proto/rtc/rtcp_build.h"
#include "proto/rtc/rtcp_remb.h"
#include "proto/rtc/rtcp_xr.h"

#include <string.h>

enum {
	NACK_ONCE_MAX = 128, // packets asked for in one compound: at most 4 bytes each
	NACK_ROUND_TRIP_US = 50000, // to a publisher that has not answered yet
	COMPOUND_BYTES_MAX = 1100, // with SRTCP and headers below any MTU we meet
	REPORTS_BYTES_MAX = 28 + 8 + SHM_CNAME_BYTES_MAX + 8, // one SR and its SDES
};

struct compound {
	struct worker *worker;
	struct transport *transport;
	const struct shm_transport_config *config;
	struct bytes_writer w;
	uint8_t bytes[COMPOUND_BYTES_MAX];
};

static void compound_start(struct compound *c)
{
	bytes_writer_init(&c->w, c->bytes, sizeof(c->bytes));
}

static void compound_send(struct compound *c)
{
	assert(!c->w.overflow);
	if (c->w.size != 0)
		egress_rtcp(c->worker, c->transport, c->bytes, c->w.size);
	compound_start(c);
}

static void put_cname(struct compound *c, uint32_t ssrc)
{
	size_t size = strnlen(c->config->cname, sizeof(c->config->cname));

	if (size != 0)
		rtcp_put_sdes_cname(&c->w, ssrc, c->config->cname, size);
}

static void put_empty_report(struct compound *c)
{
	rtcp_put_rr(&c->w, c->config->rtcp_ssrc, NULL, 0);
	put_cname(c, c->config->rtcp_ssrc);
}

// The publisher's clock, as its newest SR has it, now. RFC 3550 4.
static uint64_t ntp_now(const struct sender_report *sr, uint64_t now_us)
{
	return sr->ntp + rtcp_ntp_elapsed(now_us - sr->arrival_us);
}

static uint32_t ticks(uint64_t us, uint32_t clock_rate)
{
	return (uint32_t)(us / 1000000 * clock_rate + us % 1000000 * clock_rate / 1000000);
}

// All streams of a publisher carry the publisher's NTP clock, so that a receiver's lip sync is as
// good as the publisher's own reports.
static void put_sender_report(struct compound *c, struct subscription *s,
			      const struct subscription_config *config, uint32_t clock_rate)
{
	uint64_t now_us = c->worker->now_us;
	const struct rtcp_sr sr = {
		.ntp = ntp_now(&s->sr, now_us),
		.ssrc = config->shm.ssrc,
		.ts = s->sr.rtp_timestamp + s->continuity.ts_delta +
		      ticks(now_us - s->sr.arrival_us, clock_rate),
		.packets = (uint32_t)s->stats.packets_sent, // RFC 3550 6.4.1: modulo 2^32
		.bytes = (uint32_t)s->stats.bytes_sent,
	};

	if (c->w.size + REPORTS_BYTES_MAX > COMPOUND_BYTES_MAX)
		compound_send(c);
	rtcp_put_sr(&c->w, &sr, NULL, 0);
	put_cname(c, config->shm.ssrc);
	s->sr_last = (uint32_t)(sr.ntp >> 16);
	s->sr_last_us = now_us;
}

static void sender_reports(struct compound *c, const struct transport_links *l)
{
	const struct dataplane *dp = c->worker->dp;

	for (uint32_t i = 0; i < l->subscription_count; i++) {
		struct subscription *s = &dp->subscriptions[l->index[l->track_count + i]];
		const struct subscription_config *config =
			atomic_load_explicit(&s->config, memory_order_acquire);

		if (config == NULL || config->generation != s->generation || !s->started ||
		    s->sr.ntp == 0)
			continue;
		const struct track_config *track = track_config_of(dp, config->shm.track);
		if (track != NULL)
			put_sender_report(c, s, config, track->shm.codecs[0].clock_rate);
	}
}

// What was received from this transport: encodings of the tracks it publishes, one by one.
struct received {
	const struct track_config *track;
	struct encoding *encoding;
	struct track *producer;
};

static unsigned received_all(const struct worker *w, const struct transport_links *l,
			     struct received out[ENCODINGS_RECEIVED_MAX])
{
	unsigned count = 0;

	for (uint32_t i = 0; i < l->track_count; i++) {
		struct track *t = &w->dp->tracks[l->index[i]];
		const struct track_config *track =
			atomic_load_explicit(&t->config, memory_order_acquire);

		for (unsigned n = 0; track != NULL && n < track->shm.encoding_count; n++) {
			struct encoding *e = &t->encodings[n];
			if (e->ssrc != 0 && !e->gone &&
			    e->stats.track_generation == track->generation &&
			    count < ENCODINGS_RECEIVED_MAX)
				out[count++] = (struct received){track, e, t};
		}
	}
	return count;
}

static void receiver_report(struct compound *c, const struct received *r, unsigned count)
{
	struct rtcp_report_block blocks[ENCODINGS_RECEIVED_MAX];
	size_t used = 0;

	for (unsigned i = 0; i < count; i++)
		if (report_make(&r[i].encoding->report, c->worker->now_us, &blocks[used]))
			used++;
	if (used == 0)
		return;
	rtcp_put_rr(&c->w, c->config->rtcp_ssrc, blocks, used);
	put_cname(c, c->config->rtcp_ssrc);
}

// RFC 3611 4.4: a peer that is sent no media has no SR of ours to answer.
static void reference_time(struct compound *c, const struct received *r, unsigned count)
{
	struct transport *t = c->transport;
	uint64_t ntp = rtcp_ntp_elapsed(c->worker->now_us);

	if (count == 0)
		return;
	for (unsigned i = 0; i < count; i++)
		r[i].encoding->stats.round_trip_us = t->round_trip_us;
	if (c->w.size == 0)
		put_empty_report(c);
	rtcp_put_rrtr(&c->w, c->config->rtcp_ssrc, ntp);
	t->rrtr_last = (uint32_t)(ntp >> 16);
}

static void reference_answer(struct compound *c)
{
	struct rtcp_dlrr dlrr;

	if (!rtcp_xr_responder_answer(&c->transport->xr, c->worker->now_us, &dlrr))
		return;
	if (c->w.size == 0)
		put_empty_report(c);
	rtcp_put_dlrr(&c->w, c->config->rtcp_ssrc, &dlrr, 1);
}

// What got lost since the last time bounds what the peer may send. It starts from what it does
// send.
static void uplink_feed(struct uplink *u, const struct received *r, unsigned count, uint64_t now_us)
{
	uint64_t received = 0, rate_bps = 0;
	int64_t lost = 0;

	for (unsigned i = 0; i < count; i++) {
		received += r[i].encoding->stats.packets_received;
		lost += report_lost(&r[i].encoding->report);
		rate_bps += r[i].encoding->stats.rate_bps;
	}
	// Counts fall where an encoding begins anew.
	uint32_t came = received > u->received ? (uint32_t)(received - u->received) : 0;
	uint32_t missed = lost > u->lost ? (uint32_t)(lost - u->lost) : 0;
	loss_control_feed(&u->limit, came, missed, rate_bps, now_us);
	u->received = received;
	u->lost = lost;
}

static void maximum_bitrate(struct compound *c, const struct received *r, unsigned count)
{
	uint32_t ssrcs[ENCODINGS_RECEIVED_MAX];
	unsigned used = 0;

	for (unsigned i = 0; i < count; i++) {
		uint8_t feedback = r[i].track->shm.feedback;
		if ((feedback & SHM_FEEDBACK_TWCC) == 0 && (feedback & SHM_FEEDBACK_REMB) != 0)
			ssrcs[used++] = r[i].encoding->ssrc;
	}
	if (used == 0)
		return;
	uplink_feed(&c->transport->uplink, r, count, c->worker->now_us);
	if (c->w.size == 0)
		put_empty_report(c);
	rtcp_put_remb(&c->w, c->config->rtcp_ssrc, (uint64_t)c->transport->uplink.limit.limit_bps,
		      ssrcs, used);
}

static void put_keyframe_request(struct compound *c, const struct received *r)
{
	uint32_t own = c->config->rtcp_ssrc;

	if (c->w.size == 0)
		put_empty_report(c);
	if ((r->track->shm.feedback & SHM_FEEDBACK_PLI) != 0) {
		rtcp_put_pli(&c->w, own, r->encoding->ssrc);
		r->encoding->stats.pli_count++;
	} else {
		rtcp_put_fir(&c->w, own, r->encoding->ssrc, r->encoding->fir_seq++);
		r->encoding->stats.fir_count++;
	}
}

static void keyframe_requests(struct compound *c, const struct received *r, unsigned count)
{
	const uint8_t asks = SHM_FEEDBACK_PLI | SHM_FEEDBACK_FIR;

	for (unsigned i = 0; i < count; i++)
		if ((r[i].track->shm.feedback & asks) != 0 &&
		    c->worker->now_us >= keyframe_gate_deadline_us(&r[i].encoding->gate) &&
		    forward_keyframe_afford(r[i].producer, r[i].encoding, c->worker->now_us) &&
		    keyframe_gate_poll(&r[i].encoding->gate, c->worker->now_us))
			put_keyframe_request(c, &r[i]);
	compound_send(c);
}

// What is missing of one encoding, as many packets as that takes.
static void nacks(struct compound *c, const struct received *r)
{
	struct nack_generator *g = &r->track->nacks[r->encoding - r->producer->encodings];
	uint64_t rtt_us = g->answer_us;
	if (rtt_us == 0)
		rtt_us = c->transport->round_trip_us != 0 ? c->transport->round_trip_us
							  : NACK_ROUND_TRIP_US;
	uint16_t seqs[NACK_ONCE_MAX];
	size_t count;

	do {
		count = nack_generator_poll(g, c->worker->now_us, rtt_us, seqs, NACK_ONCE_MAX);
		if (count == 0)
			break;
		put_empty_report(c);
		rtcp_put_nack(&c->w, c->config->rtcp_ssrc, r->encoding->ssrc, seqs, count);
		r->encoding->stats.nack_count++;
		compound_send(c);
	} while (count == NACK_ONCE_MAX);
	r->encoding->stats.packets_given_up = g->given_up;
	if (g->broken) {
		r->encoding->stats.keyframe_wishes++;
		keyframe_gate_request(&r->encoding->gate);
	}
}

// The compound in the making is feedback: it is paid for.
static void told(const struct compound *c)
{
	if (c->w.size != 0)
		feedback_spend(&c->transport->telling, c->w.size + SRTCP_OVERHEAD_BYTES_MAX);
}

static void transport_feedback(struct compound *c)
{
	for (;;) {
		put_empty_report(c);
		size_t room = sizeof(c->bytes) - c->w.size;
		size_t size = twcc_poll(&c->transport->twcc, c->worker->now_us,
					c->bytes + c->w.size, room);
		if (size == 0)
			break;
		bytes_writer_reserve(&c->w, size);
		told(c);
		compound_send(c);
	}
	compound_start(c);
}

// What has ended since the last time, and 'own' where we go ourselves. RFC 3550 6.6.
static void goodbye(struct compound *c, bool own)
{
	struct goodbyes *g = &c->transport->goodbyes;
	uint32_t ssrcs[GOODBYES_MAX + 1];
	uint32_t count = g->count;

	memcpy(ssrcs, g->ssrcs, count * sizeof(ssrcs[0]));
	if (own)
		ssrcs[count++] = c->config->rtcp_ssrc;
	g->count = 0;
	put_empty_report(c);
	rtcp_put_bye(&c->w, ssrcs, count);
	compound_send(c);
}

void egress_rtcp_goodbye(struct worker *w, struct transport *t,
			 const struct shm_transport_config *config)
{
	struct compound c = {.worker = w, .transport = t, .config = config};

	// RFC 3550 6.3.7: who has sent nothing says no goodbye.
	if (!egress_path_open(t) || t->stats.packets_sent == 0)
		return;
	compound_start(&c);
	goodbye(&c, true);
	egress_flush(w); // its keys are about to go
}

void egress_rtcp_due(struct worker *w, struct transport *t)
{
	const struct transport_config *config =
		atomic_load_explicit(&t->config, memory_order_acquire);
	const struct transport_links *l = atomic_load_explicit(&t->links, memory_order_acquire);
	struct compound c = {.worker = w, .transport = t};
	struct received received[ENCODINGS_RECEIVED_MAX];

	if (config == NULL || t->phase != SHM_PHASE_ESTABLISHED || t->path.size == 0)
		return;
	c.config = &config->shm;
	compound_start(&c);
	unsigned count = l != NULL ? received_all(w, l, received) : 0;
	for (unsigned i = 0; i < count; i++)
		if (received[i].track->nacks != NULL)
			nacks(&c, &received[i]);
	keyframe_requests(&c, received, count);
	if (t->goodbyes.count != 0)
		goodbye(&c, false);
	if (w->now_us >= twcc_deadline_us(&t->twcc) && feedback_may(&t->telling, w->now_us))
		transport_feedback(&c);
	if (w->now_us < t->rtcp_due_us)
		return;
	t->rtcp_due_us = w->now_us + RTCP_INTERVAL_US;
	receiver_report(&c, received, count);
	reference_time(&c, received, count);
	reference_answer(&c);
	maximum_bitrate(&c, received, count);
	told(&c);
	if (l != NULL)
		sender_reports(&c, l);
	compound_send(&c);
}
