// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/wanted.h - which encodings of a simulcast track its consumers want, from all
// their workers to the publisher's, and from there to main when that changes.
//
// What is asked for is the publisher's to do, by way of the control plane. Where nobody can ask
// (no control plane, WHIP, plain transports) everything goes on as it runs.
#pragma once

#include "dataplane/core/worker.h"
#include "dataplane/tables/track.h"

struct transport;

// Consumers' worker, each time layers are chosen: what this consumer follows or would, were it
// sent and did its path carry it.
void wanted_by_consumer(struct worker *w, const struct track_config *track,
			const struct shm_subscription_config *c);

// Publisher's worker: XMSG_WANTED.
void wanted_message(struct worker *w, const struct xmsg *msg);

// Publisher's worker, housekeeping: tells main of tracks of this transport of which less is wanted.
void wanted_due(struct worker *w, struct transport *t);
