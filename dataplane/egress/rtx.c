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
#include "proto/rtc/bytes.h"

enum { RTP_PADDING_BIT = 0x20 };

// Queues one packet of the consumer's RTX stream under its next index, headers written; its payload
// of 'size' bytes is to be filled in. NULL after counting the drop.
static uint8_t *queue(struct worker *w, struct egress_rtp_packet *p, size_t size)
{
	struct subscription *s = p->subscription;
	const struct header_template *h = &p->transport->path;
	size_t whole = egress_header_size(p) + size + SRTP_TAG_BYTES_MAX;
	struct rte_mbuf *m = egress_path_ok(w, p->transport) ? egress_take(w, h, whole) : NULL;

	if (m == NULL)
		return NULL;
	if (!rtx_sender_take(&s->rtx, &p->index)) {
		drop_egress(w, SHM_EGRESS_DROP_INDEX_LIMIT);
		rte_pktmbuf_free(m);
		return NULL;
	}
	if (p->index >= s->rtx_index_reserved)
		publish_subscription(w, s);
	p->ssrc = s->rtx.ssrc;
	p->payload = egress_frame(m) + h->size + egress_header_size(p);
	p->payload_size = (uint16_t)size;
	egress_rtp_queue(w, m, p, NULL);
	return egress_rtp_write(m, p);
}

uint8_t *egress_rtx(struct worker *w, const struct egress_rtp_packet *original, uint16_t seq)
{
	struct egress_rtp_packet p = *original;
	uint8_t *at = queue(w, &p, RTX_OSN_BYTES + (size_t)original->payload_size);

	if (at == NULL)
		return NULL;
	uint8_t *payload = at + egress_header_size(&p);
	bytes_store_be16(payload, seq);
	memcpy(payload + RTX_OSN_BYTES, original->payload, original->payload_size);
	return at;
}

uint8_t *egress_padding(struct worker *w, const struct egress_rtp_packet *packet)
{
	struct egress_rtp_packet p = *packet;
	uint8_t *at = queue(w, &p, EGRESS_PADDING_BYTES);

	if (at == NULL)
		return NULL;
	uint8_t *payload = at + egress_header_size(&p);
	at[0] |= RTP_PADDING_BIT;
	memset(payload, 0, EGRESS_PADDING_BYTES - 1);
	payload[EGRESS_PADDING_BYTES - 1] = EGRESS_PADDING_BYTES;
	return at;
}
