// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/pacing.h - video that waits until its subscriber's path has room for it.
//
// Place    between the consumer's numbering and the frame: what waits is a note of a packet that
//          the worker's history keeps, so a queue holds neither copies nor packets of its own. It
//          gets its transport-wide number, and is sealed, when it leaves.
// Who      transports with an estimate. Audio never waits; others' packets pass as they come.
// Thread   the worker that owns the subscriber's transport.
#pragma once

#include "dataplane/forward/consumer.h"
#include "dataplane/tables/bandwidth.h"

// What a packet of 'f' costs the path, about: with a usual extension block.
static inline uint32_t pacing_bytes(const struct forwarding *f)
{
	return f->packet->rtp_payload_size + RTP_HEADER_BYTES + 16u + BANDWIDTH_UDP_BYTES;
}

// True if a packet of that much may leave at once.
static __rte_always_inline bool pacing_passes(const struct fanout_entry *c, enum packet_kind kind,
					      uint32_t bytes, uint64_t now_us)
{
	struct bandwidth *b = c->transport->bandwidth;

	return b == NULL || send_path_passes(&b->path, kind, bytes, now_us);
}

// One that may not, placed as 'at', is taken: it waits, or is refused and counted.
void pacing_queue(struct worker *w, const struct fanout_entry *c, const struct forwarding *f,
		  const struct placement *at);

// The consumer begins anew, with a keyframe: what it was to be shown before is taken back, if so
// much waits that it would be late, and its numbers with it.
void pacing_take_back(struct worker *w, const struct fanout_entry *c);

// A repair leaves: at once, for the budget of answers bounds it already, and one that waited would
// be asked for again meanwhile. Video waits for it.
void pacing_repaired(struct worker *w, const struct fanout_entry *c, const struct forwarding *f);

// Sends what may leave by now; to be called at w->pacing_us.
void pacing_due(struct worker *w);

// The transport goes: what waits for it is forgotten.
void pacing_stop(struct worker *w, struct transport *t);
