// SPDX-License-Identifier: Apache-2.0
// controlplane/session/drain.h - taking a node out of service: nothing new comes, what runs goes
// on.
//
// Thread   the API's GMainContext. Embedded in the node.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { DRAIN_SECONDS_MAX = 604800 };

struct node;

struct drain {
	bool draining;
	bool drained; // and an event has said so
	bool remove_at_deadline;
	int64_t start_time_ms; // Unix time
	int64_t deadline_time_ms; // Unix time; 0: none
	int64_t deadline_us; // on g_get_monotonic_time's clock
	unsigned source;
};

// Begins, or sets another deadline. 'seconds' 0: none.
void drain_begin(struct node *n, uint32_t seconds, bool remove_at_deadline);
void drain_end(struct node *n); // takes newcomers again
