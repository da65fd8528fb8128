// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/rtcp_xr.c - extended reports (RFC 3611). Contract in rtcp_xr.h.
#include "proto/rtc/rtcp_xr.h"

#include <assert.h>

enum {
	XR_RRTR = 4,
	XR_DLRR = 5,
	XR_HEAD_BYTES = 4, // the sender's SSRC
	BLOCK_HEAD_BYTES = 4,
	RRTR_BYTES = 8,
	DLRR_ENTRY_BYTES = 12,
};

struct xr_block {
	const uint8_t *body;
	size_t size;
	uint8_t type;
};

// Steps through the report blocks of an XR packet; '*off' starts at 0.
static bool next_block(const struct rtcp_packet *p, size_t *off, struct xr_block *b)
{
	if (p->type != RTCP_XR || p->body_size < XR_HEAD_BYTES)
		return false;
	size_t left = p->body_size - XR_HEAD_BYTES - *off;
	if (left < BLOCK_HEAD_BYTES)
		return false;
	const uint8_t *at = p->body + XR_HEAD_BYTES + *off;
	*b = (struct xr_block){
		.type = at[0], .size = 4u * bytes_be16(at + 2), .body = at + BLOCK_HEAD_BYTES};
	if (b->size > left - BLOCK_HEAD_BYTES)
		return false;
	*off += BLOCK_HEAD_BYTES + b->size;
	return true;
}

bool rtcp_read_rrtr(const struct rtcp_packet *p, uint32_t *ssrc, uint64_t *ntp)
{
	struct xr_block b;

	for (size_t off = 0; next_block(p, &off, &b);) {
		if (b.type != XR_RRTR || b.size != RRTR_BYTES)
			continue;
		*ssrc = bytes_be32(p->body);
		*ntp = bytes_be64(b.body);
		return true;
	}
	return false;
}

bool rtcp_read_dlrr(const struct rtcp_packet *p, unsigned i, struct rtcp_dlrr *d)
{
	struct xr_block b;

	for (size_t off = 0; next_block(p, &off, &b);) {
		if (b.type != XR_DLRR)
			continue;
		unsigned entries = (unsigned)(b.size / DLRR_ENTRY_BYTES);
		if (i >= entries) {
			i -= entries;
			continue;
		}
		const uint8_t *at = b.body + (size_t)i * DLRR_ENTRY_BYTES;
		*d = (struct rtcp_dlrr){
			.ssrc = bytes_be32(at),
			.last_rr = bytes_be32(at + 4),
			.delay_since_last_rr = bytes_be32(at + 8),
		};
		return true;
	}
	return false;
}

// An XR packet of one block, filled by the caller through 'block'.
static bool start_xr(struct bytes_writer *w, struct bytes_writer *block, uint32_t ssrc,
		     uint8_t type, size_t size)
{
	size_t total = RTCP_HEADER_BYTES + XR_HEAD_BYTES + BLOCK_HEAD_BYTES + size;
	uint8_t *at = bytes_writer_reserve(w, total);

	if (at == NULL)
		return false;
	bytes_writer_init(block, at, total);
	bytes_put_u8(block, 0x80);
	bytes_put_u8(block, RTCP_XR);
	bytes_put_be16(block, (uint16_t)(total / 4 - 1));
	bytes_put_be32(block, ssrc);
	bytes_put_u8(block, type);
	bytes_put_u8(block, 0);
	bytes_put_be16(block, (uint16_t)(size / 4));
	return true;
}

void rtcp_put_rrtr(struct bytes_writer *w, uint32_t ssrc, uint64_t ntp)
{
	struct bytes_writer b;
	if (start_xr(w, &b, ssrc, XR_RRTR, RRTR_BYTES))
		bytes_put_be64(&b, ntp);
}

void rtcp_put_dlrr(struct bytes_writer *w, uint32_t ssrc, const struct rtcp_dlrr *d, size_t count)
{
	struct bytes_writer b;

	assert(count >= 1 && count <= RTCP_COUNT_MAX);
	if (!start_xr(w, &b, ssrc, XR_DLRR, count * DLRR_ENTRY_BYTES))
		return;
	for (size_t i = 0; i < count; i++) {
		bytes_put_be32(&b, d[i].ssrc);
		bytes_put_be32(&b, d[i].last_rr);
		bytes_put_be32(&b, d[i].delay_since_last_rr);
	}
}

uint64_t rtcp_ntp_elapsed(uint64_t us)
{
	return (us / 1000000 << 32) + (us % 1000000 << 32) / 1000000;
}

void rtcp_xr_responder_receive(struct rtcp_xr_responder *r, uint32_t ssrc, uint64_t ntp,
			       uint64_t now_us)
{
	*r = (struct rtcp_xr_responder){
		.ssrc = ssrc,
		.last_rr = (uint32_t)(ntp >> 16),
		.arrival_us = now_us,
		.pending = true,
	};
}

bool rtcp_xr_responder_answer(struct rtcp_xr_responder *r, uint64_t now_us, struct rtcp_dlrr *d)
{
	if (!r->pending)
		return false;
	uint64_t us = now_us - r->arrival_us;
	uint32_t delay = us / 1000000 > UINT16_MAX ? UINT32_MAX : (uint32_t)((us << 16) / 1000000);
	*d = (struct rtcp_dlrr){
		.ssrc = r->ssrc, .last_rr = r->last_rr, .delay_since_last_rr = delay};
	r->pending = false;
	return true;
}
