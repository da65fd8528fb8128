// SPDX-License-Identifier: Apache-2.0
// controlplane/session/sdp/extensions.h - which header extensions of an offer our answer takes.
//
// Place    negotiate.c (the peer sends) and playback.c (we send) ask it before they write an
// answer. Thread   any; pure functions. Owns     nothing. Spec     RFC 8285 5 and RFC 9143 7.1.3:
// within a BUNDLE an id means one extension. Offers break
//          that both ways; what contradicts an earlier line is left out of the answer, and so is
//          not sent. Nothing but the mid and rid needs to come first.
#pragma once

#include "controlplane/session/sdp/description.h"

enum sdp_ext_use {
	SDP_EXT_RECEIVED, // the peer sends them
	SDP_EXT_SENT, // we do: no rid, nothing the peer only sends
};

// Settles them over all m-lines that carry media. 'lines' holds one map per m-line of 'd';
// 'bundle' gets what any packet may have.
void sdp_extensions_settle(const struct sdp_description *d, enum sdp_ext_use use,
			   struct rtp_ext_map *lines, struct rtp_ext_map *bundle);
