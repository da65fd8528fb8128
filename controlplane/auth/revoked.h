// SPDX-License-Identifier: Apache-2.0
// controlplane/auth/revoked.h - tokens that count no more, each until it would have ended.
//
// Place    auth.c -> [revoked] -> proto/shm/revoked.h, for the control plane that comes after us
// Thread   the API's GMainContext.
// Bounds   SHM_REVOKED_MAX of them; when full the one that ends soonest gives way.
// Trust    what is found in the segment was perhaps scribbled on: the worst of it is a digest that
//          no token has.
#pragma once

#include "proto/shm/revoked.h"

#include <stdbool.h>
#include <stdint.h>

struct revoked;

struct revoked *revoked_new(void);
void revoked_free(struct revoked **revoked);

// Takes up what an earlier control plane left in 'mapped', and keeps there what is known here.
// NULL: the segment is gone; nothing is forgotten. Times are Unix time.
void revoked_attach(struct revoked *revoked, struct shm_revoked *mapped, int64_t now_s);

void revoked_add(struct revoked *revoked, uint64_t token, int64_t until_s);
bool revoked_has(struct revoked *revoked, uint64_t token, int64_t now_s);
