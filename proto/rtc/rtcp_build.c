// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/rtcp_build.c - appending RTCP packets (RFC 3550 6, RFC 4585, RFC 5104). Contract in
// rtcp_build.h.
#include "proto/rtc/rtcp_build.h"

#include <assert.h>

enum { SDES_CNAME = 1 };

// Reserves one whole packet, so that none is ever half written, and fills its header.
static bool start_packet(struct bytes_writer *w, struct bytes_writer *packet, size_t size,
			 uint8_t type, size_t count)
{
	assert(size % 4 == 0 && size >= RTCP_HEADER_BYTES && count <= RTCP_COUNT_MAX);
	uint8_t *at = bytes_writer_reserve(w, size);
	if (at == NULL)
		return false;
	bytes_writer_init(packet, at, size);
	bytes_put_u8(packet, (uint8_t)(0x80 | count));
	bytes_put_u8(packet, type);
	bytes_put_be16(packet, (uint16_t)(size / 4 - 1));
	return true;
}

static int32_t clamp_lost(int32_t lost)
{
	if (lost > 0x7fffff)
		return 0x7fffff;
	return lost < -0x800000 ? -0x800000 : lost;
}

static void put_blocks(struct bytes_writer *w, const struct rtcp_report_block *blocks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		bytes_put_be32(w, blocks[i].ssrc);
		bytes_put_u8(w, blocks[i].fraction_lost);
		bytes_put_be24(w, (uint32_t)clamp_lost(blocks[i].cumulative_lost) & 0xffffff);
		bytes_put_be32(w, blocks[i].extended_highest);
		bytes_put_be32(w, blocks[i].jitter);
		bytes_put_be32(w, blocks[i].last_sr);
		bytes_put_be32(w, blocks[i].delay_since_last_sr);
	}
}

void rtcp_put_sr(struct bytes_writer *w, const struct rtcp_sr *sr,
		 const struct rtcp_report_block *blocks, size_t count)
{
	struct bytes_writer p;
	if (!start_packet(w, &p, 28 + count * RTCP_REPORT_BLOCK_BYTES, RTCP_SR, count))
		return;
	bytes_put_be32(&p, sr->ssrc);
	bytes_put_be64(&p, sr->ntp);
	bytes_put_be32(&p, sr->ts);
	bytes_put_be32(&p, sr->packets);
	bytes_put_be32(&p, sr->bytes);
	put_blocks(&p, blocks, count);
}

void rtcp_put_rr(struct bytes_writer *w, uint32_t ssrc, const struct rtcp_report_block *blocks,
		 size_t count)
{
	struct bytes_writer p;
	if (!start_packet(w, &p, 8 + count * RTCP_REPORT_BLOCK_BYTES, RTCP_RR, count))
		return;
	bytes_put_be32(&p, ssrc);
	put_blocks(&p, blocks, count);
}

void rtcp_put_sdes_cname(struct bytes_writer *w, uint32_t ssrc, const char *cname, size_t size)
{
	struct bytes_writer p;
	assert(size >= 1 && size <= 255);
	// The items end with at least one zero byte, up to the next 32 bits.
	size_t items = (2 + size + 4) & ~(size_t)3;
	if (!start_packet(w, &p, 8 + items, RTCP_SDES, 1))
		return;
	bytes_put_be32(&p, ssrc);
	bytes_put_u8(&p, SDES_CNAME);
	bytes_put_u8(&p, (uint8_t)size);
	bytes_put(&p, cname, size);
	bytes_put_zero(&p, items - 2 - size);
}

void rtcp_put_bye(struct bytes_writer *w, const uint32_t *ssrcs, size_t count)
{
	struct bytes_writer p;
	if (!start_packet(w, &p, 4 + 4 * count, RTCP_BYE, count))
		return;
	for (size_t i = 0; i < count; i++)
		bytes_put_be32(&p, ssrcs[i]);
}

void rtcp_put_pli(struct bytes_writer *w, uint32_t sender_ssrc, uint32_t media_ssrc)
{
	struct bytes_writer p;
	if (!start_packet(w, &p, 12, RTCP_PSFB, RTCP_PSFB_PLI))
		return;
	bytes_put_be32(&p, sender_ssrc);
	bytes_put_be32(&p, media_ssrc);
}

void rtcp_put_fir(struct bytes_writer *w, uint32_t sender_ssrc, uint32_t media_ssrc, uint8_t seq)
{
	struct bytes_writer p;
	if (!start_packet(w, &p, 20, RTCP_PSFB, RTCP_PSFB_FIR))
		return;
	bytes_put_be32(&p, sender_ssrc);
	bytes_put_be32(&p, 0); // RFC 5104 4.3.1.2: the media source is named in the entry
	bytes_put_be32(&p, media_ssrc);
	bytes_put_u8(&p, seq);
	bytes_put_zero(&p, 3);
}

// Takes as many of 'seqs' as one entry can name and returns how many.
static size_t fill_nack(struct rtcp_nack *nack, const uint16_t *seqs, size_t count)
{
	size_t taken = 1;

	*nack = (struct rtcp_nack){.seq = seqs[0]};
	for (; taken < count; taken++) {
		uint16_t ahead = (uint16_t)(seqs[taken] - seqs[0]);
		if (ahead == 0 || ahead > 16)
			break;
		nack->following |= (uint16_t)(1u << (ahead - 1));
	}
	return taken;
}

size_t rtcp_put_nack(struct bytes_writer *w, uint32_t sender_ssrc, uint32_t media_ssrc,
		     const uint16_t *seqs, size_t count)
{
	enum { HEAD_BYTES = 12, ENTRY_BYTES = 4 };
	uint8_t *head = count == 0 || w->room - w->size < HEAD_BYTES + ENTRY_BYTES
				? NULL
				: bytes_writer_reserve(w, HEAD_BYTES);
	size_t taken = 0, entries = 0;

	if (head == NULL) {
		w->overflow = w->overflow || count != 0;
		return 0;
	}
	while (taken < count && w->room - w->size >= ENTRY_BYTES) {
		struct rtcp_nack nack;
		taken += fill_nack(&nack, seqs + taken, count - taken);
		bytes_put_be16(w, nack.seq);
		bytes_put_be16(w, nack.following);
		entries++;
	}
	head[0] = 0x80 | RTCP_RTPFB_NACK;
	head[1] = RTCP_RTPFB;
	bytes_store_be16(head + 2, (uint16_t)((HEAD_BYTES + ENTRY_BYTES * entries) / 4 - 1));
	bytes_store_be32(head + 4, sender_ssrc);
	bytes_store_be32(head + 8, media_ssrc);
	return taken;
}
