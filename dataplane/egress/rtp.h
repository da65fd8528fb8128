// SPDX-License-Identifier: Apache-2.0
//
// dataplane/egress/rtp.h - one consumer's RTP packet: a frame, and a job to seal it.
//
// Path     forward/rewrite.c -> [egress_rtp] -> egress/tx.c
// Thread   the worker that owns the subscriber's transport.
// Inline   it runs once per consumer and packet, and half of what it does is to move arguments that
//          the caller has in registers.
// Index    an egress index is reserved in the segment before it is used, so that whoever takes the
//          record over after a crash starts above it (design section 6).
// Copy     none: the engine reads the shared plaintext and writes it encrypted behind the header.
//          Where consumers get other first bytes, one copy serves all of them.
#pragma once

#include "dataplane/egress/queue.h"
#include "dataplane/link/publish.h"
#include "proto/rtc/rtp.h"
#include "proto/rtc/rtp_ext.h"
#include "proto/rtc/seq.h"

#include <string.h>

enum { EGRESS_EXT_COPY_BYTES = 24 };
static_assert(RTP_EXT_BLOCK_BYTES_MAX % EGRESS_EXT_COPY_BYTES == 0,
	      "no block ends in its array's last part");

// What forward/ decided about one packet for one consumer.
struct egress_rtp_packet {
	struct transport *transport;
	struct subscription *subscription;
	struct srtp_stream *srtp; // NULL: goes out without SRTP
	uint64_t index; // egress SRTP index
	uint32_t timestamp;
	uint32_t ssrc;
	uint8_t pt;
	bool marker;
	// Extension block with its 4-byte header, in an array of RTP_EXT_BLOCK_BYTES_MAX; copied.
	const uint8_t *ext;
	uint16_t ext_size; // bytes, a multiple of 4; 0: none
	uint16_t mid_at; // in the block: where 'mid' goes; 0: what stands there is right
	const char *mid; // FANOUT_MID_BYTES, zeros behind it
	const uint8_t *payload; // plaintext, read when the job is sealed: see egress_release()
	uint16_t payload_size;
};

// In parts of EGRESS_EXT_COPY_BYTES, which is all of nearly every block: there is room behind,
// which the payload fills later, and what lies behind the block itself is of the same array.
static inline void egress_put_ext(uint8_t *at, const uint8_t *ext, size_t size)
{
	memcpy(at, ext, EGRESS_EXT_COPY_BYTES);
	for (size_t i = EGRESS_EXT_COPY_BYTES; i < size; i += EGRESS_EXT_COPY_BYTES)
		memcpy(at + i, ext + i, EGRESS_EXT_COPY_BYTES);
}

static inline uint16_t egress_header_size(const struct egress_rtp_packet *p)
{
	return (uint16_t)(RTP_HEADER_BYTES + p->ext_size);
}

// Queues the mbuf, of which nothing is written yet, and a job to seal it where there is SRTP.
// 'counts': the consumer whose media it is, NULL for a repeat.
static __rte_always_inline void egress_rtp_queue(struct worker *w, struct rte_mbuf *m,
						 const struct egress_rtp_packet *p,
						 struct subscription *counts)
{
	const struct header_template *h = &p->transport->path;
	uint16_t size = (uint16_t)(egress_header_size(p) + p->payload_size);
	uint16_t udp_bytes = (uint16_t)(size + p->transport->tag_bytes);
	unsigned place = egress_queue(w, m, p->transport, counts, p->payload_size, udp_bytes);
	struct egress *e = w->egress;

	header_describe(m, h, udp_bytes);
	if (p->srtp == NULL) {
		e->plain_frame[e->plain_count++] = (uint16_t)place;
		return;
	}
	unsigned job = e->job_count++;
	e->job_frame[job] = (uint16_t)place;
	e->jobs[job] = (struct srtp_job){
		.stream = p->srtp,
		.packet = egress_frame(m) + h->size,
		.payload = p->payload,
		.index = p->index,
		.header_size = egress_header_size(p),
		.size = size,
	};
}

// Writes all headers, and the payload where nothing else will. Returns the RTP header.
static __rte_always_inline uint8_t *egress_rtp_write(struct rte_mbuf *m,
						     const struct egress_rtp_packet *p)
{
	const struct header_template *h = &p->transport->path;
	uint8_t *frame = egress_frame(m);
	uint8_t *at = frame + h->size;
	const struct rtp_header header = {
		.ssrc = p->ssrc,
		.ts = p->timestamp,
		.seq = (uint16_t)p->index,
		.pt = p->pt,
		.marker = p->marker,
		.extension = p->ext_size != 0,
	};

	size_t udp_bytes =
		(size_t)egress_header_size(p) + p->payload_size + p->transport->tag_bytes;
	header_copy(frame, h);
	header_lengths(frame, h, udp_bytes);
	rtp_write_header(at, &header);
	if (p->ext_size != 0)
		egress_put_ext(at + RTP_HEADER_BYTES, p->ext, p->ext_size);
	if (p->mid_at != 0)
		memcpy(at + RTP_HEADER_BYTES + p->mid_at, p->mid, FANOUT_MID_BYTES);
	uint8_t *payload = at + egress_header_size(p);
	if (p->srtp == NULL && p->payload != payload)
		memcpy(payload, p->payload, p->payload_size);
	return at;
}

// Queues one RTP packet, to be sealed at the flush: its headers are to be written next. The path is
// open, and nothing else had the index. NULL after counting the drop.
static __rte_always_inline struct rte_mbuf *egress_rtp(struct worker *w,
						       const struct egress_rtp_packet *p)
{
	size_t size = (size_t)egress_header_size(p) + p->payload_size + SRTP_TAG_BYTES_MAX;
	struct rte_mbuf *m = egress_take(w, &p->transport->path, size);

	if (m == NULL)
		return NULL;
	if (p->index >= p->subscription->srtp_index_reserved)
		publish_subscription(w, p->subscription);
	egress_rtp_queue(w, m, p, p->subscription);
	return m;
}

// The packet egress_rtp() has just queued goes out with other first bytes: where to change them,
// until the next call. 'own' is a copy of its payload that nobody else reads, for all packets until
// the flush; NULL, or with a payload too short: one is made in the frame, and sealed in place.
static inline uint8_t *egress_rtp_edit(struct worker *w, uint8_t *in_frame, bool sealed,
				       const uint8_t *payload, size_t size, const uint8_t *own)
{
	struct egress *e = w->egress;

	if (!sealed) // it is in the frame already
		return in_frame;
	unsigned at = e->job_count - 1;
	if (own != NULL && size >= SRTP_HEAD_BYTES) {
		memcpy(e->heads[at], payload, SRTP_HEAD_BYTES);
		e->jobs[at].head = e->heads[at];
		e->jobs[at].payload = own;
		return e->heads[at];
	}
	memcpy(in_frame, payload, size);
	e->jobs[at].payload = in_frame;
	return in_frame;
}
