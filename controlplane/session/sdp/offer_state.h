// SPDX-License-Identifier: Apache-2.0
// controlplane/session/sdp/offer_state.h - the inside of a subscriber: offer.c, offer_text.c,
// offer_answer.c and nobody else.
//
// Place    below offer.h.
// Thread   one at a time.
#pragma once

#include "controlplane/session/sdp/offer.h"
#include "controlplane/session/sdp/payload_types.h"

struct sdp_offered_codec {
	uint8_t from; // the publisher's payload type
	struct sdp_codec codec; // with ours
};

struct sdp_slot {
	struct sdp_line line;
	// The track's codecs; an idle line keeps the last ones, an m-line is never without formats.
	struct sdp_offered_codec codecs[SDP_TRACK_CODECS_MAX];
	size_t codec_count;
	struct rtp_ext_map ext; // offered, with our ids
	bool dead; // the subscriber answered port 0: offered as that, until used again under a new
		   // mid
	unsigned tenancy; // grows whenever the line changes hands
	unsigned offered_tenancy; // as of the newest offer
};

struct sdp_subscriber {
	struct sdp_slot *slots;
	size_t slot_count;
	size_t offered_count; // m-lines of the newest offer
	unsigned mid_next;
	struct sdp_pt_table payload_types;
	bool answered;
	struct ice_credentials ice; // the client's, from the newest answer
	char offered_ufrag[ICE_CREDENTIAL_LEN_MAX + 1]; // ours, of the newest offer
	struct ice_credentials former; // the client's before the newest ICE restart; empty: none
	struct dtls_fingerprint fingerprint;
};
