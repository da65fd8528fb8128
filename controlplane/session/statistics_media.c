// SPDX-License-Identifier: Apache-2.0
// controlplane/session/statistics_media.c - transports, received and sent streams, and what their
// peers report of them.

#include "controlplane/session/node.h"
#include "controlplane/session/player.h"
#include "controlplane/session/statistics.h"
#include "controlplane/session/transport/transport.h"
#include "proto/shm/snapshot.h"

#include <math.h>

static char *own(struct statistics *a, char *text)
{
	g_ptr_array_add(a->owned, text);
	return text;
}

static void fill_transport(struct statistics *a, const struct participant *p,
			   const struct media_transport *t, bool publish)
{
	const struct shm_view *v = link_client_view(p->node->link);
	struct shm_transport_state state;
	struct shm_transport_stats s;

	if (t->ref.generation == 0 || !link_transport_state(p->node->link, t->ref.index, &state))
		return;
	struct shm_transport_slot *slot = &v->transports[t->ref.index];
	if (!shm_snapshot_read(&slot->stats_seq, &s, &slot->stats, sizeof(s)))
		return;
	Sluice__V1__TransportStats *m = statistics_add(a->transports, sizeof(*m));
	sluice__v1__transport_stats__init(m);
	if (p->transport != NULL)
		m->transport = p->transport->name;
	m->participant = p->name;
	m->publish = publish;
	m->dtls_state = (char *)(uintptr_t)media_transport_dtls_state(t);
	m->worker = state.owner;
	if (t->config.suite != SHM_SUITE_NONE)
		m->srtp_cipher = (char *)(uintptr_t)dtls_srtp_suite_name(t->config.suite);
	m->selected_remote = own(a, node_addr_text(&state.selected_remote));
	m->packets_received = s.packets_received;
	m->bytes_received = s.bytes_received;
	m->packets_sent = s.packets_sent;
	m->bytes_sent = s.bytes_sent;
	m->consent_requests_sent = s.consent_requests_sent;
	m->consent_responses_sent = s.consent_responses_sent;
	m->available_outgoing_bitrate = (double)s.available_outgoing_bps;
	m->allocated_bitrate = s.allocated_bps;
	m->probe_bytes_sent = s.probe_bytes_sent;
	m->last_consent_age_ms =
		state.consent_us == 0 ? -1
				      : (g_get_monotonic_time() - (int64_t)state.consent_us) / 1000;
}

static char *kind_of(const struct track *t)
{
	return (char *)(uintptr_t)(t->negotiated.kind == SDP_AUDIO ? "audio" : "video");
}

// NTP on the Unix epoch, in milliseconds (RFC 3550 4).
static double ntp_ms(uint64_t ntp)
{
	const double epoch_s = 2208988800.0;

	return ((double)ntp / 4294967296.0 - epoch_s) * 1000;
}

enum { LEVEL_SILENT = 127 };

// RFC 6464's -dBov as the linear value of the W3C.
static double audio_level(const struct track *t, const struct shm_encoding_stats *s)
{
	return t->negotiated.kind == SDP_AUDIO && s->audio_level < LEVEL_SILENT
		       ? pow(10, -(double)s->audio_level / 20)
		       : 0;
}

static void fill_remote_outbound(struct statistics *a, const struct track *t,
				 const struct shm_encoding_stats *s)
{
	Sluice__V1__RemoteOutboundRtpStats *m = statistics_add(a->remote_outbound, sizeof(*m));

	sluice__v1__remote_outbound_rtp_stats__init(m);
	m->track = t->name;
	m->ssrc = s->ssrc;
	m->packets_sent = s->reported_packets;
	m->bytes_sent = s->reported_octets;
	m->reports_sent = s->reports;
	m->remote_timestamp = ntp_ms(s->reported_ntp);
}

static void fill_inbound(struct statistics *a, const struct track *t)
{
	const struct shm_view *v = link_client_view(t->owner->node->link);
	struct shm_encoding_stats s[SHM_ENCODINGS_MAX];

	if (t->ref.generation == 0)
		return;
	struct shm_track_slot *slot = &v->tracks[t->ref.index];
	if (!shm_snapshot_read(&slot->stats_seq, s, slot->stats, sizeof(s)))
		return;
	for (size_t i = 0; i < t->negotiated.encoding_count; i++) {
		if (s[i].track_generation != t->ref.generation || s[i].ssrc == 0)
			continue;
		Sluice__V1__InboundRtpStats *m = statistics_add(a->inbound, sizeof(*m));
		sluice__v1__inbound_rtp_stats__init(m);
		m->track = t->name;
		m->ssrc = s[i].ssrc;
		m->rid = (char *)(uintptr_t)t->negotiated.encodings[i].rid;
		m->packets_received = s[i].packets_received + s[i].retransmitted_packets_received;
		m->bytes_received = s[i].bytes_received + s[i].retransmitted_bytes_received;
		m->packets_lost = s[i].packets_lost;
		m->jitter = (double)s[i].jitter / t->negotiated.codecs[0].clock_rate;
		m->pli_count = s[i].pli_count;
		m->fir_count = s[i].fir_count;
		m->key_frames_received = s[i].keyframes;
		m->nack_count = s[i].nack_count;
		m->retransmitted_packets_received = s[i].retransmitted_packets_received;
		m->retransmitted_bytes_received = s[i].retransmitted_bytes_received;
		m->packets_given_up = s[i].packets_given_up;
		m->frames_received = s[i].frames;
		m->bitrate = s[i].rate_bps;
		m->audio_level = audio_level(t, &s[i]);
		m->kind = kind_of(t);
		m->mid = (char *)(uintptr_t)t->negotiated.mid;
		if (s[i].reports != 0)
			fill_remote_outbound(a, t, &s[i]);
	}
}

// One consumer: a subscription, a line that plays, or one of TransportService.
struct outgoing {
	const struct participant *participant;
	const struct track *track;
	struct shm_ref ref;
	uint32_t ssrc;
	char *consumer; // name; NULL: a subscription
	const char *mid; // need not end in NUL
};

static void fill_remote_inbound(struct statistics *a, const struct outgoing *o,
				const struct shm_subscription_stats *s)
{
	Sluice__V1__RemoteInboundRtpStats *m = statistics_add(a->remote_inbound, sizeof(*m));

	sluice__v1__remote_inbound_rtp_stats__init(m);
	m->participant = o->participant->name;
	m->track = o->track->name;
	m->ssrc = o->ssrc;
	m->packets_lost = s->reported_packets_lost;
	m->jitter = (double)s->reported_jitter / o->track->negotiated.codecs[0].clock_rate;
	m->round_trip_time = (double)s->round_trip_us / G_USEC_PER_SEC;
	if (o->consumer != NULL)
		m->consumer = o->consumer;
}

static void fill_layers(Sluice__V1__OutboundRtpStats *m, const struct outgoing *o,
			const struct shm_subscription_stats *s)
{
	bool video = o->track->negotiated.kind == SDP_VIDEO;

	m->nack_count = s->nack_count;
	m->nack_refused = s->nack_refused;
	m->retransmitted_packets_sent = s->retransmitted_packets_sent;
	m->retransmitted_bytes_sent = s->retransmitted_bytes_sent;
	m->layer_changes = s->layer_changes;
	// The API's numbers are one more: 0 says nothing.
	if (video || s->layer_reason == SHM_LAYER_SPEAKERS)
		m->layer_reason = (Sluice__V1__OutboundRtpStats__LayerReason)(s->layer_reason + 1);
	m->target_spatial_layer = -1;
	m->target_temporal_layer = -1;
	if (video && s->target_layer.spatial != SHM_LAYER_NONE) {
		m->target_spatial_layer = s->target_layer.spatial;
		m->target_temporal_layer = s->target_layer.temporal;
	}
}

static void fill_outbound(struct statistics *a, const struct outgoing *o)
{
	const struct shm_view *v = link_client_view(o->participant->node->link);
	struct shm_subscription_stats stats;

	if (o->ref.generation == 0)
		return;
	struct shm_subscription_slot *slot = &v->subscriptions[o->ref.index];
	if (!shm_snapshot_read(&slot->stats_seq, &stats, &slot->stats, sizeof(stats)) ||
	    stats.generation != o->ref.generation)
		return;
	Sluice__V1__OutboundRtpStats *m = statistics_add(a->outbound, sizeof(*m));
	sluice__v1__outbound_rtp_stats__init(m);
	m->participant = o->participant->name;
	m->track = o->track->name;
	m->ssrc = o->ssrc;
	m->packets_sent = stats.packets_sent + stats.retransmitted_packets_sent;
	m->bytes_sent = stats.bytes_sent + stats.retransmitted_bytes_sent;
	m->pli_count = stats.pli_count;
	m->fir_count = stats.fir_count;
	m->max_send_gap = (double)stats.max_send_gap_us / G_USEC_PER_SEC;
	fill_layers(m, o, &stats);
	m->kind = kind_of(o->track);
	m->mid = own(a, g_strndup(o->mid, SHM_MID_BYTES_MAX));
	if (o->consumer != NULL)
		m->consumer = o->consumer;
	fill_remote_inbound(a, o, &stats);
}

static void add_played(struct statistics *a, const struct participant *p)
{
	struct player_stream s;

	for (size_t i = 0; player_stream(p, i, &s); i++) {
		const struct outgoing o = {p, s.track, s.ref, s.ssrc, NULL, s.mid};
		if (s.track != NULL)
			fill_outbound(a, &o);
	}
}

void statistics_add_participant(struct statistics *a, const struct participant *p)
{
	fill_transport(a, p, &p->publish, true);
	fill_transport(a, p, &p->subscribe, false);
	for (guint i = 0; i < p->tracks->len; i++)
		fill_inbound(a, p->tracks->pdata[i]);
	for (guint i = 0; i < p->subscriptions->len; i++) {
		const struct subscription *s = p->subscriptions->pdata[i];
		const char *mid = sdp_subscriber_line(p->lines, s->line)->mid;
		const struct outgoing o = {p, s->track, s->ref, s->ssrc, NULL, mid};
		fill_outbound(a, &o);
	}
	add_played(a, p);
}

void statistics_add_consumers(struct statistics *a, const struct transport *t)
{
	GHashTableIter it;
	gpointer data;

	g_hash_table_iter_init(&it, t->consumers);
	while (g_hash_table_iter_next(&it, NULL, &data)) {
		struct consumer *c = data;
		const struct outgoing o = {t->member,	   c->track, c->ref,
					   c->config.ssrc, c->name,  c->config.mid};
		fill_outbound(a, &o);
	}
}
