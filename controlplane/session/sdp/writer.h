// SPDX-License-Identifier: Apache-2.0
// controlplane/session/sdp/writer.h - the parts our answers and our offers have in common.
//
// Place    answer_text.c, offer_text.c and playback_text.c build a GstSDPMessage with it, which
// GstSDP prints. Thread   any. Owns     the message under construction, until finished. Spec RFC
// 9429 5.2 and 5.3, RFC 8840 (end-of-candidates).
#pragma once

#include "controlplane/session/sdp/negotiate.h"

#include <gst/sdp/gstsdpmessage.h>

// 'bundle' holds the mids of the group, each with a blank in front; empty: no group.
GstSDPMessage *sdp_writer_begin(const struct sdp_local *local, const char *bundle);

// An answer: its group holds the lines of the offer that it takes.
GstSDPMessage *sdp_writer_begin_answer(const struct sdp_local *local,
				       const struct sdp_description *offer);
// Keeps the m-line's place: the same media, protocol and formats, port 0.
void sdp_write_rejected(GstSDPMessage *message, const struct sdp_media *m);

// Frees the message, gives its text for g_free().
char *sdp_writer_finish(GstSDPMessage *message);

// An m-line of port 9 (0 if 'rejected') with its c= line. The caller adds formats and attributes,
// then hands it to the message with sdp_writer_add().
GstSDPMedia *sdp_writer_media(const char *kind_name, const char *proto, bool rejected);
void sdp_writer_add(GstSDPMessage *message, GstSDPMedia *media);

void sdp_write(GstSDPMedia *media, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void sdp_write_flag(GstSDPMedia *media, const char *key);
void sdp_write_formats(GstSDPMedia *media, const struct sdp_codec *codecs, size_t count);
void sdp_write_codec(GstSDPMedia *media, const struct sdp_codec *codec);
// RFC 5576 4.2: 'rtx_ssrc' repairs 'ssrc'.
void sdp_write_rtx_ssrc(GstSDPMedia *media, uint32_t ssrc, uint32_t rtx_ssrc, const char *cname);
void sdp_write_ext(GstSDPMedia *media, const struct rtp_ext_map *ext);

// ICE, DTLS, mid, rtcp-mux and rtcp-mux-only (RFC 8858, RFC 9725 4.4.1). Candidates only where
// 'with_candidates': in the m-line the transport of the BUNDLE is read from.
void sdp_write_transport(GstSDPMedia *media, const struct sdp_local *local, const char *setup,
			 const char *mid, bool with_candidates);
