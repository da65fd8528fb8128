// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/rtcp_remb.c - REMB (draft-alvestrand-rmcat-remb-03). Contract in rtcp_remb.h.
#include "proto/rtc/rtcp_remb.h"

#include <assert.h>

enum { FCI_HEAD_BYTES = 8, MANTISSA_BITS = 18, MANTISSA_MAX = (1 << MANTISSA_BITS) - 1 };
#define REMB_NAME UINT32_C(0x52454d42) // "REMB"

static bool read_body(const struct rtcp_packet *p, struct rtcp_feedback *f)
{
	return p->type == RTCP_PSFB && p->count == RTCP_PSFB_AFB && rtcp_read_feedback(p, f) &&
	       f->fci_size >= FCI_HEAD_BYTES && bytes_be32(f->fci) == REMB_NAME &&
	       f->fci_size - FCI_HEAD_BYTES >= 4 * f->fci[4];
}

bool rtcp_read_remb(const struct rtcp_packet *p, uint64_t *bps)
{
	struct rtcp_feedback f;

	if (!read_body(p, &f))
		return false;
	uint32_t word = bytes_be24(f.fci + 5);
	uint32_t exponent = word >> MANTISSA_BITS;
	uint64_t mantissa = word & MANTISSA_MAX;
	*bps = mantissa << exponent;
	if (*bps >> exponent != mantissa)
		*bps = UINT64_MAX;
	return true;
}

bool rtcp_read_remb_ssrc(const struct rtcp_packet *p, unsigned i, uint32_t *ssrc)
{
	struct rtcp_feedback f;

	if (!read_body(p, &f) || i >= f.fci[4])
		return false;
	*ssrc = bytes_be32(f.fci + FCI_HEAD_BYTES + 4u * i);
	return true;
}

void rtcp_put_remb(struct bytes_writer *w, uint32_t sender_ssrc, uint64_t bps,
		   const uint32_t *ssrcs, size_t count)
{
	uint32_t exponent = 0;

	assert(count <= UINT8_MAX);
	for (; bps > MANTISSA_MAX; bps >>= 1)
		exponent++;
	size_t size = RTCP_HEADER_BYTES + 8 + FCI_HEAD_BYTES + 4 * count;
	uint8_t *at = bytes_writer_reserve(w, size);
	if (at == NULL)
		return;
	struct bytes_writer p;
	bytes_writer_init(&p, at, size);
	bytes_put_u8(&p, 0x80 | RTCP_PSFB_AFB);
	bytes_put_u8(&p, RTCP_PSFB);
	bytes_put_be16(&p, (uint16_t)(size / 4 - 1));
	bytes_put_be32(&p, sender_ssrc);
	bytes_put_be32(&p, 0); // the draft wants no media source here
	bytes_put_be32(&p, REMB_NAME);
	bytes_put_u8(&p, (uint8_t)count);
	bytes_put_be24(&p, exponent << MANTISSA_BITS | (uint32_t)bps);
	for (size_t i = 0; i < count; i++)
		bytes_put_be32(&p, ssrcs[i]);
}
