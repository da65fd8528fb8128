// SPDX-License-Identifier: Apache-2.0
// controlplane/ops/log_limit.h - how often one message may be written.
//
// Path     log.c -> [log_limit]
// Thread   the caller holds log.c's lock.
#ifndef SLUICE_CONTROLPLANE_OPS_LOG_LIMIT_H
#define SLUICE_CONTROLPLANE_OPS_LOG_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

enum {
	LOG_LIMIT_LINES = 50, // of one message, in any LOG_LIMIT_S
	LOG_LIMIT_S = 10,
	LOG_LIMIT_MESSAGES = 256, // a power of two; more are not limited
};

struct log_limit_message {
	const void *message; // NULL: free
	int64_t began_us; // of the interval under way
	uint32_t lines; // in it
	uint64_t held_back; // since the last line that was written
};

// All zeros at start.
struct log_limit {
	struct log_limit_message messages[LOG_LIMIT_MESSAGES];
};

// `message` is the pointer that stands for it. True if it may be written; then `held_back` is how
// many of it were not, since it was last.
bool log_limit_allows(struct log_limit *limit, const void *message, int64_t now_us,
		      uint64_t *held_back);

#endif
