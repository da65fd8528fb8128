// SPDX-License-Identifier: Apache-2.0
// controlplane/session/summary.c - counters of ended streams, and the E-model.

#include "controlplane/session/summary.h"

#include "controlplane/session/node.h"
#include "controlplane/session/participant.h"
#include "controlplane/session/watch.h"

#include <math.h>

static void stream_free(gpointer data)
{
	Sluice__V1__StreamSummary *m = data;

	g_free(m->track);
	g_free(m);
}

void summary_clear(struct summary *s)
{
	g_clear_pointer(&s->published, g_ptr_array_unref);
	g_clear_pointer(&s->subscribed, g_ptr_array_unref);
}

// G.107 7.4: the impairment Idd by a delay as such. Its sixth powers and roots are of numbers of a
// few units; below 100 ms nothing is noticed.
static double delay_impairment(double ms)
{
	if (ms <= 100)
		return 0;
	double x = log2(ms / 100);

	return 25 * (pow(1 + pow(x, 6), 1.0 / 6) - 3 * pow(1 + pow(x / 3, 6), 1.0 / 6) + 2);
}

// G.107 7.5: the effective impairment Ie-eff of a codec that itself has none.
static double loss_impairment(double percent)
{
	const double robustness = 25.1, burst_ratio = 1;

	return 95 * percent / (percent / burst_ratio + robustness);
}

double summary_mos(double loss, double jitter, double round_trip_time)
{
	const double base = 93.2, packet_ms = 20;
	double delay_ms = 1000 * (round_trip_time / 2 + 2 * jitter) + packet_ms;
	double r = base - delay_impairment(delay_ms) - loss_impairment(100 * loss);

	r = CLAMP(r, 0, 100);
	return CLAMP(1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6, 1, 4.5);
}

static Sluice__V1__StreamSummary *add(GPtrArray **list, const char *track, enum sdp_kind kind)
{
	if (*list == NULL)
		*list = g_ptr_array_new_with_free_func(stream_free);
	if ((*list)->len == SUMMARY_STREAMS_MAX)
		return NULL;
	Sluice__V1__StreamSummary *m = g_new(Sluice__V1__StreamSummary, 1);
	sluice__v1__stream_summary__init(m);
	m->track = g_strdup(track);
	m->kind = kind == SDP_AUDIO ? SLUICE__V1__MEDIA_KIND__MEDIA_KIND_AUDIO
				    : SLUICE__V1__MEDIA_KIND__MEDIA_KIND_VIDEO;
	g_ptr_array_add(*list, m);
	return m;
}

static void rate(Sluice__V1__StreamSummary *m)
{
	double lost = (double)MAX(m->packets_lost, 0);
	double expected = (double)m->packets + lost;

	if (m->kind == SLUICE__V1__MEDIA_KIND__MEDIA_KIND_AUDIO && m->packets > 0)
		m->mos = summary_mos(lost / expected, m->jitter, m->round_trip_time);
}

void summary_note_track(struct summary *s, const struct track *t)
{
	struct shm_encoding_stats stats[SHM_ENCODINGS_MAX];

	if (!link_track_stats(t->owner->node->link, t->ref, stats))
		return;
	for (size_t i = 0; i < t->negotiated.encoding_count; i++) {
		const struct shm_encoding_stats *e = &stats[i];
		if (e->ssrc == 0 || e->track_generation != t->ref.generation)
			continue;
		Sluice__V1__StreamSummary *m = add(&s->published, t->name, t->negotiated.kind);
		if (m == NULL)
			return;
		m->ssrc = e->ssrc;
		m->packets = e->packets_received;
		m->bytes = e->bytes_received;
		m->packets_lost = e->packets_lost;
		m->jitter = (double)e->jitter / MAX(t->negotiated.codecs[0].clock_rate, 1);
		rate(m);
	}
}

void summary_note_sent(struct summary *s, struct link_client *link, const struct summary_sent *sent)
{
	struct shm_subscription_stats stats;
	Sluice__V1__StreamSummary *m;

	if (!link_subscription_stats(link, sent->ref, &stats))
		return;
	m = add(&s->subscribed, sent->track, sent->kind);
	if (m == NULL)
		return;
	m->ssrc = sent->ssrc;
	m->packets = stats.packets_sent;
	m->bytes = stats.bytes_sent;
	m->packets_lost = stats.reported_packets_lost;
	m->jitter = (double)stats.reported_jitter / MAX(sent->clock_rate, 1);
	m->round_trip_time = (double)stats.round_trip_us / G_USEC_PER_SEC;
	rate(m);
}

void summary_note_subscription(struct summary *s, const struct participant *p,
			       const struct subscription *subscription)
{
	const struct sdp_track *t = &subscription->track->negotiated;
	const struct summary_sent sent = {
		.track = subscription->track->name,
		.kind = t->kind,
		.clock_rate = t->codecs[0].clock_rate,
		.ref = subscription->ref,
		.ssrc = subscription->ssrc,
	};

	summary_note_sent(s, p->node->link, &sent);
}

void summary_tell(const struct participant *p)
{
	Sluice__V1__SessionSummary m = SLUICE__V1__SESSION_SUMMARY__INIT;
	const struct summary *s = &p->summary;

	m.participant = p->name;
	m.uid = p->uid;
	m.join_time_ms = p->join_time_ms;
	m.duration_ms = g_get_real_time() / 1000 - p->join_time_ms;
	if (s->published != NULL) {
		m.n_published = s->published->len;
		m.published = (Sluice__V1__StreamSummary **)s->published->pdata;
	}
	if (s->subscribed != NULL) {
		m.n_subscribed = s->subscribed->len;
		m.subscribed = (Sluice__V1__StreamSummary **)s->subscribed->pdata;
	}
	watch_summary(p, &m);
}
