// SPDX-License-Identifier: Apache-2.0
// controlplane/session/sdp/playback_text.c - the text of our answer to a viewer, see playback.h.
//
// Place    after the caller has put tracks on the lines of playback.c.
// Thread   any.
// Owns     nothing.
// Spec     RFC 9429 5.3.1, RFC 9143 7.3, RFC 8830 (msid), RFC 5576 6.1 (cname).
#include "controlplane/session/sdp/playback.h"
#include "controlplane/session/sdp/writer.h"

#include <glib.h>
#include <string.h>

// The viewer's codecs, those of the first track in front, with the feedback we act on.
static size_t order_codecs(const struct sdp_playback_line *line,
			   struct sdp_codec out[SDP_TRACK_CODECS_MAX])
{
	struct sdp_pt_pair pts[SDP_TRACK_CODECS_MAX];
	size_t mapped = line->first != NULL ? sdp_playback_map(line, line->first, pts) : 0;
	bool taken[SDP_TRACK_CODECS_MAX] = {false};
	size_t n = 0;

	for (size_t i = 0; i <= mapped; i++) {
		for (size_t k = 0; k < line->codec_count; k++) {
			if (taken[k] || (i < mapped && line->codecs[k].pt != pts[i].to))
				continue;
			taken[k] = true;
			out[n++] = line->codecs[k];
		}
	}
	return n;
}

static void write_source(GstSDPMedia *media, const struct sdp_playback_line *line,
			 const char *stream_id)
{
	sdp_write(media, "msid", "%s %s-%s", stream_id, stream_id, line->mid);
	sdp_write(media, "ssrc", "%u cname:%s", line->ssrc, stream_id);
	sdp_write(media, "ssrc", "%u msid:%s %s-%s", line->ssrc, stream_id, stream_id, line->mid);
	if (line->rtx_ssrc != 0)
		sdp_write_rtx_ssrc(media, line->ssrc, line->rtx_ssrc, stream_id);
}

static void write_line(GstSDPMessage *message, const struct sdp_playback *p,
		       const struct sdp_local *local, const struct sdp_media *m,
		       const struct sdp_playback_line *line, const char *stream_id)
{
	GstSDPMedia *media = sdp_writer_media(m->kind_name, m->proto, false);
	struct sdp_codec codecs[SDP_TRACK_CODECS_MAX];
	size_t codec_count = order_codecs(line, codecs);

	sdp_write_formats(media, codecs, codec_count);
	sdp_write_transport(media, local, p->role == DTLS_ACTIVE ? "active" : "passive", line->mid,
			    line == p->lines);
	if (m->rtcp_rsize)
		sdp_write_flag(media, "rtcp-rsize");
	sdp_write_flag(media, line->ssrc != 0 ? "sendonly" : "inactive");
	sdp_write_ext(media, &line->ext);
	for (size_t i = 0; i < codec_count; i++)
		sdp_write_codec(media, &codecs[i]);
	if (line->ssrc != 0)
		write_source(media, line, stream_id);
	sdp_writer_add(message, media);
}

char *sdp_playback_answer(const struct sdp_playback *playback, const struct sdp_local *local,
			  const char *stream_id)
{
	const struct sdp_description *offer = playback->offer;
	const struct sdp_playback_line *line = playback->lines;
	GstSDPMessage *message = sdp_writer_begin_answer(local, offer);

	for (size_t i = 0; i < offer->media_count; i++) {
		const struct sdp_media *m = &offer->media[i];

		if (sdp_media_carries(m))
			write_line(message, playback, local, m, line++, stream_id);
		else
			sdp_write_rejected(message, m);
	}
	return sdp_writer_finish(message);
}
