// SPDX-License-Identifier: Apache-2.0
//
// dataplane/srtp/srtcp_cipher.h - what an engine does for SRTCP: one direction of one transport,
// sealed and opened under an index it is given. Inside srtp/ only.
//
// Place    srtcp.c keeps replay windows and decides; an engine names its cipher in engine.h.
// Thread   a way is made and freed by main, used by the transport's owner with its lanes.
// Spec     RFC 3711 3.4 (format), 4.1.1 (IV), 4.2 (HMAC-SHA1); RFC 7714 9 (AEAD).
//
//   AES-CM  header and SSRC | encrypted | E + index | tag (10)
//   GCM     header and SSRC | encrypted | tag (16) | E + index
#pragma once

#include "dataplane/srtp/engine.h"
#include "proto/rtc/bytes.h"

#include <string.h>

enum {
	SRTCP_CLEAR_BYTES = 8, // first RTCP header and its SSRC: authenticated, not encrypted
	SRTCP_INDEX_BYTES = 4,
	SRTCP_HMAC_KEY_BYTES = 20,
	SRTCP_HMAC_TAG_BYTES = 10,
	SRTCP_GCM_TAG_BYTES = 16,
	SRTCP_GCM_IV_BYTES = 12,
	SRTCP_SALT_BYTES_MAX = 14,
	SRTCP_IV_BYTES = 16,
	SRTCP_KEY_BYTES_MAX = 32,
};
#define SRTCP_ENCRYPTED_FLAG UINT32_C(0x80000000) // E, RFC 3711 3.4

// Session keys of one direction, as derived; whoever made them wipes them.
struct srtcp_keys {
	uint8_t key[SRTCP_KEY_BYTES_MAX];
	uint8_t auth[SRTCP_HMAC_KEY_BYTES]; // not of an AEAD suite
	uint8_t salt[SRTCP_SALT_BYTES_MAX];
};

struct srtcp_way; // the cipher's own

struct srtcp_cipher {
	// NULL if the suite is unknown or memory is out. On the heap; freeing wipes, accepts NULL.
	struct srtcp_way *(*way_new)(enum shm_suite suite, const struct srtcp_keys *keys,
				     enum srtp_direction direction);
	void (*way_free)(struct srtcp_way *way);
	size_t (*way_bytes)(enum shm_suite suite); // of the heap
	// In place, with room for SRTCP_OVERHEAD_BYTES_MAX behind. False if the library fails.
	bool (*seal)(struct srtcp_way *way, struct srtp_lanes *lanes, uint8_t *packet, size_t *size,
		     uint32_t index);
	// In place, of a packet long enough for trailer and tag: OK, AUTH, or ENGINE if the library
	// fails. What does not authenticate is garbage afterwards.
	enum srtp_status (*open)(struct srtcp_way *way, struct srtp_lanes *lanes, uint8_t *packet,
				 size_t *size, uint32_t index);
};

extern const struct srtcp_cipher srtcp_evp; // OpenSSL: the reference
extern const struct srtcp_cipher srtcp_ipsec_mb;

// RFC 3711 4.1.1: salt * 2^16 xor SSRC * 2^64 xor index * 2^16.
static inline void srtcp_iv_cm(const uint8_t *salt, const uint8_t *packet, uint32_t index,
			       uint8_t iv[SRTCP_IV_BYTES])
{
	memset(iv, 0, SRTCP_IV_BYTES);
	memcpy(iv, salt, SRTCP_SALT_BYTES_MAX);
	bytes_store_be32(iv + 4, bytes_be32(iv + 4) ^ bytes_be32(packet + 4));
	bytes_store_be32(iv + 10, bytes_be32(iv + 10) ^ index);
}

// RFC 7714 9.1: 16 zero bits, SSRC, 16 zero bits, index; xor salt.
static inline void srtcp_iv_gcm(const uint8_t *salt, const uint8_t *packet, uint32_t index,
				uint8_t iv[SRTCP_GCM_IV_BYTES])
{
	memcpy(iv, salt, SRTCP_GCM_IV_BYTES);
	bytes_store_be32(iv + 2, bytes_be32(iv + 2) ^ bytes_be32(packet + 4));
	bytes_store_be32(iv + 8, bytes_be32(iv + 8) ^ index);
}
