// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/stun_wire.h - what parser and builders of STUN share. Inside proto/rtc only.
//
// Spec    RFC 8489 14 and 18.3, RFC 8445 16.1; DTLS in STUN as Chromium registered it.
#pragma once

#include "proto/rtc/stun.h"

enum {
	STUN_ATTR_MAPPED_ADDRESS = 0x0001,
	STUN_ATTR_USERNAME = 0x0006,
	STUN_ATTR_MESSAGE_INTEGRITY = 0x0008,
	STUN_ATTR_ERROR_CODE = 0x0009,
	STUN_ATTR_UNKNOWN_ATTRIBUTES = 0x000a,
	STUN_ATTR_REALM = 0x0014,
	STUN_ATTR_NONCE = 0x0015,
	STUN_ATTR_MESSAGE_INTEGRITY_SHA256 = 0x001c,
	STUN_ATTR_XOR_MAPPED_ADDRESS = 0x0020,
	STUN_ATTR_PRIORITY = 0x0024,
	STUN_ATTR_USE_CANDIDATE = 0x0025,
	STUN_ATTR_OPTIONAL_MIN = 0x8000, // below: comprehension required
	STUN_ATTR_FINGERPRINT = 0x8028,
	STUN_ATTR_ICE_CONTROLLED = 0x8029,
	STUN_ATTR_ICE_CONTROLLING = 0x802a,
	STUN_ATTR_DTLS = 0xc070,
	STUN_ATTR_DTLS_ACK = 0xc071,
};
enum { STUN_ATTR_HEAD_BYTES = 4 };
#define STUN_FINGERPRINT_XOR UINT32_C(0x5354554e)

// CRC-32 of ITU V.42, which FINGERPRINT uses.
uint32_t stun_crc32(const uint8_t *data, size_t size);

// MESSAGE-INTEGRITY of a message whose first 'size' bytes stand in front of that attribute: the
// header is hashed with a length that ends behind it (RFC 8489 14.5).
bool stun_mac(const uint8_t *buf, size_t size, const struct stun_hmac *hmac,
	      uint8_t mac[STUN_MAC_BYTES]);
