// SPDX-License-Identifier: Apache-2.0
// controlplane/auth/revoked.h - tokens that count no more, each until it would have ended.
//
// Thread   the API's GMainContext.
// Bounds   'max' of them; when full the one that ends soonest gives way.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct revoked;

struct revoked *revoked_new(unsigned max);
void revoked_free(struct revoked **revoked);
void revoked_add(struct revoked *revoked, uint64_t token, int64_t until_s); // Unix time
bool revoked_has(struct revoked *revoked, uint64_t token, int64_t now_s);
