// SPDX-License-Identifier: Apache-2.0
// controlplane/session/sdp/payload_types.h - one meaning per payload type on a subscriber's
// transport.
//
// Place    offer.c: each publisher numbers its codecs as it likes, a BUNDLE wants one numbering.
// Thread   one at a time.
// Owns     nothing.
// Spec     RFC 9143 9.1 (payload types within a BUNDLE), RFC 5761 4 (64..95 are RTCP's).
#pragma once

#include "controlplane/session/sdp/codec.h"

// Zeroed to begin with. An entry stays for the life of the transport: packets of an old meaning may
// still be on their way.
struct sdp_pt_table {
	struct sdp_codec at[SDP_PT_MAX + 1]; // codec CODEC_NONE: free, or RTX where 'apt' is not 0
};

// The entry for 'wanted': one that is the same, else a free one (its own number if that is free),
// with one for its RTX if it is video;
// else one that is equal but for parameters that don't decide. NULL if there is none.
const struct sdp_codec *sdp_pt_assign(struct sdp_pt_table *table, const struct sdp_codec *wanted);
