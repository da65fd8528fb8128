// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/rewrite.h - the parts of a consumer's packet. Inside forward/ only.
//
// Thread   the worker that owns the subscriber's transport.
#pragma once

#include "dataplane/forward/consumer.h"

// What goes in front of the payload for all of the class of 'c'. False: it does not fit.
bool rewrite_head(struct class_head *h, const struct fanout_entry *c, const struct forwarding *f);

// A copy of the payload that packets with other ids are sealed from, the same for all of them.
// NULL: it is not worth it, or there is no mbuf.
const uint8_t *rewrite_copy(struct worker *w, struct forwarding *f);

// Picture ids or frame number of a packet queued, whose job is number 'job' of those that wait.
void rewrite_patch(struct worker *w, const struct fanout_entry *c, struct forwarding *f,
		   const struct egress_rtp_head *head, uint8_t *rtp, unsigned job,
		   const struct placement *at);

// In the consumer's own first bytes of the payload.
static inline void rewrite_ids(uint8_t *payload, const struct layer_packet *l,
			       const struct placement *at)
{
	picture_id_write(payload + l->picture_id_offset, (l->flags & LAYER_ID_15) != 0,
			 at->picture_id);
	if (l->tl0_offset != 0)
		payload[l->tl0_offset] = at->tl0;
}
