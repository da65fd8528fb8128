// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/rtp.h - RTP packets: parse into a view, write a fixed header.
//
// Place   after demux (header fields of the still encrypted packet) and again after opening.
// Owns    nothing; a view points into the caller's bytes.
// Spec    RFC 3550 5.1, RFC 8285 for what lies in the extension.
#pragma once

#include "proto/rtc/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RTP_HEADER_BYTES = 12, RTP_EXT_HEADER_BYTES = 4 };

struct rtp_view {
	const uint8_t *payload;
	const uint8_t *ext; // extension body, NULL if the X bit is clear
	uint16_t payload_size; // without padding; 0 in a padding-only packet
	uint16_t ext_size; // multiple of 4
	uint16_t header_size; // fixed header, CSRCs and extension: where the payload starts
	uint16_t padding_size;
	uint32_t ssrc;
	uint32_t ts;
	uint16_t seq;
	uint16_t ext_profile; // 0 without extension
	uint8_t pt;
	uint8_t csrc_count;
	bool marker;
};

// Parses a plaintext RTP packet. Returns false and leaves '*v' unspecified if malformed.
// 'v' points into 'buf' and is valid no longer than it.
bool rtp_parse(struct rtp_view *v, const uint8_t *buf, size_t size);

// The same for a packet whose payload is still encrypted: everything but the padding is checked,
// for the padding length is ciphertext. 'payload_size' counts padding and authentication tag.
bool rtp_parse_protected(struct rtp_view *v, const uint8_t *buf, size_t size);

struct rtp_header {
	uint32_t ssrc;
	uint32_t ts;
	uint16_t seq;
	uint8_t pt; // 0..127
	bool marker;
	bool extension; // an extension block follows
};

// What of the first four bytes is the same for all packets of a payload type: no CSRC, no padding.
static inline uint32_t rtp_fixed_bits(uint8_t pt, bool extension)
{
	return UINT32_C(0x80000000) | (uint32_t)extension << 28 | (uint32_t)pt << 16;
}

// Writes the fixed 12 bytes, 'pt' and 'extension' from 'bits' instead of 'h'.
static inline void rtp_write_header_as(uint8_t buf[RTP_HEADER_BYTES], uint32_t bits,
				       const struct rtp_header *h)
{
	bytes_store_be32(buf, bits | ((uint32_t)h->marker << 23 | h->seq));
	bytes_store_be32(buf + 4, h->ts);
	bytes_store_be32(buf + 8, h->ssrc);
}

// Writes the fixed 12 bytes.
static inline void rtp_write_header(uint8_t buf[RTP_HEADER_BYTES], const struct rtp_header *h)
{
	rtp_write_header_as(buf, rtp_fixed_bits(h->pt, h->extension), h);
}
