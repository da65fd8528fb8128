// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/path.h - what the worker's loop calls, in order. The stages behind each are in
// ingress/, forward/ and egress/.
#pragma once

#include "dataplane/core/worker.h"

// Takes 'count' frames (at most BURST_PKTS_MAX) as read from the wire port at w->now_us.
void path_ingress(struct worker *w, struct rte_mbuf **frames, unsigned count);

// Handles one message from another worker or from main. Takes what it points to.
void path_message(struct worker *w, const struct xmsg *msg);

// Runs what is due: consent, SR/RR, transport-wide feedback, keyframe requests; every PUBLISH_US
// writes states and statistics to the segment. Called when w->now_us >= w->housekeeping_us.
void path_housekeeping(struct worker *w);

// Lets go of what waited for room on a subscriber's path; at w->pacing_us.
void path_pacing(struct worker *w);

// Seals and sends everything queued since the last call.
void path_flush(struct worker *w);
