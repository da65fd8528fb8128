// SPDX-License-Identifier: Apache-2.0
// controlplane/session/player_state.h - the inside of a player: player.c and player_sdp.c, nobody
// else.
//
// Thread   the API's GMainContext.
#pragma once

#include "controlplane/session/names.h"
#include "controlplane/session/player.h"
#include "controlplane/session/sdp/playback.h"

// An m-line and its subscription. config.ssrc 0: inactive for good once the SDP is settled.
struct player_line {
	struct shm_subscription_config config;
	struct sdp_playback_line sdp;
	struct track *track; // what plays; NULL: waits for one
	struct shm_ref ref; // generation 0: the dataplane does not run it
	struct shm_ref told; // the track the dataplane was told last
	char *played; // name of the newest track; NULL: none yet
};

struct player {
	char only[NAME_ID_LEN_MAX + 1]; // this participant's tracks; empty: everybody's
	struct sdp_playback *playback; // until the viewer's offer is answered
	struct player_line *lines;
	size_t line_count;
	bool settled; // the SDP is: no further line begins
};

// Makes p->player.
struct player *player_new(struct participant *p, size_t line_count, const char *only);
// Tracks to play, in the order in which lines get them. Gives the array.
GPtrArray *player_tracks(struct room *room, const char *only);
// Puts tracks on lines that play none.
void player_fill(struct participant *p);
// Gives a line its SSRC and numbering.
void player_line_begin(struct player_line *line);
// The first epoch: every line that has begun.
void player_apply(struct participant *p, struct link_epoch *e);
