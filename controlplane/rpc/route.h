// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/route.h - who answers a request: the API, the page, or a refusal.
//
// Path     h1_conn.c | h2_conn.c -> [route] -> dispatch.c | http_route.c | static_files.c
// Owns     nothing.
#ifndef SLUICE_CONTROLPLANE_RPC_ROUTE_H
#define SLUICE_CONTROLPLANE_RPC_ROUTE_H

#include "controlplane/rpc/dispatch.h"
#include "controlplane/rpc/exchange.h"
#include "controlplane/rpc/http_route.h"
#include "controlplane/rpc/static_files.h"

// All borrowed.
struct route {
	struct rpc_dispatch *dispatch;
	const struct static_files *page; // NULL: there is none
	const GArray *routes; // struct http_route
	size_t body_max; // of a request to one of them
	const char *const *allowed_origins; // ends with NULL; may be NULL
	bool plain_only; // the routes are all there is: no API, no page
};

void route_request(const struct route *route, struct http_exchange *x);

// A short answer in plain text. `allow` is the allow field of a 405, or NULL; a 503 says when to
// come back.
void route_refuse(struct http_exchange *x, unsigned status, const char *allow, const char *text);

#endif
