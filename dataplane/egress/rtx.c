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

// The frame of one packet of the consumer's RTX stream, under its next index. NULL after counting
// the drop.
static struct rte_mbuf *frame(struct worker *w, struct egress_rtp_packet *p, size_t payload)
{
	struct subscription *s = p->subscription;
	size_t size = RTP_HEADER_BYTES + (size_t)p->ext_size + payload + SRTP_TAG_BYTES_MAX;
	struct rte_mbuf *m = egress_path_ok(w, p->transport)
				     ? egress_frame_new(w, &p->transport->path, size)
				     : NULL;

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
	return m;
}

static uint8_t *seal(struct worker *w, struct rte_mbuf *m, struct egress_rtp_packet *p, uint8_t *at,
		     uint8_t *payload, size_t size)
{
	p->payload = payload;
	p->payload_size = (uint16_t)size;
	egress_queue_sealed(w, m, p, (size_t)(payload - at), NULL);
	return at;
}

uint8_t *egress_rtx(struct worker *w, const struct egress_rtp_packet *original, uint16_t seq)
{
	struct egress_rtp_packet p = *original;
	struct rte_mbuf *m = frame(w, &p, RTX_OSN_BYTES + (size_t)p.payload_size);

	if (m == NULL)
		return NULL;
	uint8_t *at = egress_frame_payload(m, &p.transport->path);
	uint8_t *payload = at + egress_put_header(at, &p);
	bytes_store_be16(payload, seq);
	memcpy(payload + RTX_OSN_BYTES, p.payload, p.payload_size);
	return seal(w, m, &p, at, payload, RTX_OSN_BYTES + (size_t)p.payload_size);
}

uint8_t *egress_padding(struct worker *w, const struct egress_rtp_packet *packet)
{
	struct egress_rtp_packet p = *packet;
	struct rte_mbuf *m = frame(w, &p, EGRESS_PADDING_BYTES);

	if (m == NULL)
		return NULL;
	uint8_t *at = egress_frame_payload(m, &p.transport->path);
	uint8_t *payload = at + egress_put_header(at, &p);
	at[0] |= RTP_PADDING_BIT;
	memset(payload, 0, EGRESS_PADDING_BYTES - 1);
	payload[EGRESS_PADDING_BYTES - 1] = EGRESS_PADDING_BYTES;
	return seal(w, m, &p, at, payload, EGRESS_PADDING_BYTES);
}
