// SPDX-License-Identifier: Apache-2.0
// controlplane/auth/roles.h - which SAN of a client certificate has which role.
//
// Thread   the API's GMainContext.
#pragma once

#include "controlplane/auth/caller.h"

struct roles;

// From "SAN=ROLE" or "SAN=ROLE@TENANT", checked by ops/settings.c. 'lines' may be NULL.
struct roles *roles_new(const char *const *lines);
void roles_free(struct roles **roles);
// The caller of the first name that has a role, or NULL.
struct caller *roles_find(const struct roles *roles, char *const *names);
