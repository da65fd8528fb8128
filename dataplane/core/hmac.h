// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/hmac.h - HMAC-SHA1 for STUN integrity, with contexts made at set-up.
//
// Thread   one object per core. Computing allocates nothing.
// Spec     RFC 2104, RFC 8489 14.5.
#pragma once

#include "proto/rtc/stun.h"

#include <stddef.h>

struct hmac;

struct hmac *hmac_new(void); // NULL if no memory is left
void hmac_free(struct hmac *h); // wipes; accepts NULL

// The function proto/rtc wants, under 'key' (an ICE password, 1..256 bytes). Valid until the next
// call with the same 'h'; the key is wiped then, or by hmac_free().
struct stun_hmac hmac_keyed(struct hmac *h, const void *key, size_t key_size);
