// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/rtp.c - RTP packets: parse and fixed header (RFC 3550 5.1). Contract in rtp.h.
#include "proto/rtc/rtp.h"

enum { RTP_VERSION = 2 };

static bool parse_extension(struct rtp_view *v, const uint8_t *buf, size_t size)
{
	size_t off = v->header_size;
	if (size - off < RTP_EXT_HEADER_BYTES)
		return false;
	size_t ext_size = 4u * (size_t)bytes_be16(buf + off + 2);
	if (ext_size > size - off - RTP_EXT_HEADER_BYTES)
		return false;
	v->ext_profile = bytes_be16(buf + off);
	v->ext = buf + off + RTP_EXT_HEADER_BYTES;
	v->ext_size = (uint16_t)ext_size;
	v->header_size = (uint16_t)(off + RTP_EXT_HEADER_BYTES + ext_size);
	return true;
}

bool rtp_parse_protected(struct rtp_view *v, const uint8_t *buf, size_t size)
{
	if (size < RTP_HEADER_BYTES || size > UINT16_MAX || buf[0] >> 6 != RTP_VERSION)
		return false;
	*v = (struct rtp_view){
		.csrc_count = buf[0] & 0x0f,
		.marker = buf[1] >> 7,
		.pt = buf[1] & 0x7f,
		.seq = bytes_be16(buf + 2),
		.ts = bytes_be32(buf + 4),
		.ssrc = bytes_be32(buf + 8),
	};
	v->header_size = (uint16_t)(RTP_HEADER_BYTES + 4 * v->csrc_count);
	if (v->header_size > size)
		return false;
	if ((buf[0] & 0x10) != 0 && !parse_extension(v, buf, size))
		return false;
	v->payload = buf + v->header_size;
	v->payload_size = (uint16_t)(size - v->header_size);
	return true;
}

bool rtp_parse(struct rtp_view *v, const uint8_t *buf, size_t size)
{
	if (!rtp_parse_protected(v, buf, size))
		return false;
	if ((buf[0] & 0x20) == 0)
		return true;
	if (v->payload_size == 0)
		return false;
	uint8_t padding = buf[size - 1];
	if (padding == 0 || padding > v->payload_size)
		return false;
	v->padding_size = padding;
	v->payload_size = (uint16_t)(v->payload_size - padding);
	return true;
}
