// SPDX-License-Identifier: Apache-2.0
// controlplane/session/transport/messages.c - transports, producers and consumers as the API shows
// them.

#include "controlplane/dtls/srtp_keys.h"
#include "controlplane/session/node.h"
#include "controlplane/session/room.h"
#include "controlplane/session/transport/transport.h"

#include <string.h>

static Sluice__V1__WebRtcTransport *webrtc_message(struct transport *t)
{
	Sluice__V1__WebRtcTransport *m = g_new(Sluice__V1__WebRtcTransport, 1);
	struct node *n = t->node;
	const struct media_transport *media = transport_media(t);
	char fingerprint[DTLS_FINGERPRINT_TEXT_SIZE];
	struct shm_transport_state state;

	sluice__v1__web_rtc_transport__init(m);
	m->ice = g_new(Sluice__V1__IceParameters, 1);
	sluice__v1__ice_parameters__init(m->ice);
	m->ice->username_fragment = g_strdup(media->local.ufrag);
	m->ice->password = g_strdup(media->local.pwd);
	m->ice->ice_lite = !n->settings->ice_full;
	m->dtls = g_new(Sluice__V1__DtlsParameters, 1);
	sluice__v1__dtls_parameters__init(m->dtls);
	dtls_fingerprint_format(&n->fingerprint, fingerprint);
	m->dtls->fingerprint = g_strdup(fingerprint);
	m->dtls->role = t->dtls_role;
	m->candidates = g_new0(char *, n->address_count + 1);
	for (size_t i = 0; i < n->address_count; i++)
		m->candidates[m->n_candidates++] = g_strdup(n->candidates[i]);
	bool known = media->ref.generation != 0 &&
		     link_transport_state(n->link, media->ref.index, &state);
	m->selected_remote = known ? node_addr_text(&state.selected_remote) : g_strdup("");
	return m;
}

static void webrtc_message_free(Sluice__V1__WebRtcTransport *m)
{
	if (m == NULL)
		return;
	if (m->ice != NULL) {
		explicit_bzero(m->ice->password, strlen(m->ice->password));
		g_free(m->ice->username_fragment);
		g_free(m->ice->password);
	}
	g_free(m->ice);
	if (m->dtls != NULL)
		g_free(m->dtls->fingerprint);
	g_free(m->dtls);
	for (size_t i = 0; i < m->n_candidates; i++)
		g_free(m->candidates[i]);
	g_free(m->candidates);
	g_free(m->selected_remote);
	g_free(m);
}

static Sluice__V1__PlainTransport *plain_message(struct transport *t)
{
	Sluice__V1__PlainTransport *m = g_new(Sluice__V1__PlainTransport, 1);
	const struct shm_transport_config *c = &transport_media(t)->config;
	struct shm_transport_state state;
	struct rtc_addr remote = c->selected_remote;

	sluice__v1__plain_transport__init(m);
	m->latch = (c->flags & SHM_TRANSPORT_LATCH) != 0;
	if (m->latch && t->connected_once &&
	    link_transport_state(t->node->link, transport_media(t)->ref.index, &state))
		remote = state.selected_remote;
	m->local = node_addr_text(&c->selected_local);
	m->remote = node_addr_text(&remote);
	m->srtp_suite = g_strdup(c->suite != SHM_SUITE_NONE ? dtls_srtp_suite_name(c->suite) : "");
	m->inactivity_timeout_ms = c->inactivity_ms;
	m->inactive = t->inactive;
	return m;
}

static void plain_message_free(Sluice__V1__PlainTransport *m)
{
	if (m == NULL)
		return;
	g_free(m->local);
	g_free(m->remote);
	g_free(m->srtp_suite);
	g_free(m);
}

Sluice__V1__Transport *transport_message(struct transport *t)
{
	Sluice__V1__Transport *m = g_new(Sluice__V1__Transport, 1);
	const struct room *room = t->member->room;

	sluice__v1__transport__init(m);
	m->name = g_strdup(t->name);
	m->uid = g_strdup(t->uid);
	m->state = transport_state_of(transport_media(t));
	m->room = g_strdup(room_is_hidden(room) ? "" : room->name);
	m->participant = g_strdup(room_is_hidden(room) ? "" : t->member->name);
	m->generation = t->generation;
	m->applied_generation = t->applied_generation;
	m->create_time_ms = t->create_time_ms;
	m->producer_count = g_hash_table_size(t->producers);
	m->consumer_count = g_hash_table_size(t->consumers);
	if (t->plain) {
		m->kind_case = SLUICE__V1__TRANSPORT__KIND_PLAIN;
		m->plain = plain_message(t);
	} else {
		m->kind_case = SLUICE__V1__TRANSPORT__KIND_WEBRTC;
		m->webrtc = webrtc_message(t);
	}
	return m;
}

static Sluice__V1__PlainTransport *plain_orphan_message(const struct shm_transport_config *c,
							const struct shm_transport_state *state)
{
	Sluice__V1__PlainTransport *m = g_new(Sluice__V1__PlainTransport, 1);

	sluice__v1__plain_transport__init(m);
	m->latch = (c->flags & SHM_TRANSPORT_LATCH) != 0;
	m->local = node_addr_text(&c->selected_local);
	m->remote = node_addr_text(&state->selected_remote);
	m->srtp_suite = g_strdup(c->suite != SHM_SUITE_NONE ? dtls_srtp_suite_name(c->suite) : "");
	m->inactivity_timeout_ms = c->inactivity_ms;
	return m;
}

static Sluice__V1__WebRtcTransport *webrtc_orphan_message(const struct shm_transport_state *state)
{
	Sluice__V1__WebRtcTransport *m = g_new(Sluice__V1__WebRtcTransport, 1);

	sluice__v1__web_rtc_transport__init(m);
	m->selected_remote = node_addr_text(&state->selected_remote);
	return m;
}

Sluice__V1__Transport *transport_orphan_message(struct node *node, const struct orphan *o)
{
	Sluice__V1__Transport *m = g_new(Sluice__V1__Transport, 1);
	const struct shm_view *v = link_client_view(node->link);
	struct shm_transport_config config = v->transports[o->ref.index].config;
	struct shm_transport_state state = {0};
	bool hidden = o->room == NULL || o->room[0] == '\0' || o->participant == NULL;

	link_transport_state(node->link, o->ref.index, &state);
	sluice__v1__transport__init(m);
	m->name = g_strdup(o->transport);
	m->uid = g_strdup(o->transport_uid != NULL ? o->transport_uid : "");
	m->state = SLUICE__V1__TRANSPORT_STATE__TRANSPORT_STATE_CONNECTED;
	m->room = hidden ? g_strdup("") : g_strdup_printf("rooms/%s", o->room);
	m->participant = hidden ? g_strdup("")
				: g_strdup_printf("%s/participants/%s", m->room, o->participant);
	m->create_time_ms = o->join_time_ms;
	m->orphan = true;
	if ((config.flags & SHM_TRANSPORT_PLAIN) != 0) {
		m->kind_case = SLUICE__V1__TRANSPORT__KIND_PLAIN;
		m->plain = plain_orphan_message(&config, &state);
	} else {
		m->kind_case = SLUICE__V1__TRANSPORT__KIND_WEBRTC;
		m->webrtc = webrtc_orphan_message(&state);
	}
	explicit_bzero(&config, sizeof(config));
	return m;
}

void transport_message_free(Sluice__V1__Transport *m)
{
	if (m->kind_case == SLUICE__V1__TRANSPORT__KIND_PLAIN)
		plain_message_free(m->plain);
	else
		webrtc_message_free(m->webrtc);
	g_free(m->name);
	g_free(m->uid);
	g_free(m->room);
	g_free(m->participant);
	g_free(m);
}

static Sluice__V1__HeaderExtension **extension_messages(const struct rtp_ext_map *map,
							size_t *count)
{
	Sluice__V1__HeaderExtension **list = g_new0(Sluice__V1__HeaderExtension *, RTP_EXT_COUNT);

	*count = 0;
	for (unsigned i = 0; i < RTP_EXT_COUNT; i++) {
		if (map->id[i] == 0)
			continue;
		Sluice__V1__HeaderExtension *m = g_new(Sluice__V1__HeaderExtension, 1);
		sluice__v1__header_extension__init(m);
		m->uri = (char *)(uintptr_t)rtp_ext_uri[i];
		m->id = map->id[i];
		list[(*count)++] = m;
	}
	return list;
}

static void list_free(void *list, size_t count)
{
	void **items = list;

	for (size_t i = 0; i < count; i++)
		g_free(items[i]);
	g_free(items);
}

static Sluice__V1__RtpCodec *rtx_codec(const struct sdp_codec *of)
{
	Sluice__V1__RtpCodec *c = g_new(Sluice__V1__RtpCodec, 1);

	sluice__v1__rtp_codec__init(c);
	c->mime_type = (char *)(uintptr_t) "video/rtx";
	c->payload_type = of->rtx;
	c->clock_rate = of->clock_rate;
	c->channels = of->channels;
	c->fmtp = g_strdup_printf("apt=%u", of->pt);
	return c;
}

static Sluice__V1__RtxParameters *rtx_message(uint32_t ssrc)
{
	Sluice__V1__RtxParameters *m = g_new(Sluice__V1__RtxParameters, 1);

	sluice__v1__rtx_parameters__init(m);
	m->ssrc = ssrc;
	return m;
}

static void fill_codecs(Sluice__V1__Producer *m, const struct sdp_track *n)
{
	m->codecs = g_new0(Sluice__V1__RtpCodec *, 2 * n->codec_count + 1);
	for (size_t i = 0; i < n->codec_count; i++) {
		Sluice__V1__RtpCodec *c = g_new(Sluice__V1__RtpCodec, 1);
		sluice__v1__rtp_codec__init(c);
		c->mime_type = (char *)(uintptr_t)sdp_codec_mime(n->codecs[i].codec);
		c->payload_type = n->codecs[i].pt;
		c->clock_rate = n->codecs[i].clock_rate;
		c->channels = n->codecs[i].channels;
		c->fmtp = g_strdup(n->codecs[i].fmtp);
		m->codecs[m->n_codecs++] = c;
	}
	for (size_t i = 0; i < n->codec_count; i++)
		if (n->codecs[i].rtx != 0)
			m->codecs[m->n_codecs++] = rtx_codec(&n->codecs[i]);
}

static void fill_encodings(Sluice__V1__Producer *m, const struct track *t)
{
	const struct sdp_track *n = &t->negotiated;
	struct shm_track_state state;
	bool known = t->ref.generation != 0 &&
		     link_track_state(t->owner->node->link, t->ref.index, &state) &&
		     state.generation == t->ref.generation;

	m->encodings = g_new0(Sluice__V1__RtpEncoding *, n->encoding_count + 1);
	for (size_t i = 0; i < n->encoding_count; i++) {
		Sluice__V1__RtpEncoding *e = g_new(Sluice__V1__RtpEncoding, 1);
		sluice__v1__rtp_encoding__init(e);
		e->ssrc = n->encodings[i].ssrc;
		if (e->ssrc == 0 && known)
			e->ssrc = state.encodings[i].ssrc;
		e->rid = (char *)(uintptr_t)n->encodings[i].rid;
		if (n->encodings[i].rtx_ssrc != 0)
			e->rtx = rtx_message(n->encodings[i].rtx_ssrc);
		m->encodings[m->n_encodings++] = e;
	}
}

// Strings that the producer holds are borrowed.
Sluice__V1__Producer *producer_message(const struct producer *p)
{
	Sluice__V1__Producer *m = g_new(Sluice__V1__Producer, 1);
	const struct track *t = p->track;

	sluice__v1__producer__init(m);
	m->name = p->name;
	m->uid = t->uid;
	m->track = room_is_hidden(p->on->member->room) ? m->track : t->name;
	m->kind = t->negotiated.kind == SDP_AUDIO ? SLUICE__V1__MEDIA_KIND__MEDIA_KIND_AUDIO
						  : SLUICE__V1__MEDIA_KIND__MEDIA_KIND_VIDEO;
	m->source = t->source;
	m->mid = (char *)(uintptr_t)t->negotiated.mid;
	m->paused = t->muted;
	m->generation = t->generations.desired;
	m->applied_generation = t->generations.applied;
	m->header_extensions = extension_messages(&t->negotiated.ext, &m->n_header_extensions);
	fill_codecs(m, &t->negotiated);
	fill_encodings(m, t);
	return m;
}

void producer_message_free(Sluice__V1__Producer *m)
{
	list_free(m->header_extensions, m->n_header_extensions);
	for (size_t i = 0; i < m->n_codecs; i++)
		g_free(m->codecs[i]->fmtp);
	for (size_t i = 0; i < m->n_encodings; i++)
		g_free(m->encodings[i]->rtx);
	list_free(m->codecs, m->n_codecs);
	list_free(m->encodings, m->n_encodings);
	g_free(m);
}

// Strings that the consumer holds are borrowed, but for the mid.
Sluice__V1__Consumer *consumer_message(const struct consumer *c)
{
	Sluice__V1__Consumer *m = g_new(Sluice__V1__Consumer, 1);

	sluice__v1__consumer__init(m);
	m->name = c->name;
	m->uid = c->uid;
	m->source = c->source;
	m->ssrc = c->config.ssrc;
	m->mid = g_strndup(c->config.mid, sizeof(c->config.mid));
	m->paused = c->config.paused != 0;
	m->generation = c->generation;
	m->applied_generation = c->applied_generation;
	m->header_extensions = extension_messages(&c->config.ext, &m->n_header_extensions);
	m->payload_types = g_new0(Sluice__V1__PayloadTypeMap *, c->config.pt_count + 1u);
	for (unsigned i = 0; i < c->config.pt_count; i++) {
		Sluice__V1__PayloadTypeMap *pt = g_new(Sluice__V1__PayloadTypeMap, 1);
		sluice__v1__payload_type_map__init(pt);
		pt->from = c->config.pts[i].from;
		pt->to = c->config.pts[i].to;
		pt->rtx = c->config.pts[i].rtx;
		m->payload_types[m->n_payload_types++] = pt;
	}
	if (c->config.rtx_ssrc != 0)
		m->rtx = rtx_message(c->config.rtx_ssrc);
	return m;
}

void consumer_message_free(Sluice__V1__Consumer *m)
{
	list_free(m->header_extensions, m->n_header_extensions);
	list_free(m->payload_types, m->n_payload_types);
	g_free(m->rtx);
	g_free(m->mid);
	g_free(m);
}
