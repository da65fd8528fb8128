// SPDX-License-Identifier: Apache-2.0
// controlplane/session/sdp/attributes_rtp.h - a= lines about payload types and streams.
//
// Place    the part of attributes.c that deals with codecs, SSRCs, rids and msids.
// Thread   any.
// Spec     RFC 8866 6.6 (rtpmap), 6.15 (fmtp), RFC 4585 4.2 (rtcp-fb), RFC 5576 (ssrc), RFC 8851
//          (rid), RFC 8853 (simulcast), RFC 8830 (msid).
#pragma once

#include "controlplane/session/sdp/attributes.h"

// The payload types of the m-line. 0, -EINVAL or -E2BIG with the sentence.
int sdp_take_formats(struct sdp_section *s);

int sdp_take_rtpmap(struct sdp_section *s, const char *value);
int sdp_take_fmtp(struct sdp_section *s, const char *value);
int sdp_take_rtcp_fb(struct sdp_section *s, const char *value);
int sdp_take_ssrc(struct sdp_section *s, const char *value);
int sdp_take_ssrc_group(struct sdp_section *s, const char *value);
int sdp_take_msid(struct sdp_section *s, const char *value);
int sdp_take_rid(struct sdp_section *s, const char *value);
int sdp_take_simulcast(struct sdp_section *s, const char *value);

void sdp_finish_codecs(struct sdp_section *s);
void sdp_finish_rids(struct sdp_section *s);
