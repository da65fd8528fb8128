// SPDX-License-Identifier: Apache-2.0
// controlplane/auth/refusal_counts.h - who was refused and why, in the log and in a counter.
//
// Path     auth.c, whenever it refuses -> [refusal_counts] -> ops/log, ops/metrics
// Thread   the API's GMainContext.
// Labels   the reasons of errors.proto that auth/ gives; all are there from the start.
#pragma once

#include "controlplane/auth/refusal.h"
#include "controlplane/ops/metrics.h"

enum { REFUSAL_REASONS = 14 };

// All zeros at start.
struct refusal_counts {
	uint64_t refused[REFUSAL_REASONS];
};

// `peer` is who the log says it was, `path` what it asked for.
void refusal_counts_add(struct refusal_counts *counts, const struct auth_refusal *why,
			const char *peer, const char *path);

void refusal_counts_collect(struct metrics_page *page, const struct refusal_counts *counts);
