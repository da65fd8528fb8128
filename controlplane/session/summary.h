// SPDX-License-Identifier: Apache-2.0
// controlplane/session/summary.h - what a session was like: collected as its streams end, told when
// the participant goes.
//
// Place    publish.c, subscribe.c and player.c note a stream before they remove it; participant.c
//          tells.
// Thread   the API's GMainContext.
// Bounds   SUMMARY_STREAMS_MAX of each kind; later ones are left out.
#pragma once

#include "controlplane/link/client.h"
#include "controlplane/session/sdp/offer.h"
#include "proto/api/sluice/v1/room.pb-c.h"

#include <glib.h>

enum { SUMMARY_STREAMS_MAX = 256 };

struct participant;
struct subscription;
struct track;

// Zeroed: empty.
struct summary {
	GPtrArray *published, *subscribed; // Sluice__V1__StreamSummary, owned
};

void summary_clear(struct summary *s);

// Adds what the dataplane's counters say now.
void summary_note_track(struct summary *s, const struct track *t); // each encoding
void summary_note_subscription(struct summary *s, const struct participant *p,
			       const struct subscription *subscription);

// A stream that was sent; all borrowed.
struct summary_sent {
	const char *track; // name of the newest one on it
	enum sdp_kind kind;
	uint32_t clock_rate; // of its reports' jitter
	struct shm_ref ref; // of a subscription
	uint32_t ssrc;
};
void summary_note_sent(struct summary *s, struct link_client *link,
		       const struct summary_sent *sent);

// The event of a participant that goes; everything of it has been noted.
void summary_tell(const struct participant *p);

// Mean opinion score by the E-model (ITU-T G.107), as room.proto says it. 'loss' is a share of 1,
// times are in seconds.
//
// What a server cannot know is taken at its best: no echo (Idte, Idle), no advantage (A), losses at
// random (BurstR 1). Nobody has published Ie and Bpl of Opus; those of G.711 with concealment
// (G.113 appendix I) stand in for them, so the score compares sessions and is no measurement of
// speech.
double summary_mos(double loss, double jitter, double round_trip_time);
