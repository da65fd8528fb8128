// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/transactions.h - STUN requests the control plane's agents have sent: transaction
// id -> transport, for 40 s, so that responses, which carry no USERNAME, are matched.
//
// Thread   main lcore. Bounded: the oldest of a set goes when it is full.
#pragma once

#include "proto/rtc/stun.h"
#include "proto/shm/abi.h"

#include <stdbool.h>
#include <stdint.h>

enum { TRANSACTION_US = 40000000 }; // RFC 8445 14.3: well past the last retransmission

struct transactions;

struct transactions *transactions_new(void); // NULL without memory
void transactions_free(struct transactions *t); // accepts NULL

void transactions_add(struct transactions *t, const uint8_t id[STUN_TRANSACTION_BYTES],
		      struct shm_ref transport, uint64_t now_us);

// Stays for further responses to retransmissions. False if unknown or too old.
bool transactions_find(const struct transactions *t, const uint8_t id[STUN_TRANSACTION_BYTES],
		       uint64_t now_us, struct shm_ref *transport);
