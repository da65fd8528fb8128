// SPDX-License-Identifier: Apache-2.0
//
// dataplane/egress/rtp.h - one consumer's RTP packet: a frame, and a job to seal it.
//
// Path     forward/burst.c, rewrite.c -> [egress_rtp...] -> egress/tx.c
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

// What packets have in common that go to consumers of one class, in front of their payload. Places
// are bytes from the start of the RTP header; 0: not there.
struct egress_rtp_head {
	const uint8_t *block; // the extension, with its 4-byte header; in an array of
			      // RTP_EXT_BLOCK_BYTES_MAX; copied
	uint16_t size; // RTP header and extension
	uint16_t mid_at; // the consumer's own goes here; 'size', where the payload comes later:
			 // none does
	uint16_t twcc_at; // transport-wide number
	uint16_t dd_at; // Dependency Descriptor
};

// What packets have in common with one head and payload type, of one size and behind templates of
// one size.
struct egress_rtp_form {
	struct header_form frame;
	uint32_t rtp_bits; // of their headers: rtp_fixed_bits()
};

static inline struct egress_rtp_form egress_rtp_form(const struct header_template *h,
						     const struct egress_rtp_head *head, uint8_t pt,
						     uint32_t udp_bytes)
{
	return (struct egress_rtp_form){
		.frame = header_form(h, udp_bytes),
		.rtp_bits = rtp_fixed_bits(pt, head->size != RTP_HEADER_BYTES),
	};
}

// In parts of EGRESS_EXT_COPY_BYTES, which is all of nearly every block: there is room behind,
// which the payload fills later, and what lies behind the block itself is of the same array.
static inline void egress_put_ext(uint8_t *at, const uint8_t *block, size_t size)
{
	memcpy(at, block, EGRESS_EXT_COPY_BYTES);
	if (__builtin_expect(size <= EGRESS_EXT_COPY_BYTES, 1))
		return;
	for (size_t i = EGRESS_EXT_COPY_BYTES; i < size; i += EGRESS_EXT_COPY_BYTES)
		memcpy(at + i, block + i, EGRESS_EXT_COPY_BYTES);
}

// All headers of one RTP packet of a consumer's, of which it has SSRC and mid. Returns the RTP
// header.
static __rte_always_inline uint8_t *egress_rtp_write(struct rte_mbuf *m,
						     const struct fanout_entry *c,
						     const struct egress_rtp_head *head,
						     const struct egress_rtp_form *form,
						     const struct placement *at)
{
	const struct header_template *h = &c->transport->path;
	uint8_t *rtp = header_write(egress_frame(m), h, &form->frame); // first: beyond its end, too

	header_describe(m, &form->frame);
	const struct rtp_header header = {
		.ssrc = c->ssrc,
		.ts = at->out.ts,
		.seq = (uint16_t)at->out.index,
		.marker = at->marker,
	};
	rtp_write_header_as(rtp, form->rtp_bits, &header);
	egress_put_ext(rtp + RTP_HEADER_BYTES, head->block, head->size - (size_t)RTP_HEADER_BYTES);
	memcpy(rtp + head->mid_at, c->mid, FANOUT_MID_BYTES);
	return rtp;
}

// A job to seal it. 'payload' is plaintext, read when the job is done: see egress_release().
static __rte_always_inline void egress_rtp_job(struct srtp_job *job, const struct fanout_entry *c,
					       uint8_t *rtp, uint64_t index, const uint8_t *payload,
					       uint32_t size, uint32_t head_size)
{
	job->stream = c->srtp;
	job->packet = rtp;
	job->payload = payload;
	job->head = NULL;
	job->index = index;
	job->header_size = (uint16_t)head_size;
	job->size = (uint16_t)size;
}

// Queues one RTP packet of a consumer's and a job to seal it. There is room for it (egress_take()),
// its path is open, and nothing else had the index. 'counts': the consumer whose media it is, NULL
// for a repeat. Returns the RTP header.
uint8_t *egress_rtp(struct worker *w, const struct fanout_entry *c,
		    const struct egress_rtp_head *head, const struct placement *at, uint8_t pt,
		    const uint8_t *payload, uint16_t payload_size, struct subscription *counts);

// The packet of a job goes out with other first bytes than 'payload', of at least SRTP_HEAD_BYTES:
// where to change them, before the job is done. 'own' is a copy of its payload that nobody else
// reads, for all packets until the flush, and 'head' the job's place for its first bytes.
static inline uint8_t *egress_rtp_share(struct srtp_job *job, uint8_t head[SRTP_HEAD_BYTES],
					const uint8_t *payload, const uint8_t *own)
{
	memcpy(head, payload, SRTP_HEAD_BYTES);
	job->head = head;
	job->payload = own;
	return head;
}

// The same for a payload of any size. 'own' NULL: a copy is made in the frame, and sealed in place.
static inline uint8_t *egress_rtp_edit(struct srtp_job *job, uint8_t head[SRTP_HEAD_BYTES],
				       uint8_t *in_frame, const uint8_t *payload, size_t size,
				       const uint8_t *own)
{
	if (own != NULL && size >= SRTP_HEAD_BYTES)
		return egress_rtp_share(job, head, payload, own);
	memcpy(in_frame, payload, size);
	job->payload = in_frame;
	return in_frame;
}
