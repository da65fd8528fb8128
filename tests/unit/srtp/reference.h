// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/srtp/reference.h - SRTP written down as plainly as the RFCs put it, to compare with.
//
// Shares nothing with dataplane/srtp: keystream block by block from AES-ECB, HMAC in one shot. It
// is held against RFC 3711 B.3 and RFC 7714 16 itself.
#pragma once

#include "proto/shm/record.h"

#include <stddef.h>
#include <stdint.h>

struct reference_keys { // session keys
	enum shm_suite suite;
	uint8_t key[32];
	uint8_t auth[20];
	uint8_t salt[14];
};

// RFC 3711 4.3; labels 0 to 2.
void reference_derive(struct reference_keys *keys, enum shm_suite suite, const uint8_t *master);

// Seals an RTP packet under a 48-bit index; returns the size written to 'out'.
size_t reference_seal(const struct reference_keys *keys, const uint8_t *rtp, size_t size,
		      size_t header_size, uint64_t index, uint8_t *out);
