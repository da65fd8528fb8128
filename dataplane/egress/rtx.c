// SPDX-License-Identifier: Apache-2.0
//
// dataplane/egress/rtx.c - a packet once more, in the consumer's RTX stream: own SSRC, payload
// type, numbering and SRTP index; the original sequence number in front of the payload.
//
// Path     forward/rewrite.c -> [egress_rtx] -> egress/tx.c
// Thread   the worker that owns the subscriber's transport.
// Copy     the payload goes into the frame in the clear and is sealed there: a repair is rare.
// Spec     RFC 4588 4.
#include "dataplane/egress/rtx.h"
#include "dataplane/egress/rtp.h"
#include "proto/rtc/bytes.h"

static uint8_t *fill(uint8_t *at, const struct egress_rtp_packet *p, uint16_t seq)
{
	uint8_t *payload = at + egress_put_header(at, p);

	bytes_store_be16(payload, seq);
	memcpy(payload + RTX_OSN_BYTES, p->payload, p->payload_size);
	return payload;
}

uint8_t *egress_rtx(struct worker *w, const struct egress_rtp_packet *original, uint16_t seq)
{
	struct subscription *s = original->subscription;
	struct egress_rtp_packet p = *original;
	size_t size = RTP_HEADER_BYTES + (size_t)p.ext_size + RTX_OSN_BYTES + p.payload_size;

	if (!egress_path_ok(w, p.transport))
		return NULL;
	struct rte_mbuf *m = egress_frame_new(w, &p.transport->path, size + SRTP_TAG_BYTES_MAX);
	if (m == NULL)
		return NULL;
	if (!rtx_sender_take(&s->rtx, &p.index)) {
		drop_egress(w, SHM_EGRESS_DROP_INDEX_LIMIT);
		rte_pktmbuf_free(m);
		return NULL;
	}
	if (p.index >= s->rtx_index_reserved)
		publish_subscription(w, s);
	p.ssrc = s->rtx.ssrc;
	uint8_t *at = egress_frame_payload(m, &p.transport->path);
	p.payload = fill(at, &p, seq);
	p.payload_size += RTX_OSN_BYTES;
	egress_queue_sealed(w, m, &p, (size_t)(p.payload - at), NULL);
	return at;
}
