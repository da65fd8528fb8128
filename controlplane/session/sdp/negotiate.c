// SPDX-License-Identifier: Apache-2.0
// controlplane/session/sdp/negotiate.c - from a publisher's offer to tracks, see negotiate.h.
//
// Place    above description.c; the answer's text is in answer_text.c.
// Thread   any.
// Owns     what it gives.
// Spec     RFC 9429 5.3, RFC 9143 7.3 and 9.2 (whose packet it is), RFC 8842 5.3.
#include "controlplane/session/sdp/negotiate.h"

#include "controlplane/session/sdp/extensions.h"
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
		sdp_codec_serve(c, m->kind);
		t->feedback |= c->feedback;
	}
}

static bool is_primary(const struct sdp_ssrc *s, bool simulcast)
{
	return s->repairs == 0 && (!simulcast || s->simulcast);
}

static uint32_t rtx_of(const struct sdp_media *m, uint32_t ssrc)
{
	for (size_t i = 0; ssrc != 0 && i < m->ssrc_count; i++) {
		if (m->ssrcs[i].repairs == ssrc && !m->ssrcs[i].fec)
			return m->ssrcs[i].ssrc;
	}
	return 0;
}

static void add_encoding(struct sdp_track *t, const struct sdp_media *m, uint32_t ssrc,
			 const char *rid)
{
	struct sdp_encoding *e;

	if (t->encoding_count == SDP_ENCODINGS_MAX)
		return;
	e = &t->encodings[t->encoding_count++];
	e->ssrc = ssrc;
	e->rtx_ssrc = rtx_of(m, ssrc);
	strcpy(e->rid, rid);
}

// By rid; else a group of simulcast SSRCs; else the first SSRC; else whatever comes with the mid.
static void take_encodings(struct sdp_track *t, const struct sdp_media *m)
{
	bool simulcast = false;

	for (size_t i = 0; i < m->rid_send_count; i++)
		add_encoding(t, m, 0, m->rids_send[i]);
	if (t->encoding_count > 0)
		return;
	for (size_t i = 0; i < m->ssrc_count; i++)
		simulcast |= m->ssrcs[i].simulcast;
	for (size_t i = 0; i < m->ssrc_count; i++) {
		if (is_primary(&m->ssrcs[i], simulcast) && (simulcast || t->encoding_count == 0))
			add_encoding(t, m, m->ssrcs[i].ssrc, "");
	}
	if (t->encoding_count == 0)
		add_encoding(t, m, 0, "");
}

static void take_track(struct sdp_track *t, const struct sdp_media *m,
		       const struct rtp_ext_map *ext)
{
	t->kind = m->kind;
	t->sending = sends(m);
	strcpy(t->mid, m->mid);
	strcpy(t->stream_id, m->stream_id);
	strcpy(t->track_id, m->track_id);
	take_codecs(t, m);
	t->ext = *ext;
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

static int refuse_line(const struct sdp_media *m, size_t index, char *reason, const char *text)
{
	snprintf(reason, SDP_REASON_SIZE, "m-line %zu (%s, mid \"%s\"): %s", index + 1,
		 m->kind_name, m->mid, text);
	return -ENOTSUP;
}

// True if the SSRC is that of an earlier line's track, too.
static bool ssrc_taken(const struct sdp_publication *p, const struct sdp_track *t, uint32_t ssrc)
{
	for (const struct sdp_track *other = p->tracks; ssrc != 0 && other < t; other++) {
		for (size_t i = 0; other->sending && i < other->encoding_count; i++) {
			if (other->encodings[i].ssrc == ssrc)
				return true;
		}
	}
	return false;
}

// The dataplane finds a packet's track by its SSRC, else by mid and rid: one of them has to be
// there.
static int check_identified(const struct sdp_publication *p, const struct sdp_track *t,
			    const struct sdp_media *m, char *reason)
{
	size_t index = (size_t)(m - p->offer->media);

	for (size_t i = 0; t->sending && i < t->encoding_count; i++) {
		const struct sdp_encoding *e = &t->encodings[i];

		if (ssrc_taken(p, t, e->ssrc))
			return refuse_line(
				m, index, reason,
				"its a=ssrc is that of another m-line; give each its own");
		if (e->ssrc == 0 && t->ext.id[RTP_EXT_MID] == 0)
			return refuse_line(m, index, reason,
					   "neither a=ssrc nor a=extmap for sdes:mid with an id "
					   "of its own; offer one, to tell its packets by");
		if (e->rid[0] != '\0' && t->ext.id[RTP_EXT_RID] == 0)
			return refuse_line(m, index, reason,
					   "a=rid without a=extmap for sdes:rtp-stream-id with an "
					   "id of its own; offer both");
	}
	return 0;
}

static int take_tracks(struct sdp_publication *p, char *reason)
{
	const struct sdp_description *d = p->offer;
	struct rtp_ext_map *ext = g_new(struct rtp_ext_map, d->media_count + 1);
	int err = 0;

	sdp_extensions_settle(d, SDP_EXT_RECEIVED, ext, &p->ext);
	for (size_t i = 0; err == 0 && i < d->media_count; i++) {
		struct sdp_track *t = &p->tracks[p->track_count];

		if (!sdp_media_carries(&d->media[i]))
			continue;
		take_track(t, &d->media[i], &ext[i]);
		p->track_count++;
		err = check_identified(p, t, &d->media[i], reason);
	}
	g_free(ext);
	return err;
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
	if (settle_lines(d, reason) != 0 || sdp_description_check(d, reason) != 0) {
		sdp_description_destroy(&d);
		return -ENOTSUP;
	}
	p = g_new0(struct sdp_publication, 1);
	p->offer = d;
	p->tracks = g_new0(struct sdp_track, d->media_count);
	err = take_tracks(p, reason);
	if (err != 0) {
		sdp_publication_destroy(&p);
		return err;
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
