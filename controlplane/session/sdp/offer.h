// SPDX-License-Identifier: Apache-2.0
// controlplane/session/sdp/offer.h - the offers we make to one subscriber, and its answers.
//
// Place    session/ adds and removes tracks, sends the offer, hands in the answer, and reads from
//          the lines what each consumer negotiated. WHEP is the same with a set of tracks.
// Thread   one at a time; holds no lock.
// Owns     the m-lines. A line never goes away: removing its track makes it inactive, and the next
//          track of its kind takes it over. Payload types and extension ids mean the same on every
//          line, so that BUNDLE holds.
// Spec     RFC 9429 5.2 (offers), RFC 9143 7.2 (BUNDLE offer), RFC 8829 msid, RFC 3264 8.
#pragma once

#include "controlplane/session/sdp/negotiate.h"

enum sdp_line_state {
	SDP_LINE_IDLE, // offered inactive; free for the next track
	SDP_LINE_OFFERED, // has a track; no answer has spoken about it yet
	SDP_LINE_ACCEPTED, // the subscriber takes the track
	SDP_LINE_REFUSED, // the subscriber's answer is inactive, port 0 or without a codec in
			  // common
};

struct sdp_pt_pair {
	uint8_t from; // the publisher's payload type
	uint8_t to; // ours, on this subscriber's transport
	uint8_t rtx; // that of its RTX; 0: none
};

// Who arrives on a line. All strings are copied.
struct sdp_source {
	const char *stream_id; // the participant: tracks of one participant play in step
	const char *track_id;
	const char *cname;
	uint32_t ssrc; // of the consumer, unique within the transport
	const struct sdp_track *track; // as the publisher negotiated it
	uint32_t rtx_ssrc; // video: of its RTX, unique likewise; 0: none
};

struct sdp_line {
	enum sdp_kind kind;
	enum sdp_line_state state;
	char mid[SDP_MID_LEN_MAX + 1];
	char stream_id[SDP_ID_LEN_MAX + 1];
	char track_id[SDP_ID_LEN_MAX + 1];
	char cname[SDP_CNAME_LEN_MAX + 1];
	uint32_t ssrc;
	uint32_t rtx_ssrc; // video alone
	// What the subscriber accepted; empty unless SDP_LINE_ACCEPTED.
	struct sdp_pt_pair pts[SDP_TRACK_CODECS_MAX];
	size_t pt_count;
	struct rtp_ext_map ext;
	uint8_t feedback; // enum sdp_feedback
};

struct sdp_subscriber;
struct sdp_playback_line;

struct sdp_subscriber *sdp_subscriber_create(void);
void sdp_subscriber_destroy(struct sdp_subscriber **subscriber);

// Gives the track a line, for the next offer. Returns its index, which stays valid for the life of
// the subscriber; -ENOSPC if there are SDP_MEDIA_MAX lines or no payload type is left for any of
// its codecs; -EINVAL for an id that is too long, or empty, or has blanks.
int sdp_subscriber_add(struct sdp_subscriber *subscriber, const struct sdp_source *source);

// The track is gone: the line is idle at once and offered inactive from the next offer on.
void sdp_subscriber_remove(struct sdp_subscriber *subscriber, int line);

size_t sdp_subscriber_line_count(const struct sdp_subscriber *subscriber);
const struct sdp_line *sdp_subscriber_line(const struct sdp_subscriber *subscriber, int line);

// Gives the text of an offer with all lines as they are now, for g_free(); NULL while there is no
// line. 'local' brings session_version: one more with each offer. New credentials in 'local' are an
// ICE restart: from then on the client's have to be others, too.
char *sdp_subscriber_offer(struct sdp_subscriber *subscriber, const struct sdp_local *local);

struct sdp_subscriber_answer {
	bool has_transport; // false: every line was refused
	bool ice_changed; // the client's credentials are others than in the answer before
	struct ice_credentials ice; // the client's
	struct dtls_fingerprint fingerprint; // the client's
	bool fingerprint_changed; // since the answer before: the DTLS association has to be new
	enum dtls_role role; // ours
	char **candidates; // for g_strfreev(); NULL-terminated, may be NULL
	bool end_of_candidates;
};

// Takes the answer to the newest offer: sets state, pts, ext and feedback of every line that had a
// track in that offer. Lines that changed hands since stay SDP_LINE_OFFERED. Returns 0; -E2BIG or
// -EINVAL with the sentence in 'reason', and then nothing has changed.
int sdp_subscriber_take_answer(struct sdp_subscriber *subscriber, const char *answer, size_t size,
			       char reason[SDP_REASON_SIZE], struct sdp_subscriber_answer *out);

// An accepted line as one to play on: our payload types that the answer took. No codecs unless
// SDP_LINE_ACCEPTED.
void sdp_subscriber_playback(const struct sdp_subscriber *subscriber, int line,
			     struct sdp_playback_line *out);
