// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/keyframe_group.h - the last keyframe of an encoding and what came behind it,
// for whoever begins now: where it serves, the publisher need not make another one.
//
// Thread   the consumers' worker; the packets are its history's (repair.h).
// Serves   while it is whole, young and small enough to be caught up with (keyframe_cache.h).
#pragma once

#include "dataplane/core/worker.h"
#include "dataplane/tables/subscription.h"
#include "proto/rtc/loss/keyframe_cache.h"

struct packet;

struct keyframe_groups {
	uint32_t generation; // of the track
	struct keyframe_cache encodings[SHM_ENCODINGS_MAX];
};

// A video packet that the history keeps.
void keyframe_group_keep(struct worker *w, const struct packet *p);

// True if a consumer on 'to' that begins now could begin with the group, if it is no older than
// 'age_max_us'.
bool keyframe_group_serves(const struct worker *w, const struct transport *to, struct shm_ref track,
			   uint8_t encoding, uint64_t age_max_us);

// Sends the consumer the group of the encoding that 'p', the packet at hand, belongs to, if it is
// no older than 'age_max_us'. True if the consumer has begun there: 'p' is one more packet to it.
bool keyframe_group_send(struct worker *w, const struct fanout_entry *c, const struct packet *p,
			 uint64_t age_max_us);
