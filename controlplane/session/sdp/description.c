// SPDX-License-Identifier: Apache-2.0
// controlplane/session/sdp/description.c - SDP text to a plain struct, see description.h.
//
// Place    bounds (text_bounds.c), then GstSDP, then attribute by attribute (attributes.c).
// Thread   any.
// Owns     what it gives.
// Spec     RFC 9429 5.8.
#include "controlplane/session/sdp/description.h"

#include "controlplane/session/sdp/attributes_rtp.h"
#include "controlplane/session/sdp/text_bounds.h"

#include <errno.h>
#include <glib.h>
#include <gst/sdp/gstsdpmessage.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *value_of(const GstSDPAttribute *a)
{
	return a->value == NULL ? "" : a->value;
}

static enum sdp_kind kind_of(const char *name)
{
	if (strcmp(name, "audio") == 0)
		return SDP_AUDIO;
	if (strcmp(name, "video") == 0)
		return SDP_VIDEO;
	return strcmp(name, "application") == 0 ? SDP_APPLICATION : SDP_OTHER;
}

// The m= line itself.
static int take_m_line(struct sdp_section *s, const GstSDPMedia *from)
{
	struct sdp_media *m = s->media;
	guint formats = gst_sdp_media_formats_len(from);

	if (from->media == NULL || from->proto == NULL || formats == 0 ||
	    gst_sdp_media_get_format(from, 0)[0] == '\0' ||
	    strlen(from->media) >= sizeof(m->kind_name) || strlen(from->proto) >= sizeof(m->proto))
		return sdp_section_refuse(
			s, "malformed; write m=<media> <port> <proto> <payload types>");
	strcpy(m->kind_name, from->media);
	strcpy(m->proto, from->proto);
	m->kind = kind_of(m->kind_name);
	m->rtp =
		(m->kind == SDP_AUDIO || m->kind == SDP_VIDEO) &&
		(g_str_has_suffix(m->proto, "RTP/SAVPF") || g_str_has_suffix(m->proto, "RTP/SAVP"));
	m->formats = g_new0(char *, formats);
	for (guint i = 0; i < formats; i++)
		m->formats[m->format_count++] = g_strdup(gst_sdp_media_get_format(from, i));
	return m->rtp ? sdp_take_formats(s) : 0;
}

static int read_media(const struct sdp_section *session, unsigned index, const GstSDPMedia *from,
		      struct sdp_media *m)
{
	struct sdp_section s = *session;
	int err;

	s.media = m;
	s.index = index;
	s.is_session = false;
	s.transport.has_fingerprint = false; // the m-line's own replace the session's
	m->direction = session->media->direction;
	m->ext = session->media->ext;
	memcpy(m->ext_direction, session->media->ext_direction, sizeof(m->ext_direction));
	m->extmap_allow_mixed = session->media->extmap_allow_mixed;
	m->end_of_candidates = session->media->end_of_candidates;
	err = take_m_line(&s, from);
	for (guint i = 0; err == 0 && i < gst_sdp_media_attributes_len(from); i++) {
		const GstSDPAttribute *a = gst_sdp_media_get_attribute(from, i);

		err = sdp_section_take(&s, a->key, value_of(a));
	}
	if (err != 0)
		return err;
	m->rejected = gst_sdp_media_get_port(from) == 0 && !s.bundle_only;
	if (!s.transport.has_fingerprint && session->transport.has_fingerprint) {
		s.transport.has_fingerprint = true;
		s.transport.fingerprint = session->transport.fingerprint;
	}
	return sdp_section_finish(&s);
}

static int check_mids(const struct sdp_description *d, char *reason)
{
	for (size_t i = 0; i < d->media_count; i++) {
		const char *mid = d->media[i].mid;

		if (mid[0] != '\0' && sdp_description_find(d, mid) != &d->media[i]) {
			snprintf(reason, SDP_REASON_SIZE,
				 "m-line %zu repeats mid \"%s\"; give every m-line its own", i + 1,
				 mid);
			return -EINVAL;
		}
	}
	return 0;
}

static void mark_bundle(struct sdp_description *d, const char *bundle)
{
	char mid[SDP_LINE_LEN_MAX + 1];

	while (bundle != NULL && sdp_next_word(&bundle, mid, sizeof(mid))) {
		for (size_t i = 0; i < d->media_count; i++) {
			if (d->media[i].mid[0] != '\0' && strcmp(d->media[i].mid, mid) == 0)
				d->media[i].in_bundle = true;
		}
	}
}

static int read_session(struct sdp_section *session, const GstSDPMessage *message)
{
	for (guint i = 0; i < gst_sdp_message_attributes_len(message); i++) {
		const GstSDPAttribute *a = gst_sdp_message_get_attribute(message, i);
		int err = sdp_section_take(session, a->key, value_of(a));

		if (err != 0)
			return err;
	}
	return 0;
}

static int read_message(struct sdp_description *d, const GstSDPMessage *message, char *reason)
{
	const GstSDPOrigin *origin = gst_sdp_message_get_origin(message);
	struct sdp_media inherited = {0};
	struct sdp_section session = {.media = &inherited, .is_session = true, .reason = reason};
	guint count = gst_sdp_message_medias_len(message);
	int err = read_session(&session, message);

	d->ice_lite = session.ice_lite;
	if (origin != NULL && origin->sess_version != NULL)
		d->session_version = strtoull(origin->sess_version, NULL, 10);
	d->media = g_new0(struct sdp_media, count);
	for (guint i = 0; err == 0 && i < count; i++) {
		d->media_count = i + 1;
		err = read_media(&session, i + 1, gst_sdp_message_get_media(message, i),
				 &d->media[i]);
	}
	if (err != 0)
		return err;
	mark_bundle(d, session.bundle);
	return check_mids(d, reason);
}

int sdp_description_parse(const char *text, size_t size, char reason[SDP_REASON_SIZE],
			  struct sdp_description **out)
{
	GstSDPMessage *message = NULL;
	struct sdp_description *d;
	int err;

	*out = NULL;
	err = sdp_text_check(text, size, reason);
	if (err != 0)
		return err;
	d = g_new0(struct sdp_description, 1);
	gst_sdp_message_new(&message);
	if (gst_sdp_message_parse_buffer((const guint8 *)text, (guint)size, message) !=
	    GST_SDP_OK) {
		snprintf(reason, SDP_REASON_SIZE, "not a session description; send SDP text");
		err = -EINVAL;
	} else {
		err = read_message(d, message, reason);
	}
	gst_sdp_message_free(message);
	if (err != 0)
		sdp_description_destroy(&d);
	*out = d;
	return err;
}

void sdp_description_destroy(struct sdp_description **description)
{
	struct sdp_description *d = *description;

	*description = NULL;
	if (d == NULL)
		return;
	for (size_t i = 0; i < d->media_count; i++) {
		struct sdp_media *m = &d->media[i];

		for (size_t k = 0; k < m->candidate_count; k++)
			g_free(m->candidates[k]);
		for (size_t k = 0; k < m->format_count; k++)
			g_free(m->formats[k]);
		g_free(m->candidates);
		g_free(m->formats);
		g_free(m->codecs);
		ice_credentials_wipe(&m->transport.ice);
	}
	g_free(d->media);
	g_free(d);
}

const struct sdp_media *sdp_description_find(const struct sdp_description *d, const char *mid)
{
	for (size_t i = 0; i < d->media_count; i++) {
		if (strcmp(d->media[i].mid, mid) == 0)
			return &d->media[i];
	}
	return NULL;
}

bool sdp_media_carries(const struct sdp_media *m)
{
	return !m->rejected && (m->kind == SDP_AUDIO || m->kind == SDP_VIDEO);
}

const struct sdp_media *sdp_description_tagged(const struct sdp_description *d)
{
	for (size_t i = 0; i < d->media_count; i++) {
		if (sdp_media_carries(&d->media[i]))
			return &d->media[i];
	}
	return NULL;
}

static int check_media(const struct sdp_description *d, const struct sdp_section *s, bool alone)
{
	const struct sdp_media *m = s->media;
	const struct sdp_transport *t = &m->transport;

	if (!m->rtp)
		return sdp_section_refuse(s, "%s carries no DTLS-SRTP; offer UDP/TLS/RTP/SAVPF",
					  m->proto);
	if (m->mid[0] == '\0')
		return sdp_section_refuse(s, "no a=mid; give every m-line one");
	if (!m->in_bundle && !alone)
		return sdp_section_refuse(s, "not in a=group:BUNDLE; bundle all m-lines "
					     "(bundlePolicy max-bundle)");
	if (!m->rtcp_mux)
		return sdp_section_refuse(s, "no a=rtcp-mux; RTCP is only taken on the RTP port");
	if (m != sdp_description_tagged(d))
		return 0; // the bundle's transport is described by the first
	if (!t->has_ice)
		return sdp_section_refuse(s, "no a=ice-ufrag and a=ice-pwd, here or at the session "
					     "level; offer ICE");
	if (!t->has_fingerprint)
		return sdp_section_refuse(s, "no a=fingerprint with sha-256, sha-384 or sha-512, "
					     "here or at the session level; offer DTLS-SRTP");
	return 0;
}

int sdp_description_check(const struct sdp_description *d, char reason[SDP_REASON_SIZE])
{
	unsigned live = 0;

	for (size_t i = 0; i < d->media_count; i++)
		live += sdp_media_carries(&d->media[i]);
	for (size_t i = 0; i < d->media_count; i++) {
		const struct sdp_section s = {
			.media = &d->media[i], .index = (unsigned)i + 1, .reason = reason};
		int err = sdp_media_carries(&d->media[i]) ? check_media(d, &s, live == 1) : 0;

		if (err != 0)
			return err;
	}
	return 0;
}
