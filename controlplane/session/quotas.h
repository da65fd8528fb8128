// SPDX-License-Identifier: Apache-2.0
// controlplane/session/quotas.h - what each tenant may have at once: rooms, participants, bit/s
// published.
//
// Place    the services ask before they make a room or a participant.
// Measured bit/s from the dataplane's statistics, every few seconds. A tenant above its quota keeps
//          what it has: newcomers alone are refused, until it is below again.
// Thread   the API's GMainContext.
#pragma once

#include "controlplane/ops/metrics.h"
#include "controlplane/session/room.h"

// Which quota is used up. The sentence takes the tenant, the limit and what it counts.
enum quota_kind { QUOTA_KIND_ROOMS, QUOTA_KIND_PARTICIPANTS, QUOTA_KIND_BITRATE, QUOTA_KINDS };
struct quota_excess {
	Sluice__V1__ErrorReason reason;
	const char *what;
	unsigned limit;
};
#define QUOTA_EXCESS_FORMAT "tenant %s: its quota of %u %s is used up: end some, or have it raised."

struct quotas;

struct quotas *quotas_new(struct node *node);
void quotas_free(struct quotas **quotas);

// Adds what has been refused, by quota.
void quotas_collect(const struct quotas *quotas, struct metrics_page *page);

// Measures. Called every few seconds.
void quotas_measure(struct quotas *quotas);

// True if 'tenant' may have one more. Else the call has been failed. A tenant of "" has no quota.
bool quotas_room(struct quotas *quotas, struct rpc_call *call, const char *tenant);
bool quotas_participant(struct quotas *quotas, struct rpc_call *call, const char *tenant);

// The same for who comes by plain HTTP: one more participant, and a room if it is new. Else false
// with '*excess'.
bool quotas_entry(struct quotas *quotas, const char *tenant, bool new_room,
		  struct quota_excess *excess);
