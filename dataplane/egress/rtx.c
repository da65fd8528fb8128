// SPDX-License-Identifier: Apache-2.0
//
// dataplane/egress/rtx.c - a packet once more, in the consumer's RTX stream: own SSRC, payload
// type, numbering and SRTP index; the original sequence number in front of the payload.
//
// Path     forward/rewrite.c -> [egress_rtx] -> egress/tx.c
// Thread   the worker that owns the subscriber's transport.
// Padding  a packet of nothing else, to probe a path: RFC 3550 5.1 bounds it to 255 bytes.
// Copy     the payload goes into the frame in the clear and is sealed there: a repair is rare.
// Spec     RFC 4588 4.
#include "dataplane/egress/rtx.h"
#include "dataplane/egress/rtp.h"
#include "dataplane/link/publish.h"
#include "proto/rtc/bytes.h"

enum { RTP_PADDING_BIT = 0x20 };

// Queues one packet of the consumer's RTX stream under its next index, headers written; its payload
// of 'size' bytes is to be filled in. NULL after counting the drop.
static uint8_t *queue(struct worker *w, const struct fanout_entry *c,
		      const struct egress_rtp_head *head, struct placement at, uint8_t pt,
		      size_t size)
{
	struct subscription *s = c->subscription;
	const struct header_template *h = &c->transport->path;
	size_t whole = head->size + size + SRTP_TAG_BYTES_MAX;
	struct rte_mbuf *m = egress_path_ok(w, c->transport) ? egress_take(w, h, whole) : NULL;

	if (m == NULL)
		return NULL;
	if (!rtx_sender_take(&s->rtx, &at.out.index)) {
		drop_egress(w, SHM_EGRESS_DROP_INDEX_LIMIT);
		return NULL;
	}
	if (at.out.index >= s->rtx_index_reserved)
		publish_subscription(w, s);
	return egress_rtp(w, c, head, &at, pt, egress_frame(m) + h->size + head->size,
			  (uint16_t)size, NULL);
}

uint8_t *egress_rtx(struct worker *w, const struct fanout_entry *c,
		    const struct egress_rtp_head *head, struct placement at, uint8_t pt,
		    const uint8_t *payload, uint16_t payload_size, uint16_t seq)
{
	uint8_t *rtp = queue(w, c, head, at, pt, RTX_OSN_BYTES + (size_t)payload_size);

	if (rtp == NULL)
		return NULL;
	bytes_store_be16(rtp + head->size, seq);
	memcpy(rtp + head->size + RTX_OSN_BYTES, payload, payload_size);
	return rtp;
}

uint8_t *egress_padding(struct worker *w, const struct fanout_entry *c,
			const struct egress_rtp_head *head, struct placement at, uint8_t pt)
{
	uint8_t *rtp = queue(w, c, head, at, pt, EGRESS_PADDING_BYTES);

	if (rtp == NULL)
		return NULL;
	uint8_t *payload = rtp + head->size;
	rtp[0] |= RTP_PADDING_BIT;
	memset(payload, 0, EGRESS_PADDING_BYTES - 1);
	payload[EGRESS_PADDING_BYTES - 1] = EGRESS_PADDING_BYTES;
	return rtp;
}
