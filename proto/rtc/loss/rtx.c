// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/loss/rtx.c - wrapping and unwrapping retransmissions (RFC 4588). Contract in rtx.h.
#include "proto/rtc/loss/rtx.h"

#include "proto/rtc/bytes.h"
#include "proto/rtc/seq.h"

#include <assert.h>

void rtx_sender_init(struct rtx_sender *s, uint32_t ssrc, uint8_t pt, uint16_t first)
{
	assert(first < 0x8000 && pt < 0x80);
	*s = (struct rtx_sender){.next = first, .ssrc = ssrc, .pt = pt};
}

bool rtx_sender_take(struct rtx_sender *s, uint64_t *index)
{
	if (s->next > SEQ_INDEX_MAX)
		return false;
	*index = s->next++;
	return true;
}

bool rtx_unwrap(uint8_t *buf, size_t size, const struct rtp_view *v, const struct rtx_original *o)
{
	if (v->payload_size < RTX_OSN_BYTES || v->header_size + (size_t)RTX_OSN_BYTES > size)
		return false;
	uint16_t seq = bytes_be16(v->payload);
	memmove(buf + RTX_OSN_BYTES, buf, v->header_size);
	buf += RTX_OSN_BYTES;
	buf[1] = (uint8_t)((buf[1] & 0x80) | (o->pt & 0x7f));
	bytes_store_be16(buf + 2, seq);
	bytes_store_be32(buf + 8, o->ssrc);
	return true;
}
