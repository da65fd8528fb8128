// SPDX-License-Identifier: Apache-2.0
//
// proto/shm/revoked.h - tokens whose participants were removed, so that a restart of the control
// plane lets none of them in again.
//
// Writer   the control plane alone; the dataplane never looks. Reader: the next control plane.
// Torn     'until_s' is stored last and cleared first: an entry counts only when it is whole.
// Secrets  none: a token is known here by a digest.
#pragma once

#include "proto/shm/abi.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>

enum { SHM_REVOKED_MAX = 16384 };

struct shm_revoked_token {
	_Atomic int64_t until_s; // Unix time at which the token ends by itself; 0: a free entry
	_Atomic uint64_t digest;
};
static_assert(sizeof(struct shm_revoked_token) == 16, "four to a line");

struct shm_revoked {
	struct shm_revoked_token tokens[SHM_REVOKED_MAX];
};
