// SPDX-License-Identifier: Apache-2.0
// controlplane/session/quotas.h - what each tenant may have at once: rooms, participants, bit/s
// published.
//
// Place    the services ask before they make a room or a participant.
// Measured bit/s from the dataplane's statistics, every few seconds. A tenant above its quota keeps
//          what it has: newcomers alone are refused, until it is below again.
// Thread   the API's GMainContext.
#pragma once

#include "controlplane/session/room.h"

struct quotas;

struct quotas *quotas_new(struct node *node);
void quotas_free(struct quotas **quotas);

// Measures. Called every few seconds.
void quotas_measure(struct quotas *quotas);

// True if 'tenant' may have one more. Else the call has been failed. A tenant of "" has no quota.
bool quotas_room(struct quotas *quotas, struct rpc_call *call, const char *tenant);
bool quotas_participant(struct quotas *quotas, struct rpc_call *call, const char *tenant);
