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

// The consumer's path has an estimate to keep to. Only what can be found again may wait.
static inline bool pacing_applies(const struct fanout_entry *c, const struct forwarding *f)
{
	return f->kept && c->transport->bandwidth != NULL && c->transport->bandwidth->paces;
}

// pacing_takes() where it applies.
bool pacing_bounds(struct worker *w, const struct fanout_entry *c, const struct forwarding *f,
		   const struct placement *at);

// True if the packet, placed as 'at', was taken: it waits, or was refused and counted.
static inline bool pacing_takes(struct worker *w, const struct fanout_entry *c,
				const struct forwarding *f, const struct placement *at)
{
	return pacing_applies(c, f) && pacing_bounds(w, c, f, at);
}

// A repair leaves: at once, for the budget of answers bounds it already, and one that waited would
// be asked for again meanwhile. Video waits for it.
void pacing_repaired(struct worker *w, const struct fanout_entry *c, const struct forwarding *f);

// Sends what may leave by now; to be called at w->pacing_us.
void pacing_due(struct worker *w);

// The transport goes: what waits for it is forgotten.
void pacing_stop(struct worker *w, struct transport *t);
