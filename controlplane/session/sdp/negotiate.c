// SPDX-License-Identifier: Apache-2.0
// controlplane/session/sdp/negotiate.c - from a publisher's offer to tracks, see negotiate.h.
//
// Place    above description.c; the answer's text is in answer_text.c.
// Thread   any.
// Owns     what it gives.
// Spec     RFC 9429 5.3, RFC 9143 7.3, RFC 8842 5.3, RFC 8285 5 (ids within a BUNDLE).
#include "controlplane/session/sdp/negotiate.h"

#include "proto/shm/abi.h"

#include <assert.h>
#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>

static_assert((int)SDP_TRACK_CODECS_MAX == (int)SHM_CODECS_MAX, "fits the track's record");
static_assert((int)SDP_ENCODINGS_MAX == (int)SHM_ENCODINGS_MAX, "fits the track's record");
static_assert((int)SDP_MID_LEN_MAX <= (int)SHM_MID_BYTES_MAX, "fits the records");
static_assert((int)SDP_RID_LEN_MAX <= (int)SHM_RID_BYTES_MAX, "fits the track's record");

// What is served on lines of a kind.
static bool ext_served(enum sdp_kind kind, enum rtp_ext_kind ext)
{
	switch (ext) {
	case RTP_EXT_MID:
	case RTP_EXT_ABS_SEND_TIME:
	case RTP_EXT_TRANSPORT_WIDE_CC:
	case RTP_EXT_ABS_CAPTURE_TIME:
		return true;
	case RTP_EXT_AUDIO_LEVEL:
		return kind == SDP_AUDIO;
	case RTP_EXT_RID:
	case RTP_EXT_REPAIRED_RID:
	case RTP_EXT_VIDEO_ORIENTATION:
	case RTP_EXT_PLAYOUT_DELAY:
	case RTP_EXT_DEPENDENCY_DESCRIPTOR:
		return kind == SDP_VIDEO;
	case RTP_EXT_COUNT:
		break;
	}
	return false;
}

static bool sends(const struct sdp_media *m)
{
	return m->direction == SDP_SENDRECV || m->direction == SDP_SENDONLY;
}

static size_t served_codecs(const struct sdp_media *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->codec_count; i++)
		n += m->codecs[i].codec != CODEC_NONE;
	return n;
}

// Refuses lines that send what nobody could forward; those that don't send are rejected quietly.
static int settle_lines(struct sdp_description *d, char *reason)
{
	for (size_t i = 0; i < d->media_count; i++) {
		struct sdp_media *m = &d->media[i];

		if (!sdp_media_carries(m) || !m->rtp || served_codecs(m) > 0)
			continue;
		if (sends(m)) {
			snprintf(reason, SDP_REASON_SIZE,
				 "m-line %zu (%s): none of its codecs is served; offer %s", i + 1,
				 m->kind_name,
				 m->kind == SDP_AUDIO ? "opus/48000/2" : "VP8, VP9, H264 or AV1");
			return -EINVAL;
		}
		m->rejected = true;
	}
	return 0;
}

static void take_codecs(struct sdp_track *t, const struct sdp_media *m)
{
	for (size_t i = 0; i < m->codec_count && t->codec_count < SDP_TRACK_CODECS_MAX; i++) {
		struct sdp_codec *c;

		if (m->codecs[i].codec == CODEC_NONE)
			continue;
		c = &t->codecs[t->codec_count++];
		*c = m->codecs[i];
		c->feedback &= SDP_FEEDBACK_SERVED;
		t->feedback |= c->feedback;
	}
}

// Within a BUNDLE an id means one extension: what contradicts an earlier line is left out of the
// answer, and so is not sent.
static bool claim_ext(struct rtp_ext_map *bundle, unsigned kind, uint8_t id)
{
	if (bundle->id[kind] != 0)
		return bundle->id[kind] == id;
	for (unsigned k = 0; k < RTP_EXT_COUNT; k++) {
		if (bundle->id[k] == id)
			return false;
	}
	bundle->id[kind] = id;
	return true;
}

static void take_ext(struct sdp_track *t, const struct sdp_media *m, struct rtp_ext_map *bundle)
{
	for (unsigned kind = 0; kind < RTP_EXT_COUNT; kind++) {
		uint8_t id = m->ext.id[kind];

		if (id == 0 || !ext_served(m->kind, (enum rtp_ext_kind)kind) ||
		    m->ext_direction[kind] == SDP_RECVONLY ||
		    m->ext_direction[kind] == SDP_INACTIVE)
			continue;
		if (claim_ext(bundle, kind, id))
			t->ext.id[kind] = id;
	}
	t->ext.allow_mixed = m->extmap_allow_mixed;
	bundle->allow_mixed |= m->extmap_allow_mixed;
}

static bool is_primary(const struct sdp_ssrc *s, bool simulcast)
{
	return s->repairs == 0 && (!simulcast || s->simulcast);
}

static void add_encoding(struct sdp_track *t, uint32_t ssrc, const char *rid)
{
	struct sdp_encoding *e;

	if (t->encoding_count == SDP_ENCODINGS_MAX)
		return;
	e = &t->encodings[t->encoding_count++];
	e->ssrc = ssrc;
	strcpy(e->rid, rid);
}

// By rid; else a group of simulcast SSRCs; else the first SSRC; else whatever comes with the mid.
static void take_encodings(struct sdp_track *t, const struct sdp_media *m)
{
	bool simulcast = false;

	for (size_t i = 0; i < m->rid_send_count; i++)
		add_encoding(t, 0, m->rids_send[i]);
	if (t->encoding_count > 0)
		return;
	for (size_t i = 0; i < m->ssrc_count; i++)
		simulcast |= m->ssrcs[i].simulcast;
	for (size_t i = 0; i < m->ssrc_count; i++) {
		if (is_primary(&m->ssrcs[i], simulcast) && (simulcast || t->encoding_count == 0))
			add_encoding(t, m->ssrcs[i].ssrc, "");
	}
	if (t->encoding_count == 0)
		add_encoding(t, 0, "");
}

static void take_track(struct sdp_track *t, const struct sdp_media *m, struct rtp_ext_map *bundle)
{
	t->kind = m->kind;
	t->sending = sends(m);
	strcpy(t->mid, m->mid);
	strcpy(t->stream_id, m->stream_id);
	strcpy(t->track_id, m->track_id);
	take_codecs(t, m);
	take_ext(t, m, bundle);
	take_encodings(t, m);
}

static enum dtls_role role_for(enum sdp_setup setup, const struct sdp_settled *settled)
{
	if (setup == SDP_SETUP_PASSIVE)
		return DTLS_ACTIVE;
	if (setup == SDP_SETUP_ACTIVE || settled == NULL || !settled->connected)
		return DTLS_PASSIVE;
	return settled->role; // a later offer says actpass again; roles stay
}

static void take_transport(struct sdp_publication *p, const struct sdp_media *tagged,
			   const struct sdp_settled *settled)
{
	const struct sdp_transport *t = &tagged->transport;

	p->has_transport = true;
	p->ice = t->ice;
	p->fingerprint = t->fingerprint;
	p->role = role_for(t->setup, settled);
	p->ice_restart = settled != NULL && settled->connected &&
			 (strcmp(settled->ice.ufrag, t->ice.ufrag) != 0 ||
			  strcmp(settled->ice.pwd, t->ice.pwd) != 0);
	p->candidates = tagged->candidates;
	p->candidate_count = tagged->candidate_count;
	p->end_of_candidates = tagged->end_of_candidates;
}

int sdp_publication_read(const char *offer, size_t size, const struct sdp_settled *settled,
			 char reason[SDP_REASON_SIZE], struct sdp_publication **out)
{
	struct sdp_publication *p;
	struct sdp_description *d;
	const struct sdp_media *tagged;
	int err;

	*out = NULL;
	err = sdp_description_parse(offer, size, reason, &d);
	if (err != 0)
		return err;
	err = settle_lines(d, reason);
	if (err == 0)
		err = sdp_description_check(d, reason);
	if (err != 0) {
		sdp_description_destroy(&d);
		return err;
	}
	p = g_new0(struct sdp_publication, 1);
	p->offer = d;
	p->tracks = g_new0(struct sdp_track, d->media_count);
	for (size_t i = 0; i < d->media_count; i++) {
		if (sdp_media_carries(&d->media[i]))
			take_track(&p->tracks[p->track_count++], &d->media[i], &p->ext);
	}
	tagged = sdp_description_tagged(d);
	if (tagged != NULL)
		take_transport(p, tagged, settled);
	*out = p;
	return 0;
}

void sdp_publication_destroy(struct sdp_publication **publication)
{
	struct sdp_publication *p = *publication;

	*publication = NULL;
	if (p == NULL)
		return;
	sdp_description_destroy(&p->offer);
	ice_credentials_wipe(&p->ice);
	g_free(p->tracks);
	g_free(p);
}
