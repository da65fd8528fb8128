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

enum { EGRESS_EXT_COPY_BYTES = 16 };

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
	const uint8_t *payload; // plaintext, read when the job is sealed: see egress_release()
	uint16_t payload_size;
};

// In blocks of 16 bytes: there is room behind, which the payload fills later, and what lies behind
// the block itself is of the same array.
static inline void egress_put_ext(uint8_t *at, const uint8_t *ext, size_t size)
{
	for (size_t i = 0; i < size; i += EGRESS_EXT_COPY_BYTES)
		memcpy(at + i, ext + i, EGRESS_EXT_COPY_BYTES);
}
static_assert(RTP_EXT_BLOCK_BYTES_MAX % EGRESS_EXT_COPY_BYTES == 0,
	      "no block ends in its array's last part");

// Returns the header's size.
static inline size_t egress_put_header(uint8_t *at, const struct egress_rtp_packet *p)
{
	const struct rtp_header header = {
		.ssrc = p->ssrc,
		.ts = p->timestamp,
		.seq = (uint16_t)p->index,
		.pt = p->pt,
		.marker = p->marker,
		.extension = p->ext_size != 0,
	};

	rtp_write_header(at, &header);
	egress_put_ext(at + RTP_HEADER_BYTES, p->ext, p->ext_size);
	return RTP_HEADER_BYTES + (size_t)p->ext_size;
}

// Queues the frame, and a job to seal it where there is SRTP; its RTP header is written. 'counts':
// the consumer whose media it is, NULL for a repeat.
static __rte_always_inline void egress_queue_sealed(struct worker *w, struct rte_mbuf *m,
						    const struct egress_rtp_packet *p,
						    size_t header_size, struct subscription *counts)
{
	struct egress *e = w->egress;
	uint8_t *at = egress_frame_payload(m, &p->transport->path);

	if (e->job_count == BURST_PKTS_MAX || e->plain_count == BURST_PKTS_MAX)
		egress_send(w);
	unsigned frame = egress_queue(w, m);
	e->entries[frame] = (struct egress_entry){
		.transport = p->transport,
		.subscription = counts,
		.media_bytes = p->payload_size,
	};
	if (p->srtp == NULL) {
		e->entries[frame].udp_bytes = (uint16_t)(header_size + p->payload_size);
		e->plain_frame[e->plain_count++] = (uint16_t)frame;
		if (p->payload != at + header_size)
			memcpy(at + header_size, p->payload, p->payload_size);
		return;
	}
	e->job_frame[e->job_count] = (uint16_t)frame;
	e->jobs[e->job_count++] = (struct srtp_job){
		.stream = p->srtp,
		.packet = at,
		.payload = p->payload,
		.index = p->index,
		.header_size = (uint16_t)header_size,
		.size = (uint16_t)(header_size + p->payload_size),
	};
}

static __rte_always_inline uint8_t *egress_queue_job(struct worker *w, struct rte_mbuf *m,
						     const struct egress_rtp_packet *p)
{
	uint8_t *at = egress_frame_payload(m, &p->transport->path);

	egress_queue_sealed(w, m, p, egress_put_header(at, p), p->subscription);
	return at;
}

// Queues one RTP packet: header template, RTP header, extension, payload; sealed at the flush.
// Returns its RTP header, in which the extension may be changed until the next call, or NULL after
// counting the drop.
static __rte_always_inline uint8_t *egress_rtp(struct worker *w, const struct egress_rtp_packet *p)
{
	size_t size = RTP_HEADER_BYTES + (size_t)p->ext_size + p->payload_size;

	if (!egress_path_ok(w, p->transport))
		return NULL;
	if (p->index > SEQ_INDEX_MAX) {
		drop_egress(w, SHM_EGRESS_DROP_INDEX_LIMIT);
		return NULL;
	}
	struct rte_mbuf *m = egress_frame_new(w, &p->transport->path, size + SRTP_TAG_BYTES_MAX);
	if (m == NULL)
		return NULL;
	if (p->index >= p->subscription->srtp_index_reserved)
		publish_subscription(w, p->subscription);
	return egress_queue_job(w, m, p);
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
