// SPDX-License-Identifier: Apache-2.0
// controlplane/session/sdp/description.h - the text of an offer or answer as a plain struct.
//
// Place    below negotiate.h and offer.h. GstSDP splits the text; what it means (JSEP) is decided
//          here: inheritance from the session level, groups, defaults.
// Thread   any; no state.
// Owns     a description owns all it points to; nothing in it points into the text.
// Trust    the text comes from outside: cheap bounds are checked in one pass before GstSDP sees it,
//          and unknown attributes are skipped. Refusals are one sentence: the m-line, what is wrong
//          with it, the cure.
// Spec     RFC 8866 (SDP), RFC 9429 5.8 (JSEP parsing), RFC 9143 (BUNDLE), RFC 8839 (ICE), RFC 8122
//          (fingerprint), RFC 8842 (setup), RFC 8853 and RFC 8851 (simulcast, rid), RFC 5576
//          (ssrc).
#pragma once

#include "controlplane/dtls/certificate.h"
#include "controlplane/ice/candidate.h"
#include "controlplane/session/sdp/codec.h"
#include "proto/rtc/rtp_ext.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sdp_limits {
	SDP_TEXT_BYTES_MAX = 256 * 1024,
	SDP_LINE_LEN_MAX = 4096,
	SDP_SECTION_LINES_MAX = 1024, // of one m-line or of the session level
	SDP_MEDIA_MAX = 256,
	SDP_CODECS_MAX = 64, // payload types of one m-line
	SDP_SSRCS_MAX = 16, // of one m-line
	SDP_RIDS_MAX = 8,
	SDP_CANDIDATES_MAX = 64, // of one m-line; further ones are left out
	SDP_MID_LEN_MAX = 16,
	SDP_RID_LEN_MAX = 16,
	SDP_ID_LEN_MAX = 64, // either half of an msid; our own are resource ids
	SDP_CNAME_LEN_MAX = 255,
	SDP_REASON_SIZE = 256,
};

enum sdp_direction { SDP_SENDRECV, SDP_SENDONLY, SDP_RECVONLY, SDP_INACTIVE };

enum sdp_setup { SDP_SETUP_NONE, SDP_SETUP_ACTPASS, SDP_SETUP_ACTIVE, SDP_SETUP_PASSIVE };

// The transport attributes of an m-line, its own or inherited from the session level.
struct sdp_transport {
	bool has_ice; // ice-ufrag and ice-pwd, both well-formed
	bool has_fingerprint; // one whose hash we know: the strongest
	bool trickle; // ice-options
	enum sdp_setup setup;
	struct ice_credentials ice;
	struct dtls_fingerprint fingerprint;
};

struct sdp_ssrc {
	uint32_t ssrc;
	uint32_t repairs; // the SSRC whose retransmissions or FEC this one carries (FID, FEC-FR);
			  // or 0
	bool simulcast; // a member of an ssrc-group:SIM
	bool fec; // 'repairs' is by FEC-FR, not by FID
};

struct sdp_media {
	enum sdp_kind kind;
	enum sdp_direction direction;
	bool rejected; // port 0, and not a=bundle-only
	bool rtp; // SAVPF or SAVP over DTLS: media we could carry
	bool rtcp_mux;
	bool rtcp_rsize;
	bool in_bundle; // listed in the first a=group:BUNDLE
	bool extmap_allow_mixed; // here or at the session level
	bool end_of_candidates;
	char kind_name[16]; // as in the m-line
	char proto[32]; // as in the m-line
	char mid[SDP_MID_LEN_MAX + 1]; // empty if there is none
	char stream_id[SDP_ID_LEN_MAX + 1]; // a=msid; empty if there is none or it is "-"
	char track_id[SDP_ID_LEN_MAX + 1];
	char cname[SDP_CNAME_LEN_MAX + 1]; // of the first SSRC that has one
	struct sdp_transport transport;

	struct sdp_codec *codecs; // in the order of the m-line: most wanted first
	size_t codec_count;
	// Extensions by kind; .id 0 where absent, ids above 255 left out. How far each goes:
	struct rtp_ext_map ext;
	enum sdp_direction ext_direction[RTP_EXT_COUNT];

	struct sdp_ssrc ssrcs[SDP_SSRCS_MAX];
	size_t ssrc_count;
	// The rids the peer sends, in the order of a=simulcast (of the first a=rid without it).
	char rids_send[SDP_RIDS_MAX][SDP_RID_LEN_MAX + 1];
	size_t rid_send_count;

	char **candidates; // "candidate:..."; not looked into
	size_t candidate_count;
	char **formats; // the m-line's formats as written, for a rejection that repeats them
	size_t format_count;
};

struct sdp_description {
	bool ice_lite;
	uint64_t session_version; // of the o= line
	struct sdp_media *media; // in the order of the text
	size_t media_count;
};

// Returns 0 and gives the description; -E2BIG (over a limit) or -EINVAL with the sentence in
// 'reason'. 'text' need not end in NUL; CRLF or LF.
int sdp_description_parse(const char *text, size_t size, char reason[SDP_REASON_SIZE],
			  struct sdp_description **out);
void sdp_description_destroy(struct sdp_description **description);

// NULL if there is none of that mid.
const struct sdp_media *sdp_description_find(const struct sdp_description *d, const char *mid);

// True for audio and video that is not rejected.
bool sdp_media_carries(const struct sdp_media *m);

// The m-line the transport of the whole BUNDLE is read from: the first that is not rejected and
// carries media. NULL if all are rejected.
const struct sdp_media *sdp_description_tagged(const struct sdp_description *d);

// 0 if every m-line with media can share one DTLS-SRTP transport that we can set up: mid, BUNDLE,
// rtcp-mux, ice-ufrag, ice-pwd, fingerprint. Else -EINVAL with the sentence.
int sdp_description_check(const struct sdp_description *d, char reason[SDP_REASON_SIZE]);
