// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/feedback.c - RTCP of a peer: reports to statistics and clocks, wishes to gates.
//
// Path     ingress/rtcp.c -> [feedback] -> forward/keyframe.c; other workers
// Thread   the worker that owns the peer's transport.
// Spec     RFC 3550 6.4, RFC 4585 6.3.1, RFC 5104 4.3.1, RFC 3611 4.4 and 4.5.
#include "dataplane/forward/bandwidth.h"
#include "dataplane/forward/consumer.h"
#include "dataplane/forward/repair.h"
#include "proto/rtc/rtcp.h"
#include "proto/rtc/rtcp_xr.h"

enum {
	WISHES_MERGED_US = 10000, // a subscriber's for keyframes, into one
	REPORTS_MERGED_US = 100000, // a publisher's for an encoding; forward_due() makes up for it
};

// A publisher's clock pair to this worker's consumers of the encoding.
static void sender_report_local(struct worker *w, struct shm_ref track, uint8_t encoding,
				const struct sender_report *sr)
{
	const struct fanout_list *list =
		track.index < w->dp->limits.tracks ? w->fanout[track.index] : NULL;

	if (list == NULL || list->track_generation != track.generation ||
	    encoding >= SHM_ENCODINGS_MAX)
		return;
	struct track_clocks *clocks = &w->clocks[track.index];
	if (clocks->generation != track.generation)
		*clocks = (struct track_clocks){.generation = track.generation};
	clocks->reports[encoding] = *sr;
	for (uint32_t i = 0; i < list->count; i++) {
		struct subscription *s = list->entries[i].subscription;

		if (s->encoding == encoding && s->continuity.source == sr->ssrc)
			s->sr = *sr;
	}
}

static void sender_report_spread(struct worker *w, struct shm_ref track, uint8_t encoding,
				 const struct sender_report *sr)
{
	const struct track_config *c = track_config_of(w->dp, track);
	struct xmsg msg = {
		.kind = XMSG_SENDER_REPORT,
		.ref = track,
		.a = encoding,
		.b = sr->rtp_timestamp,
		.c = sr->ssrc,
		.value = sr->ntp,
		.time_us = sr->arrival_us,
	};

	if (c == NULL)
		return;
	sender_report_local(w, track, encoding, sr);
	for (unsigned id = 0; id < w->dp->worker_count; id++)
		if (id != w->id && (c->worker_mask & (UINT32_C(1) << id)) != 0)
			xmsg_to_worker(w, id, &msg); // the next report makes up for a lost one
}

void forward_due(struct worker *w, struct transport *t)
{
	if (w->now_us < t->rtcp_due_us)
		return;
	for (unsigned i = 0; i < RECEIVE_STREAMS_MAX; i++) {
		const struct receive_stream *s = &t->streams[i];

		if (s->ssrc == 0 || !s->bound)
			continue;
		const struct encoding *e = &w->dp->tracks[s->track.index].encodings[s->encoding];
		if (e->ssrc == s->ssrc && e->sr.ntp != 0)
			sender_report_spread(w, s->track, s->encoding, &e->sr);
	}
}

static void sender_report(struct worker *w, struct transport *t, const struct rtcp_sr *sr)
{
	for (unsigned i = 0; i < RECEIVE_STREAMS_MAX; i++) {
		const struct receive_stream *s = &t->streams[i];

		if (s->ssrc != sr->ssrc || !s->bound)
			continue;
		struct encoding *e = &w->dp->tracks[s->track.index].encodings[s->encoding];
		report_sender_report(&e->report, sr, w->now_us);
		e->stats.reported_packets = sr->packets;
		e->stats.reported_octets = sr->bytes;
		e->stats.reported_ntp = sr->ntp;
		e->stats.reports++;
		e->sr = (struct sender_report){
			.ntp = sr->ntp,
			.rtp_timestamp = sr->ts,
			.ssrc = sr->ssrc,
			.arrival_us = w->now_us,
		};
		if (e->sr_spread_us != 0 && w->now_us - e->sr_spread_us < REPORTS_MERGED_US)
			return;
		e->sr_spread_us = w->now_us;
		sender_report_spread(w, s->track, s->encoding, &e->sr);
		return;
	}
}

// The running consumer on this transport that is sent as 'ssrc'.
static struct subscription *consumer_by_ssrc(struct worker *w, struct transport *t, uint32_t ssrc,
					     struct shm_ref *track)
{
	const struct transport_links *l = atomic_load_explicit(&t->links, memory_order_acquire);
	uint32_t first = 0, end = l != NULL ? l->subscription_count : 0;

	while (first < end) {
		uint32_t middle = first + (end - first) / 2;

		if (l->consumers[middle].ssrc < ssrc)
			first = middle + 1;
		else
			end = middle;
	}
	if (l == NULL || first == l->subscription_count)
		return NULL;
	struct subscription *s = &w->dp->subscriptions[l->consumers[first].subscription];
	const struct subscription_config *config =
		atomic_load_explicit(&s->config, memory_order_acquire);
	// A config main has swapped in runs here only once its epoch was applied.
	if (config == NULL || config->generation != s->generation || config->shm.ssrc != ssrc)
		return NULL;
	*track = config->shm.track;
	return s;
}

// RFC 3550 6.4.1: A - LSR - DLSR, where LSR is of our own SR.
static uint32_t round_trip_us(const struct worker *w, const struct subscription *s,
			      const struct rtcp_report_block *b)
{
	if (b->last_sr == 0 || b->last_sr != s->sr_last)
		return 0;
	uint64_t held_us = (uint64_t)b->delay_since_last_sr * 1000000 / 65536;
	uint64_t since_us = w->now_us - s->sr_last_us;
	return since_us > held_us ? (uint32_t)(since_us - held_us) : 0;
}

static void report_block(struct worker *w, struct transport *t, const struct rtcp_report_block *b)
{
	struct shm_ref track;
	struct subscription *s = consumer_by_ssrc(w, t, b->ssrc, &track);

	if (s == NULL)
		return;
	struct shm_subscription_stats *stats = &s->stats;
	uint32_t rtt_us = round_trip_us(w, s, b);
	stats->reported_packets_lost = b->cumulative_lost;
	stats->reported_jitter = b->jitter;
	stats->reported_fraction_lost = b->fraction_lost;
	if (rtt_us != 0)
		stats->round_trip_us = rtt_us;
	bandwidth_report(w, t, b->fraction_lost, rtt_us);
}

static void keyframe_wanted(struct worker *w, struct transport *t, uint32_t ssrc, bool fir)
{
	struct shm_ref track;
	struct subscription *s = consumer_by_ssrc(w, t, ssrc, &track);

	if (s == NULL)
		return;
	if (fir)
		s->stats.fir_count++;
	else
		s->stats.pli_count++;
	// A flood ends here: the ring to the publisher's worker carries media, too.
	if (s->wished_us != 0 && w->now_us - s->wished_us < WISHES_MERGED_US)
		return;
	s->wished_us = w->now_us;
	forward_keyframe_request(w, track, s->encoding);
}

static void payload_feedback(struct worker *w, struct transport *t, const struct rtcp_packet *p)
{
	struct rtcp_fir fir;
	uint32_t ssrc;

	if (rtcp_read_pli(p, &ssrc))
		keyframe_wanted(w, t, ssrc, false);
	// The gate merges repeats, so the sequence number of a FIR need not be remembered.
	for (unsigned i = 0; rtcp_read_fir(p, i, &fir); i++)
		keyframe_wanted(w, t, fir.ssrc, true);
}

static void packets_missed(struct worker *w, struct transport *t, const struct rtcp_packet *p)
{
	struct rtcp_feedback f;
	struct shm_ref track;

	if (!rtcp_read_feedback(p, &f))
		return;
	struct subscription *s = consumer_by_ssrc(w, t, f.media_ssrc, &track);
	if (s != NULL)
		repair_nack(w, s, track, p);
}

// Until more comes of it, it is neither reported on nor asked for anything (RFC 3550 6.3.4).
static void goodbye(struct worker *w, struct transport *t, const struct rtcp_packet *p)
{
	uint32_t ssrc;

	for (unsigned n = 0; rtcp_read_bye(p, n, &ssrc); n++)
		for (unsigned i = 0; i < RECEIVE_STREAMS_MAX; i++) {
			const struct receive_stream *s = &t->streams[i];

			if (s->ssrc == ssrc && s->bound && !s->repairs)
				w->dp->tracks[s->track.index].encodings[s->encoding].gone = true;
		}
}

static void reports(struct worker *w, struct transport *t, const struct rtcp_packet *p)
{
	struct rtcp_report_block block;
	struct rtcp_sr sr;

	if (rtcp_read_sr(p, &sr))
		sender_report(w, t, &sr);
	for (unsigned i = 0; rtcp_read_report_block(p, i, &block); i++)
		report_block(w, t, &block);
}

// RFC 3611 4.5: A - LRR - DLRR, where LRR is the middle of our own reference time.
static void reference_answered(struct worker *w, struct transport *t, const struct rtcp_dlrr *d)
{
	const struct transport_config *c = atomic_load_explicit(&t->config, memory_order_acquire);

	if (c == NULL || d->ssrc != c->shm.rtcp_ssrc || d->last_rr == 0 ||
	    d->last_rr != t->rrtr_last)
		return;
	uint32_t now = (uint32_t)(rtcp_ntp_elapsed(w->now_us) >> 16);
	uint32_t round_trip = now - d->last_rr - d->delay_since_last_rr;
	if ((int32_t)round_trip < 0)
		return; // held longer than it was away
	t->round_trip_us = (uint32_t)((uint64_t)round_trip * 1000000 / 65536);
}

static void extended_reports(struct worker *w, struct transport *t, const struct rtcp_packet *p)
{
	struct rtcp_dlrr dlrr;
	uint32_t ssrc;
	uint64_t ntp;

	if (rtcp_read_rrtr(p, &ssrc, &ntp))
		rtcp_xr_responder_receive(&t->xr, ssrc, ntp, w->now_us);
	for (unsigned i = 0; i < RTCP_COUNT_MAX && rtcp_read_dlrr(p, i, &dlrr); i++)
		reference_answered(w, t, &dlrr);
}

static uint32_t streams_of(const struct transport *t)
{
	const struct transport_links *l = atomic_load_explicit(&t->links, memory_order_acquire);

	return l != NULL ? l->track_count + l->subscription_count : 0;
}

bool forward_rtcp(struct worker *w, struct transport *t, const uint8_t *compound, size_t size)
{
	uint32_t streams = streams_of(t);
	struct rtcp_packet p;
	struct rtcp_walk walk;

	rtcp_walk_init(&walk, compound, size);
	while (rtcp_walk_next(&walk, &p)) {
		if (!rtcp_budget_take(&t->listening, &p, streams, w->now_us))
			return false;
		bandwidth_feedback(w, t, &p);
		if (p.type == RTCP_SR || p.type == RTCP_RR)
			reports(w, t, &p);
		else if (p.type == RTCP_PSFB)
			payload_feedback(w, t, &p);
		else if (p.type == RTCP_RTPFB && p.count == RTCP_RTPFB_NACK)
			packets_missed(w, t, &p);
		else if (p.type == RTCP_XR)
			extended_reports(w, t, &p);
		else if (p.type == RTCP_BYE)
			goodbye(w, t, &p);
	}
	return true;
}

void forward_message(struct worker *w, const struct xmsg *msg)
{
	const struct sender_report sr = {
		.ntp = msg->value,
		.rtp_timestamp = msg->b,
		.ssrc = msg->c,
		.arrival_us = msg->time_us,
	};

	if (msg->kind == XMSG_KEYFRAME)
		forward_keyframe_request(w, msg->ref, (uint8_t)msg->a);
	else if (msg->kind == XMSG_SENDER_REPORT)
		sender_report_local(w, msg->ref, (uint8_t)msg->a, &sr);
}
