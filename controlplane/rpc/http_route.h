// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/http_route.h - plain HTTP below a path of the API's port: WHIP, WHEP, /metrics.
//
// Path     route.c -> [http_route] -> a handler, with the whole request -> http_reply -> carrier
// Thread   the server's GMainContext, always.
// Owns     the bodies still being collected.
// Spec     RFC 9110; Fetch standard (preflights).
#ifndef SLUICE_CONTROLPLANE_RPC_HTTP_ROUTE_H
#define SLUICE_CONTROLPLANE_RPC_HTTP_ROUTE_H

#include "controlplane/rpc/exchange.h"

struct rpc_dispatch;

// The request is complete: x->method (never NULL), x->path with its query, x->fields, x->body.
// Answers with http_reply (or http_answer and the rest), now or later. Later: set x->sink first,
// whose closed() says that the exchange goes; after that, and after the answer's end, `x` is dead.
typedef void (*http_handler_fn)(struct http_exchange *x, void *data);

// The head has come. True: the body is wanted, and the handler called with it. False: answered by
// http_reply; what still comes is dropped.
typedef bool (*http_head_fn)(struct http_exchange *x, void *data);

struct http_route {
	// "/whip/" takes everything below it; "/metrics" that path alone, with or without a query.
	// The longest prefix wins.
	const char *prefix;
	// "POST, PATCH, DELETE, OPTIONS": others get 405. HEAD goes with GET; its body is left out.
	const char *methods;
	const char
		*expose; // fields that pages of allowed_origins may read: "location, etag"; or NULL
	http_head_fn head; // NULL: anybody's body is wanted
	http_handler_fn handler;
	void *data; // borrowed
	struct http_counts *counts; // of its answers, borrowed; NULL: not counted
};

// Collects the request's body up to `body_max` bytes, then calls the handler. Borrows `route`.
void http_route_request(const struct http_route *route, struct rpc_dispatch *dispatch,
			struct http_exchange *x, size_t body_max);

bool http_route_matches(const struct http_route *route, const char *path);

#endif
