// SPDX-License-Identifier: Apache-2.0
// controlplane/session/sdp/playback.c - from a viewer's offer to lines to play on, see playback.h.
//
// Place    above description.c; the answer's text is in playback_text.c.
// Thread   any.
// Owns     what it gives.
// Spec     RFC 9429 5.3, RFC 8842 5.3, draft-ietf-wish-whep-04 4.3.6 (directions).
#include "controlplane/session/sdp/playback.h"

#include "controlplane/session/sdp/extensions.h"

#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>

// A line we could not play anything on is rejected; one that only sends is refused.
static int settle_line(struct sdp_media *m, size_t index, char *reason)
{
	size_t served = 0;

	if (!sdp_media_carries(m) || !m->rtp)
		return 0;
	if (m->direction == SDP_SENDONLY) {
		snprintf(reason, SDP_REASON_SIZE,
			 "m-line %zu (%s, mid \"%s\") is sendonly, and this plays; offer recvonly, "
			 "or publish by WHIP",
			 index + 1, m->kind_name, m->mid);
		return -ENOTSUP;
	}
	for (size_t i = 0; i < m->codec_count; i++)
		served += m->codecs[i].codec != CODEC_NONE;
	if (served == 0)
		m->rejected = true;
	return 0;
}

static int settle_lines(struct sdp_description *d, char *reason)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < d->media_count; i++)
		err = settle_line(&d->media[i], i, reason);
	if (err == 0 && sdp_description_check(d, reason) != 0)
		err = -ENOTSUP;
	return err;
}

static void take_line(struct sdp_playback_line *line, const struct sdp_media *m,
		      const struct rtp_ext_map *ext)
{
	line->kind = m->kind;
	line->receives = m->direction == SDP_RECVONLY || m->direction == SDP_SENDRECV;
	strcpy(line->mid, m->mid);
	line->ext = *ext;
	for (size_t i = 0; i < m->codec_count && line->codec_count < SDP_TRACK_CODECS_MAX; i++) {
		if (m->codecs[i].codec == CODEC_NONE)
			continue;
		line->codecs[line->codec_count] = m->codecs[i];
		sdp_codec_serve(&line->codecs[line->codec_count++], m->kind);
	}
}

static void take_lines(struct sdp_playback *p)
{
	const struct sdp_description *d = p->offer;
	struct rtp_ext_map *ext = g_new(struct rtp_ext_map, d->media_count + 1);
	struct rtp_ext_map bundle;

	sdp_extensions_settle(d, SDP_EXT_SENT, ext, &bundle);
	p->lines = g_new0(struct sdp_playback_line, d->media_count);
	for (size_t i = 0; i < d->media_count; i++) {
		if (sdp_media_carries(&d->media[i]))
			take_line(&p->lines[p->line_count++], &d->media[i], &ext[i]);
	}
	g_free(ext);
}

static void take_transport(struct sdp_playback *p)
{
	const struct sdp_media *tagged = sdp_description_tagged(p->offer);

	if (tagged == NULL)
		return;
	p->ice = tagged->transport.ice;
	p->fingerprint = tagged->transport.fingerprint;
	p->role = tagged->transport.setup == SDP_SETUP_PASSIVE ? DTLS_ACTIVE : DTLS_PASSIVE;
	p->candidates = tagged->candidates;
	p->candidate_count = tagged->candidate_count;
}

int sdp_playback_read(const char *offer, size_t size, char reason[SDP_REASON_SIZE],
		      struct sdp_playback **out)
{
	struct sdp_description *d;
	struct sdp_playback *p;
	int err;

	*out = NULL;
	err = sdp_description_parse(offer, size, reason, &d);
	if (err != 0)
		return err;
	err = settle_lines(d, reason);
	if (err != 0) {
		sdp_description_destroy(&d);
		return err;
	}
	p = g_new0(struct sdp_playback, 1);
	p->offer = d;
	take_lines(p);
	take_transport(p);
	*out = p;
	return 0;
}

// Why nothing that there is plays on a line.
static const char *unplayable(const struct sdp_media *m)
{
	if (!m->rtp || (m->kind != SDP_AUDIO && m->kind != SDP_VIDEO))
		return "it carries neither audio nor video";
	if (m->direction != SDP_RECVONLY && m->direction != SDP_SENDRECV)
		return "it does not receive";
	for (size_t i = 0; i < m->codec_count; i++) {
		if (m->codecs[i].codec != CODEC_NONE)
			return "no track there is has one of its codecs";
	}
	return "none of its codecs is served";
}

void sdp_playback_refuse(const struct sdp_playback *p, char reason[SDP_REASON_SIZE])
{
	const struct sdp_media *m = p->offer->media;

	if (p->offer->media_count == 0)
		snprintf(reason, SDP_REASON_SIZE, "there is no m-line; offer recvonly ones");
	else
		snprintf(reason, SDP_REASON_SIZE,
			 "m-line 1 (%s, mid \"%s\"): %s%s; offer recvonly lines, Opus for audio, "
			 "for video all of VP8, VP9, H264 and AV1 that you play",
			 m->kind_name, m->mid, unplayable(m),
			 p->offer->media_count > 1 ? ", and no other line plays either" : "");
}

void sdp_playback_destroy(struct sdp_playback **playback)
{
	struct sdp_playback *p = *playback;

	*playback = NULL;
	if (p == NULL)
		return;
	sdp_description_destroy(&p->offer);
	ice_credentials_wipe(&p->ice);
	g_free(p->lines);
	g_free(p);
}

size_t sdp_playback_map(const struct sdp_playback_line *line, const struct sdp_track *track,
			struct sdp_pt_pair pts[SDP_TRACK_CODECS_MAX])
{
	size_t n = 0;

	if (line->kind != track->kind || !line->receives)
		return 0;
	for (size_t i = 0; i < track->codec_count; i++) {
		for (size_t k = 0; k < line->codec_count; k++) {
			if (!sdp_codec_equal(&track->codecs[i], &line->codecs[k]))
				continue;
			pts[n++] = (struct sdp_pt_pair){track->codecs[i].pt, line->codecs[k].pt,
							line->codecs[k].rtx};
			break;
		}
	}
	return n;
}
