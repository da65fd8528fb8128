// SPDX-License-Identifier: Apache-2.0
// controlplane/session/sdp/writer.c - parts of a description of ours, see writer.h.
//
// Place    below answer_text.c, offer_text.c and playback_text.c.
// Thread   any.
// Owns     the message until it is finished.
#include "controlplane/session/sdp/writer.h"

#include <glib.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

GstSDPMessage *sdp_writer_begin(const struct sdp_local *local, const char *bundle)
{
	GstSDPMessage *message;
	char id[24], version[24];

	gst_sdp_message_new(&message);
	snprintf(id, sizeof(id), "%" PRIu64, local->session_id);
	snprintf(version, sizeof(version), "%" PRIu64, local->session_version);
	gst_sdp_message_set_version(message, "0");
	gst_sdp_message_set_origin(message, "-", id, version, "IN", "IP4", "0.0.0.0");
	gst_sdp_message_set_session_name(message, "-");
	gst_sdp_message_add_time(message, "0", "0", NULL);
	if (bundle[0] != '\0') {
		char *group = g_strconcat("BUNDLE", bundle, NULL);

		gst_sdp_message_add_attribute(message, "group", group);
		g_free(group);
	}
	if (local->ice_lite)
		gst_sdp_message_add_attribute(message, "ice-lite", NULL);
	return message;
}

GstSDPMessage *sdp_writer_begin_answer(const struct sdp_local *local,
				       const struct sdp_description *offer)
{
	GString *bundle = g_string_new(NULL);
	GstSDPMessage *message;

	for (size_t i = 0; i < offer->media_count; i++) {
		const struct sdp_media *m = &offer->media[i];

		if (sdp_media_carries(m) && m->in_bundle)
			g_string_append_printf(bundle, " %s", m->mid);
	}
	message = sdp_writer_begin(local, bundle->str);
	g_string_free(bundle, TRUE);
	return message;
}

void sdp_write_rejected(GstSDPMessage *message, const struct sdp_media *m)
{
	GstSDPMedia *media = sdp_writer_media(m->kind_name, m->proto, true);

	for (size_t i = 0; i < m->format_count; i++)
		gst_sdp_media_add_format(media, m->formats[i]);
	if (m->mid[0] != '\0')
		sdp_write(media, "mid", "%s", m->mid);
	sdp_write_flag(media, "inactive");
	sdp_writer_add(message, media);
}

void sdp_write_formats(GstSDPMedia *media, const struct sdp_codec *codecs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char pt[8];

		snprintf(pt, sizeof(pt), "%u", codecs[i].pt);
		gst_sdp_media_add_format(media, pt);
		snprintf(pt, sizeof(pt), "%u", codecs[i].rtx);
		if (codecs[i].rtx != 0)
			gst_sdp_media_add_format(media, pt);
	}
}

char *sdp_writer_finish(GstSDPMessage *message)
{
	char *text = gst_sdp_message_as_text(message);

	gst_sdp_message_free(message);
	return text;
}

GstSDPMedia *sdp_writer_media(const char *kind_name, const char *proto, bool rejected)
{
	GstSDPMedia *media;

	gst_sdp_media_new(&media);
	gst_sdp_media_set_media(media, kind_name);
	gst_sdp_media_set_port_info(media, rejected ? 0 : 9, 1);
	gst_sdp_media_set_proto(media, proto);
	gst_sdp_media_add_connection(media, "IN", "IP4", "0.0.0.0", 0, 0);
	return media;
}

void sdp_writer_add(GstSDPMessage *message, GstSDPMedia *media)
{
	gst_sdp_message_add_media(message, media); // takes what is in it
	gst_sdp_media_free(media);
}

void sdp_write(GstSDPMedia *media, const char *key, const char *format, ...)
{
	va_list args;
	char *value;

	va_start(args, format);
	value = g_strdup_vprintf(format, args);
	va_end(args);
	gst_sdp_media_add_attribute(media, key, value);
	g_free(value);
}

void sdp_write_flag(GstSDPMedia *media, const char *key)
{
	gst_sdp_media_add_attribute(media, key, NULL);
}

void sdp_write_codec(GstSDPMedia *media, const struct sdp_codec *codec)
{
	static const struct {
		enum sdp_feedback bit;
		const char *text;
	} feedback[] = {
		{SDP_FEEDBACK_TWCC, "transport-cc"},
		{SDP_FEEDBACK_FIR, "ccm fir"},
		{SDP_FEEDBACK_NACK, "nack"},
		{SDP_FEEDBACK_PLI, "nack pli"},
	};

	if (codec->channels > 1)
		sdp_write(media, "rtpmap", "%u %s/%u/%u", codec->pt, codec->name, codec->clock_rate,
			  codec->channels);
	else
		sdp_write(media, "rtpmap", "%u %s/%u", codec->pt, codec->name, codec->clock_rate);
	for (size_t i = 0; i < sizeof(feedback) / sizeof(feedback[0]); i++) {
		if (codec->feedback & feedback[i].bit)
			sdp_write(media, "rtcp-fb", "%u %s", codec->pt, feedback[i].text);
	}
	if (codec->fmtp[0] != '\0')
		sdp_write(media, "fmtp", "%u %s", codec->pt, codec->fmtp);
	if (codec->rtx == 0)
		return;
	sdp_write(media, "rtpmap", "%u rtx/%u", codec->rtx, codec->clock_rate);
	sdp_write(media, "fmtp", "%u apt=%u", codec->rtx, codec->pt);
}

void sdp_write_rtx_ssrc(GstSDPMedia *media, uint32_t ssrc, uint32_t rtx_ssrc, const char *cname)
{
	sdp_write(media, "ssrc-group", "FID %u %u", ssrc, rtx_ssrc);
	sdp_write(media, "ssrc", "%u cname:%s", rtx_ssrc, cname);
}

void sdp_write_ext(GstSDPMedia *media, const struct rtp_ext_map *ext)
{
	for (unsigned kind = 0; kind < RTP_EXT_COUNT; kind++) {
		if (ext->id[kind] != 0)
			sdp_write(media, "extmap", "%u %s", ext->id[kind], rtp_ext_uri[kind]);
	}
	if (ext->allow_mixed)
		sdp_write_flag(media, "extmap-allow-mixed");
}

void sdp_write_transport(GstSDPMedia *media, const struct sdp_local *local, const char *setup,
			 const char *mid, bool with_candidates)
{
	char fingerprint[DTLS_FINGERPRINT_TEXT_SIZE];

	dtls_fingerprint_format(&local->fingerprint, fingerprint);
	sdp_write(media, "mid", "%s", mid);
	sdp_write(media, "ice-ufrag", "%s", local->ice.ufrag);
	sdp_write(media, "ice-pwd", "%s", local->ice.pwd);
	sdp_write(media, "ice-options", "trickle");
	sdp_write(media, "fingerprint", "%s", fingerprint);
	sdp_write(media, "setup", "%s", setup);
	sdp_write_flag(media, "rtcp-mux");
	sdp_write_flag(media, "rtcp-mux-only");
	for (size_t i = 0; with_candidates && i < local->candidate_count; i++) {
		const char *c = local->candidates[i];

		sdp_write(media, "candidate", "%s",
			  g_str_has_prefix(c, "candidate:") ? c + sizeof("candidate:") - 1 : c);
	}
	if (with_candidates)
		sdp_write_flag(media, "end-of-candidates");
}
