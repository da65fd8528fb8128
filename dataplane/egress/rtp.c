// SPDX-License-Identifier: Apache-2.0
//
// dataplane/egress/rtp.c - one RTP packet in the next place. Contract in rtp.h.
#include "dataplane/egress/rtp.h"

#include <assert.h>

uint8_t *egress_rtp(struct worker *w, const struct fanout_entry *c,
		    const struct egress_rtp_head *head, const struct placement *at, uint8_t pt,
		    const uint8_t *payload, uint16_t payload_size, struct subscription *counts)
{
	struct egress *e = w->egress;
	uint32_t udp_bytes = (uint32_t)head->size + payload_size + c->transport->tag_bytes;
	const struct egress_rtp_form form =
		egress_rtp_form(&c->transport->path, head, pt, udp_bytes);
	assert(head->mid_at > RTP_HEADER_BYTES || head->size == RTP_HEADER_BYTES);
	uint8_t *rtp = egress_rtp_write(*egress_next(e), c, head, &form, at);
	unsigned place = e->frame_count;

	egress_made(e, 1);
	e->entries[place] = egress_entry_of(c->transport, counts, payload_size, udp_bytes);
	egress_count(c->transport, udp_bytes);
	if (counts != NULL)
		egress_count_media(counts, payload_size, w->now_us);
	if (c->srtp != NULL) {
		egress_rtp_job(&e->jobs[e->job_count++], c, rtp, at->out.index, payload,
			       (uint32_t)head->size + payload_size, head->size);
		return rtp;
	}
	e->plain_frame[e->plain_count++] = (uint16_t)place;
	if (payload != rtp + head->size)
		memcpy(rtp + head->size, payload, payload_size);
	return rtp;
}
