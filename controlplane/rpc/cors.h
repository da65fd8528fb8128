// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/cors.h - which pages may call: the server's own, and those of allowed_origins.
//
// Path     route.c -> [cors]; grpc_reply.c -> [cors]
// Spec     Fetch standard, "CORS protocol".
#ifndef SLUICE_CONTROLPLANE_RPC_CORS_H
#define SLUICE_CONTROLPLANE_RPC_CORS_H

#include <stdbool.h>
#include <stddef.h>

#include "controlplane/rpc/exchange.h"

enum { CORS_FIELDS_MAX = 3 };

// True if the request has no Origin, its own, or an allowed one. `allowed` ends with NULL and may
// be NULL; "*" allows all.
bool cors_allows(const struct http_exchange *x, const char *const *allowed);

// Fields for the answer to a request that is allowed. Returns how many; 0 without an Origin.
size_t cors_fields(const struct http_exchange *x, struct http_field *out);

bool cors_is_preflight(const struct http_exchange *x);
void cors_answer_preflight(struct http_exchange *x);

#endif
