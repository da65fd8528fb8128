// SPDX-License-Identifier: Apache-2.0
// controlplane/session/sdp/answer_text.c - the text of our answer to a publisher, see negotiate.h.
//
// Place    after negotiate.c has settled the tracks.
// Thread   any.
// Owns     nothing.
// Spec     RFC 9429 5.3.1, RFC 9143 7.3, RFC 8853 5.3.2 (simulcast in answers).
#include "controlplane/session/sdp/writer.h"

#include <glib.h>

static void write_simulcast(GstSDPMedia *media, const struct sdp_track *t)
{
	GString *layers = g_string_new(NULL);

	for (size_t i = 0; i < t->encoding_count; i++) {
		const char *rid = t->encodings[i].rid;

		if (rid[0] == '\0')
			continue;
		sdp_write(media, "rid", "%s recv", rid);
		g_string_append_printf(layers, "%s%s", layers->len > 0 ? ";" : "", rid);
	}
	if (t->encoding_count > 1 && layers->len > 0)
		sdp_write(media, "simulcast", "recv %s", layers->str);
	g_string_free(layers, TRUE);
}

static void write_track(GstSDPMessage *message, const struct sdp_publication *p,
			const struct sdp_local *local, const struct sdp_media *m,
			const struct sdp_track *t)
{
	GstSDPMedia *media = sdp_writer_media(m->kind_name, m->proto, false);

	sdp_write_formats(media, t->codecs, t->codec_count);
	sdp_write_transport(media, local, p->role == DTLS_ACTIVE ? "active" : "passive", t->mid,
			    t == p->tracks);
	if (m->rtcp_rsize)
		sdp_write_flag(media, "rtcp-rsize");
	sdp_write_flag(media, t->sending ? "recvonly" : "inactive");
	sdp_write_ext(media, &t->ext);
	for (size_t i = 0; i < t->codec_count; i++)
		sdp_write_codec(media, &t->codecs[i]);
	if (t->sending)
		write_simulcast(media, t);
	sdp_writer_add(message, media);
}

char *sdp_publication_answer(const struct sdp_publication *publication,
			     const struct sdp_local *local)
{
	const struct sdp_description *offer = publication->offer;
	const struct sdp_track *t = publication->tracks;
	GstSDPMessage *message = sdp_writer_begin_answer(local, offer);

	for (size_t i = 0; i < offer->media_count; i++) {
		if (sdp_media_carries(&offer->media[i]))
			write_track(message, publication, local, &offer->media[i], t++);
		else
			sdp_write_rejected(message, &offer->media[i]);
	}
	return sdp_writer_finish(message);
}
