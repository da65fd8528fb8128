// SPDX-License-Identifier: Apache-2.0
//
// bench/bare.h - the cipher alone: the same keys in the same order on the same number of bytes, 64
// warm destinations in turn, no other work. What the dataplane is measured against.
#pragma once

#include "proto/shm/record.h"

#include <stdint.h>

enum bare_way {
	BARE_IN_PLACE, // ipsec-mb
	BARE_OUT_OF_PLACE, // ipsec-mb
	BARE_EVP, // OpenSSL, out of place
	BARE_WAYS,
};

struct bare;

// 'aad' bytes of header in front of 'bytes' of payload, 'keys' keys. Ends the process on failure.
struct bare *bare_new(enum shm_suite suite, uint32_t keys, uint32_t bytes, uint32_t aad);
void bare_free(struct bare *b);

// Seals 'packets' packets, under one key after another.
void bare_seal(struct bare *b, enum bare_way way, unsigned packets);
