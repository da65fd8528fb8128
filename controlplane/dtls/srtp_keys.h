// SPDX-License-Identifier: Apache-2.0
// controlplane/dtls/srtp_keys.h - SRTP master keys as a DTLS handshake yields them.
//
// Place    dtls/session.c fills them in, session/ copies them into the transport's record and
//          wipes. Never logged, never kept.
// Thread   plain values.
// Owns     nothing.
// Spec     RFC 5764 4.1.2 (profiles), 4.2 (EXTRACTOR-dtls_srtp); RFC 7714 14.2 (GCM profiles).
#pragma once

#include <stddef.h>
#include <stdint.h>

// The suites by their IANA number in the DTLS-SRTP protection profile registry. Which of them are
// offered, and in which order, is DTLS_SRTP_SUITES_OFFERED.
enum dtls_srtp_suite {
	DTLS_SRTP_AES128_CM_HMAC_SHA1_80 = 0x0001,
	DTLS_SRTP_AEAD_AES_128_GCM = 0x0007,
	DTLS_SRTP_AEAD_AES_256_GCM = 0x0008,
};
// OpenSSL's spelling, in our order of preference.
#define DTLS_SRTP_SUITES_OFFERED                                                                   \
	"SRTP_AEAD_AES_128_GCM:SRTP_AEAD_AES_256_GCM:SRTP_AES128_CM_SHA1_80"

struct dtls_srtp_master {
	uint8_t key[32];
	uint8_t salt[14];
	uint8_t key_size; // 16 or 32
	uint8_t salt_size; // 12 or 14
};

struct dtls_srtp_keys {
	enum dtls_srtp_suite suite;
	struct dtls_srtp_master local; // we seal with it
	struct dtls_srtp_master remote; // we open with it
};

// Key and salt sizes of a suite; 0, or -ENOTSUP for a number that is none of ours.
int dtls_srtp_suite_sizes(uint16_t suite, uint8_t *key_size, uint8_t *salt_size);
// The suite's IANA name; "unknown" for a number that is none of ours.
const char *dtls_srtp_suite_name(uint16_t suite);

// Splits exported keying material: client key, server key, client salt, server salt. Returns 0,
// -ENOTSUP, -EINVAL if 'size' is not exactly what the suite needs.
int dtls_srtp_keys_split(uint16_t suite, int we_are_client, const uint8_t *material, size_t size,
			 struct dtls_srtp_keys *out);
void dtls_srtp_keys_wipe(struct dtls_srtp_keys *keys);
