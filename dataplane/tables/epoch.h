// SPDX-License-Identifier: Apache-2.0
//
// dataplane/tables/epoch.h - one epoch on its way through the workers.
//
// Main has copied, checked and built everything (link/epochs.c) and swapped the 'config' and
// 'links' pointers of the tables; what is left cannot fail. Each worker receives the same epoch in
// an XMSG_EPOCH, applies it between two bursts and counts itself in 'workers_done'; by then it
// refers to nothing the epoch replaced. Main then frees the old objects and acknowledges. Deviation
// from design section 6: contexts are built by main, not by the workers, so that no worker ever
// allocates; the refusal still comes before anything has changed.
#pragma once

#include "dataplane/tables/subscription.h"
#include "dataplane/tables/track.h"
#include "dataplane/tables/transport.h"

#include <stdatomic.h>
#include <stdint.h>

struct worker;

// 'before' NULL: created; 'after' NULL: removed.
struct epoch_transport {
	uint32_t index;
	const struct transport_config *before;
	const struct transport_config *after;
	const struct transport_links *links_before;
	const struct transport_links *links_after;
	// For a transport that becomes established; the owner takes both.
	struct srtcp *srtcp;
	struct bandwidth *bandwidth; // not of plain ones
};
struct epoch_track {
	uint32_t index;
	const struct track_config *before;
	const struct track_config *after;
	// Receive streams of the encodings whose SSRC is known; the owner takes them.
	struct srtp_stream *streams[SHM_ENCODINGS_MAX];
	struct rtp_source *sources[SHM_ENCODINGS_MAX]; // instead, without SRTP
};
struct epoch_subscription {
	uint32_t index;
	const struct subscription_config *before;
	const struct subscription_config *after;
};
struct epoch_fanout {
	uint32_t worker;
	uint32_t track;
	struct fanout_list *before;
	struct fanout_list *after;
};
struct epoch {
	uint64_t number;
	struct epoch_transport *transports;
	struct epoch_track *tracks;
	struct epoch_subscription *subscriptions;
	struct epoch_fanout *fanouts;
	uint32_t transport_count;
	uint32_t track_count;
	uint32_t subscription_count;
	uint32_t fanout_count;
	uint32_t workers_sent; // main: how many have the message
	_Atomic uint32_t workers_done; // every worker adds one
};

// Worker: switches to the epoch. Applied by every worker; each takes what it owns. Removed
// transports, tracks and subscriptions lose their tuples and streams; streams go back to main by
// XMSG_FREE_STREAM. A track's new consumer asks for a keyframe.
void epoch_apply(struct worker *w, struct epoch *e);
