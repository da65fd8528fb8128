// SPDX-License-Identifier: Apache-2.0
// controlplane/session/sdp/fragment.h - application/trickle-ice-sdpfrag: ICE news without an offer.
//
// Place    controlplane/whip/ takes candidates and restarts with it.
// Thread   any; no state.
// Owns     a fragment owns its candidates.
// Trust    the text comes from outside: bounded as offers are.
// Spec     RFC 8840 4.4 and 9 (grammar), RFC 8839 5 (attributes), RFC 9725 4.3.
#pragma once

#include "controlplane/session/sdp/negotiate.h"

enum sdp_fragment_limits {
	SDP_FRAGMENT_BYTES_MAX = 64 * 1024,
};

struct sdp_fragment {
	bool has_ice; // ice-ufrag and ice-pwd
	struct ice_credentials ice;
	char **candidates; // "candidate:..."; not looked into
	size_t candidate_count; // at most SDP_CANDIDATES_MAX; further ones are left out
	bool end_of_candidates;
};

// Returns 0 and gives the fragment; -EINVAL or -E2BIG with the sentence in 'reason'. CRLF or LF.
// Candidates of every m-line are taken: all lines share one transport.
int sdp_fragment_parse(const char *text, size_t size, char reason[SDP_REASON_SIZE],
		       struct sdp_fragment **out);
void sdp_fragment_destroy(struct sdp_fragment **fragment);

// Gives the fragment that answers an ICE restart, for g_free(). 'line' is the m-line the transport
// is read from, its formats as offered: "audio 9 UDP/TLS/RTP/SAVPF 111".
char *sdp_fragment_answer(const struct sdp_local *local, const char *line, const char *mid);
