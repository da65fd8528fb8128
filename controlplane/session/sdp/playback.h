// SPDX-License-Identifier: Apache-2.0
// controlplane/session/sdp/playback.h - a viewer's offer and our answer: the client offers, we
// send.
//
// Place    session/player.c reads the offer, gives lines a track, then answers. WHEP's usual way.
// Thread   any; no state between calls.
// Owns     a playback owns its description and its lines.
// Lines    A line keeps its SSRC and msid whatever track plays on it, so that one track can follow
//          another without a new offer. Hence the answer takes every codec the viewer offers that
//          is served, the first track's in front.
// Spec     RFC 9429 5.3 (answers), draft-ietf-wish-whep-04 4.3.
#pragma once

#include "controlplane/session/sdp/offer.h"

// One m-line. What comes first is settled by read(), the rest is the caller's.
struct sdp_playback_line {
	enum sdp_kind kind; // SDP_AUDIO or SDP_VIDEO
	bool receives; // recvonly or sendrecv
	char mid[SDP_MID_LEN_MAX + 1];
	struct sdp_codec codecs[SDP_TRACK_CODECS_MAX]; // the viewer's that are served, in its order
	size_t codec_count; // at least 1
	struct rtp_ext_map ext; // with the viewer's ids

	uint32_t ssrc; // unique within the playback; 0: the line is inactive for good
	uint32_t rtx_ssrc; // video: of its RTX, likewise; 0: none
	const struct sdp_track *first; // what plays at first, or NULL
};

struct sdp_playback {
	struct sdp_description *offer;
	struct ice_credentials ice; // the viewer's
	struct dtls_fingerprint fingerprint; // the viewer's
	enum dtls_role role; // ours
	struct sdp_playback_line *lines; // in the order of the m-lines that carry media
	size_t line_count; // 0: nothing to play on, and no transport
	char **candidates; // borrowed from 'offer'
	size_t candidate_count;
};

// Reads an offer. Returns 0 and gives the playback, or with the sentence in 'reason' -EINVAL
// (malformed), -E2BIG (over a limit), -ENOTSUP (asks for what is not served, such as a line that
// only sends).
int sdp_playback_read(const char *offer, size_t size, char reason[SDP_REASON_SIZE],
		      struct sdp_playback **out);
void sdp_playback_destroy(struct sdp_playback **playback);

// The sentence for an offer none of whose lines plays a track there is: names the first of them.
void sdp_playback_refuse(const struct sdp_playback *playback, char reason[SDP_REASON_SIZE]);

// Which of the track's payload types the line can play, and as what. Returns how many; 0: none.
size_t sdp_playback_map(const struct sdp_playback_line *line, const struct sdp_track *track,
			struct sdp_pt_pair pts[SDP_TRACK_CODECS_MAX]);

// Gives the text of the answer, for g_free(). 'stream_id' names the viewer's one stream.
char *sdp_playback_answer(const struct sdp_playback *playback, const struct sdp_local *local,
			  const char *stream_id);
