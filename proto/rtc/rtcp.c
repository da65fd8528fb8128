// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/rtcp.c - walking and reading RTCP (RFC 3550 6, RFC 4585, RFC 5104). Contract in rtcp.h.
#include "proto/rtc/rtcp.h"

#include "proto/rtc/bytes.h"

enum {
	RTCP_VERSION = 2,
	SR_BYTES = 24, // body without report blocks
	RR_BYTES = 4,
	FEEDBACK_BYTES = 8,
	FIR_ENTRY_BYTES = 8,
	NACK_ENTRY_BYTES = 4,
};

void rtcp_walk_init(struct rtcp_walk *w, const uint8_t *buf, size_t size)
{
	*w = (struct rtcp_walk){.at = buf, .left = size};
}

static bool fail(struct rtcp_walk *w)
{
	w->malformed = true;
	w->left = 0;
	return false;
}

bool rtcp_walk_next(struct rtcp_walk *w, struct rtcp_packet *p)
{
	if (w->left == 0)
		return false;
	if (w->left < RTCP_HEADER_BYTES || w->at[0] >> 6 != RTCP_VERSION)
		return fail(w);
	size_t body_size = 4u * (size_t)bytes_be16(w->at + 2);
	if (body_size > w->left - RTCP_HEADER_BYTES || body_size > UINT16_MAX)
		return fail(w);
	*p = (struct rtcp_packet){
		.body = w->at + RTCP_HEADER_BYTES,
		.type = w->at[1],
		.count = w->at[0] & 0x1f,
	};
	bool padded = (w->at[0] & 0x20) != 0;
	w->at += RTCP_HEADER_BYTES + body_size;
	w->left -= RTCP_HEADER_BYTES + body_size;
	if (padded) {
		// Not held to RFC 3550's multiple of 4 in the last packet: Chromium pads each
		// transport-wide feedback to 32 bits with 1 to 3 bytes.
		uint8_t padding = body_size == 0 ? 0 : p->body[body_size - 1];
		if (padding == 0 || padding > body_size)
			return fail(w);
		body_size -= padding;
	}
	p->body_size = (uint16_t)body_size;
	return true;
}

// One SDES chunk: SSRC, items, at least one zero byte, padded to 4. Returns its size, 0 if
// malformed.
static size_t sdes_chunk_size(const uint8_t *at, size_t left)
{
	size_t off = 4;
	while (off < left) {
		if (at[off] == 0)
			return (off | 3) + 1 <= left ? (off | 3) + 1 : 0;
		if (left - off < 2 || left - off - 2 < at[off + 1])
			return 0;
		off += 2u + at[off + 1];
	}
	return 0;
}

static bool sdes_fits(const struct rtcp_packet *p)
{
	size_t off = 0;
	for (unsigned i = 0; i < p->count; i++) {
		size_t size = sdes_chunk_size(p->body + off, p->body_size - off);
		if (size == 0)
			return false;
		off += size;
	}
	return true;
}

static bool bye_fits(const struct rtcp_packet *p)
{
	size_t off = 4u * p->count;
	if (off > p->body_size)
		return false;
	return off == p->body_size || p->body[off] < p->body_size - off; // reason for leaving
}

static bool body_fits(const struct rtcp_packet *p)
{
	size_t blocks = (size_t)p->count * RTCP_REPORT_BLOCK_BYTES;
	switch (p->type) {
	case RTCP_SR:
		return p->body_size >= SR_BYTES + blocks;
	case RTCP_RR:
		return p->body_size >= RR_BYTES + blocks;
	case RTCP_SDES:
		return sdes_fits(p);
	case RTCP_BYE:
		return bye_fits(p);
	case RTCP_APP:
	case RTCP_RTPFB:
	case RTCP_PSFB:
		return p->body_size >= 8;
	case RTCP_XR:
		return p->body_size >= 4;
	default:
		return true;
	}
}

bool rtcp_check(const uint8_t *buf, size_t size)
{
	struct rtcp_walk w;
	struct rtcp_packet p;

	rtcp_walk_init(&w, buf, size);
	while (rtcp_walk_next(&w, &p))
		if (!body_fits(&p))
			return false;
	return size != 0 && !w.malformed;
}

bool rtcp_read_sr(const struct rtcp_packet *p, struct rtcp_sr *sr)
{
	if (p->type != RTCP_SR || p->body_size < SR_BYTES)
		return false;
	*sr = (struct rtcp_sr){
		.ssrc = bytes_be32(p->body),
		.ntp = bytes_be64(p->body + 4),
		.ts = bytes_be32(p->body + 12),
		.packets = bytes_be32(p->body + 16),
		.bytes = bytes_be32(p->body + 20),
	};
	return true;
}

bool rtcp_read_rr(const struct rtcp_packet *p, uint32_t *ssrc)
{
	if (p->type != RTCP_RR || p->body_size < RR_BYTES)
		return false;
	*ssrc = bytes_be32(p->body);
	return true;
}

bool rtcp_read_report_block(const struct rtcp_packet *p, unsigned i, struct rtcp_report_block *b)
{
	if ((p->type != RTCP_SR && p->type != RTCP_RR) || i >= p->count)
		return false;
	size_t off = (p->type == RTCP_SR ? SR_BYTES : RR_BYTES) + i * RTCP_REPORT_BLOCK_BYTES;
	if (p->body_size < off + RTCP_REPORT_BLOCK_BYTES)
		return false;
	const uint8_t *at = p->body + off;
	uint32_t lost = bytes_be24(at + 5);
	*b = (struct rtcp_report_block){
		.ssrc = bytes_be32(at),
		.fraction_lost = at[4],
		.cumulative_lost = (int32_t)lost - (lost >= 0x800000 ? 0x1000000 : 0),
		.extended_highest = bytes_be32(at + 8),
		.jitter = bytes_be32(at + 12),
		.last_sr = bytes_be32(at + 16),
		.delay_since_last_sr = bytes_be32(at + 20),
	};
	return true;
}

bool rtcp_read_bye(const struct rtcp_packet *p, unsigned i, uint32_t *ssrc)
{
	if (p->type != RTCP_BYE || i >= p->count || p->body_size < 4u * (i + 1))
		return false;
	*ssrc = bytes_be32(p->body + 4u * i);
	return true;
}

bool rtcp_read_feedback(const struct rtcp_packet *p, struct rtcp_feedback *f)
{
	if ((p->type != RTCP_RTPFB && p->type != RTCP_PSFB) || p->body_size < FEEDBACK_BYTES)
		return false;
	*f = (struct rtcp_feedback){
		.sender_ssrc = bytes_be32(p->body),
		.media_ssrc = bytes_be32(p->body + 4),
		.fci = p->body + FEEDBACK_BYTES,
		.fci_size = (uint16_t)(p->body_size - FEEDBACK_BYTES),
	};
	return true;
}

bool rtcp_read_pli(const struct rtcp_packet *p, uint32_t *media_ssrc)
{
	struct rtcp_feedback f;
	if (p->type != RTCP_PSFB || p->count != RTCP_PSFB_PLI || !rtcp_read_feedback(p, &f))
		return false;
	*media_ssrc = f.media_ssrc;
	return true;
}

bool rtcp_read_fir(const struct rtcp_packet *p, unsigned i, struct rtcp_fir *fir)
{
	struct rtcp_feedback f;
	if (p->type != RTCP_PSFB || p->count != RTCP_PSFB_FIR || !rtcp_read_feedback(p, &f))
		return false;
	if (i >= f.fci_size / FIR_ENTRY_BYTES)
		return false;
	const uint8_t *at = f.fci + (size_t)i * FIR_ENTRY_BYTES;
	*fir = (struct rtcp_fir){.ssrc = bytes_be32(at), .seq = at[4]};
	return true;
}

bool rtcp_read_nack(const struct rtcp_packet *p, unsigned i, struct rtcp_nack *nack)
{
	struct rtcp_feedback f;
	if (p->type != RTCP_RTPFB || p->count != RTCP_RTPFB_NACK || !rtcp_read_feedback(p, &f))
		return false;
	if (i >= f.fci_size / NACK_ENTRY_BYTES)
		return false;
	const uint8_t *at = f.fci + (size_t)i * NACK_ENTRY_BYTES;
	*nack = (struct rtcp_nack){.seq = bytes_be16(at), .following = bytes_be16(at + 2)};
	return true;
}
