// SPDX-License-Identifier: Apache-2.0
// controlplane/session/player.h - the half of a participant that plays a fixed set of lines: WHEP.
//
// Order    viewer's offer -> lines get tracks -> transport announced -> answer -> ICE, DTLS -> one
//          epoch with keys and subscriptions. Or our counter-offer first, then the viewer's answer.
// Lines    The SDP is settled once. A line whose track goes plays the next that no line plays:
//          publishers in order of joining, under the same SSRC, from its next keyframe on. What the
//          answer left inactive stays so.
// Thread   the API's GMainContext.
// Owns     lines and their subscriptions' slots. Owned by its participant, whose 'waiter' it tells.
#pragma once

#include "controlplane/session/participant.h"

// True if there is a track to play: of participant 'only', or of anybody where that is empty.
bool player_any(struct room *room, const char *only);

// Takes the viewer's offer; 'p->waiter' is told of the answer.
void player_offer(struct participant *p, const char *sdp, size_t size, const char *only,
		  const struct offer_waiter *waiter);

// Makes an offer of every track there is; the waiter is told of it. Then the viewer's answer: 0
// where the 'p->waiter' of now is told later that the dataplane lets the viewer in, or that it
// refused and the offer still stands; or -EINVAL, -E2BIG with the sentence, and the offer stands as
// well.
void player_counter_offer(struct participant *p, const char *only,
			  const struct offer_waiter *waiter);
int player_answer(struct participant *p, const char *sdp, size_t size,
		  char reason[SDP_REASON_SIZE]);

// A track runs, or goes. Do nothing without a player.
void player_track_live(struct participant *p);
void player_forget(struct participant *p, const struct track *track);

// What a line sends, for those who count.
struct player_stream {
	const struct track *track; // NULL: the line waits for one
	struct shm_ref ref; // generation 0: the dataplane does not run it
	uint32_t ssrc;
	const char *mid; // need not end in NUL
};
// The i-th line of whoever plays; false beyond the last.
bool player_stream(const struct participant *p, size_t i, struct player_stream *out);

// The participant leaves: what was sent is noted for its summary, removals are added to 'e'. Clears
// the pointer.
void player_free(struct participant *p, struct link_epoch *e);
