// SPDX-License-Identifier: Apache-2.0
// controlplane/session/publish_state.h - the inside of publishing: publish.c, renegotiate.c and
// nobody else.
#pragma once

#include "controlplane/session/participant.h"

// The tracks of one epoch, by uid: some may be gone when its answer comes.
struct publish_applied {
	struct participant *p; // one count
	GPtrArray *uids;
	uint64_t generation; // of the room
};

// Adds every track, with all it is now.
struct publish_applied *publish_apply(struct participant *p, struct link_epoch *e);
void publish_applied(const struct publish_applied *a); // the epoch was applied
void publish_applied_free(struct publish_applied *a);

// Of the offer under way: takes up tracks that it changes or brings; ends those it ends, with what
// that needs in 'e'; answers it.
void publish_merge(struct participant *p, const struct publish_offer *offer);
void publish_remove(struct participant *p, struct link_epoch *e);
void publish_settle(struct participant *p);

// renegotiate.c: a later offer than the first, which has been read.
void publish_renegotiate(struct participant *p, const struct publish_offer *offer);
