// SPDX-License-Identifier: Apache-2.0
// controlplane/session/repeats.h - request_id: a repeat of a mutation returns the first answer.
//
// Place    the gate before every handler (rpc_server_set_gate): any request with a string field
//          'request_id' is a mutation. Handlers know nothing of it.
// Key      caller (and, in a session's calls, the participant), method, id. The same key with
//          another body is refused; while the first runs a repeat waits for it.
// Kept     final answers and errors for as long as is configured (request_id_ttl_s), here and in
// the
//          shared segment, from which the next control plane takes them up, for no longer than its
//          own time. An error is kept as code, reason, sentence and facts.
// Bounds   by count and bytes of a tenant and of the whole; beyond them the newcomer is refused.
//          Bytes are those of answers: a call under way has none yet.
// Secrets  answers carry secrets: wiped when they expire, in both places.
// Thread   the API's GMainContext.
#pragma once

#include "controlplane/rpc/call.h"
#include "proto/shm/repeats.h"

#include <stdbool.h>

enum repeats_limits {
	REPEATS_TTL_S_MAX = 3600,
	REPEATS_ID_BYTES_MAX = 64,
	REPEATS_PER_TENANT_MAX = 8192,
	REPEATS_BYTES_PER_TENANT_MAX = 4 << 20,
	REPEATS_MAX = SHM_REPEATS_MAX - 64,
	REPEATS_BYTES_MAX = SHM_REPEAT_BLOCKS_MAX * SHM_REPEAT_BLOCK_BYTES / 8 * 7,
};

struct repeats;

// Answers are kept for 'ttl_s': 1..REPEATS_TTL_S_MAX.
struct repeats *repeats_new(unsigned ttl_s);
void repeats_free(struct repeats **repeats);

// The gate; 'repeats' is its data.
bool repeats_gate(struct rpc_call *call, void *repeats);

// A segment is mapped: takes up what it holds, and keeps there what we hold. NULL: it is gone.
void repeats_attach(struct repeats *repeats, struct shm_repeats *mapped);

// Wipes what has expired. Called every few seconds.
void repeats_expire(struct repeats *repeats);

unsigned repeats_count(const struct repeats *repeats); // answers kept and calls under way
