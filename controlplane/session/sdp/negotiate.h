// SPDX-License-Identifier: Apache-2.0
// controlplane/session/sdp/negotiate.h - a publisher's offer, what we take of it, and our answer.
//
// Place    session/ calls read(), makes what the tracks need (credentials, dataplane records), then
//          answer(). WHIP is the same.
// Thread   any; no state between calls.
// Owns     a publication owns its description and its tracks.
// Serves   Opus, VP8, VP9, H.264, AV1; feedback nack pli, ccm fir, transport-cc, and for video nack
//          with RTX. RED, FEC, telephone-event and comfort noise are left out of the answer, so
//          nobody sends them.
// Spec     RFC 9429 5.3 (answers), RFC 9143 7.3 (BUNDLE answer), RFC 8842 5.3 (setup).
#pragma once

#include "controlplane/dtls/session.h"
#include "controlplane/session/sdp/description.h"

enum sdp_track_limits {
	SDP_TRACK_CODECS_MAX = 16, // SHM_CODECS_MAX
	SDP_ENCODINGS_MAX = 4, // SHM_ENCODINGS_MAX
};

struct sdp_encoding {
	uint32_t ssrc; // 0: learned from the first packet by MID and RID
	uint32_t rtx_ssrc; // of its RTX; 0: learned likewise, or there is none
	char rid[SDP_RID_LEN_MAX + 1]; // empty without simulcast
};

// One m-line as negotiated. A plain value: may be copied, outlives the publication.
struct sdp_track {
	enum sdp_kind kind; // SDP_AUDIO or SDP_VIDEO
	bool sending; // false: the line is inactive, its track is gone or has not come yet
	uint8_t feedback; // SDP_FEEDBACK_SERVED bits that some codec of it has
	char mid[SDP_MID_LEN_MAX + 1];
	char stream_id[SDP_ID_LEN_MAX + 1]; // the client's own ids (a=msid); may be empty
	char track_id[SDP_ID_LEN_MAX + 1];
	struct sdp_codec codecs[SDP_TRACK_CODECS_MAX]; // with the client's payload types
	size_t codec_count; // at least 1
	struct rtp_ext_map ext; // with the client's ids
	struct sdp_encoding encodings[SDP_ENCODINGS_MAX];
	size_t encoding_count; // at least 1
};

struct sdp_publication {
	struct sdp_description *offer;
	// False if the offer rejects every m-line: then there are no tracks and nothing to connect
	// to.
	bool has_transport;
	// The offer's ICE credentials are others than the previous ones: give the answer new ones.
	bool ice_restart;
	struct ice_credentials ice; // the client's
	struct dtls_fingerprint fingerprint; // the client's
	enum dtls_role role; // ours
	struct rtp_ext_map ext; // of the whole BUNDLE: where MID and RID are in any packet
	struct sdp_track *tracks; // in the order of the m-lines
	size_t track_count;
	char **candidates; // borrowed from 'offer': of the line the transport is read from
	size_t candidate_count;
	bool end_of_candidates;
};

// What an earlier offer on this transport has settled. Zeroed for the first.
struct sdp_settled {
	bool connected; // there was one
	enum dtls_role role;
	struct ice_credentials ice; // the client's
};

// Reads an offer. 'settled' may be NULL. Returns 0 and gives the publication, or with the sentence
// in 'reason' -EINVAL (malformed), -E2BIG (over a limit) or -ENOTSUP (asks for what is not served).
// An m-line that sends media in no codec of ours is refused; one that does not send is taken as
// inactive or rejected.
int sdp_publication_read(const char *offer, size_t size, const struct sdp_settled *settled,
			 char reason[SDP_REASON_SIZE], struct sdp_publication **out);
void sdp_publication_destroy(struct sdp_publication **publication);

// What our side says, in answers and offers alike. All borrowed for the call.
struct sdp_local {
	uint64_t session_id; // o=; below 2^63, the same for the life of the transport
	uint64_t session_version; // o=; one more with every description
	bool ice_lite;
	struct ice_credentials ice;
	struct dtls_fingerprint fingerprint;
	const char *const *candidates; // "candidate:...", from ice_candidate_format_host()
	size_t candidate_count; // all there are: end-of-candidates follows them
};

// Gives the text of the answer, for g_free().
char *sdp_publication_answer(const struct sdp_publication *publication,
			     const struct sdp_local *local);
