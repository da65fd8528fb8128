// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/route.c - see route.h.
#include "controlplane/rpc/route.h"

#include <string.h>

#include "controlplane/rpc/cors.h"

#define ROUTE_RETRY_AFTER_S "1"

static const char route_methods[] = "GET, HEAD, POST";
static const char route_grpc_expose[] = "grpc-status, grpc-message, grpc-status-details-bin";

void route_refuse(struct http_exchange *x, unsigned status, const char *allow, const char *text)
{
	struct http_field fields[3] = {{"content-type", "text/plain; charset=utf-8"}};
	size_t count = 1;

	if (allow != NULL)
		fields[count++] = (struct http_field){"allow", allow};
	if (status == 503)
		fields[count++] = (struct http_field){"retry-after", ROUTE_RETRY_AFTER_S};
	http_reply(x, status, fields, count, g_bytes_new(text, strlen(text)));
}

// The longest prefix.
static const struct http_route *route_find(const struct route *route, const char *path)
{
	const struct http_route *best = NULL;

	for (guint i = 0; i < route->routes->len; i++) {
		const struct http_route *r = &g_array_index(route->routes, struct http_route, i);

		if (http_route_matches(r, path) &&
		    (best == NULL || strlen(r->prefix) > strlen(best->prefix)))
			best = r;
	}
	return best;
}

static void route_page(const struct route *route, struct http_exchange *x)
{
	if (g_str_equal(x->method, "POST"))
		route_refuse(x, 415, NULL,
			     "content-type is not application/grpc, application/grpc-web or "
			     "application/grpc-web-text, with protobuf messages\n");
	else if (!g_str_equal(x->method, "GET") && !g_str_equal(x->method, "HEAD"))
		route_refuse(x, 405, route_methods, "method not served here\n");
	else if (route->page == NULL)
		route_refuse(x, 404, NULL, "this server has an API and no page\n");
	else
		static_files_answer(route->page, x);
}

static void route_allowed(const struct route *route, struct http_exchange *x,
			  const struct http_route *plain)
{
	enum grpc_dialect dialect = GRPC_NONE;

	if (g_str_equal(x->method, "POST"))
		dialect = grpc_dialect_of(http_field_get(x, "content-type"));
	if (cors_is_preflight(x))
		cors_answer_preflight(x);
	else if (plain != NULL)
		http_route_request(plain, route->dispatch, x, route->body_max);
	else if (route->plain_only)
		route_refuse(x, 404, NULL, "nothing is served under this path\n");
	else if (dialect == GRPC_HTTP2 && x->http1)
		route_refuse(x, 505, NULL,
			     "gRPC needs HTTP/2; over HTTP/1.1 use application/grpc-web\n");
	else if (dialect != GRPC_NONE)
		rpc_dispatch_request(route->dispatch, x, dialect);
	else
		route_page(route, x);
}

void route_request(const struct route *route, struct http_exchange *x)
{
	const struct http_route *plain;

	if (x->method == NULL || x->path == NULL) { // CONNECT
		route_refuse(x, 405, route_methods, "this is no proxy\n");
		return;
	}
	plain = route_find(route, x->path);
	x->counts = plain != NULL ? plain->counts : NULL;
	x->cors_allowed = cors_allows(x, route->allowed_origins);
	if (!x->cors_allowed) {
		route_refuse(
			x, 403, NULL,
			"this Origin may not call here; allowed_origins names those that may\n");
		return;
	}
	x->cors_methods = plain != NULL ? plain->methods : route_methods;
	x->cors_expose = plain != NULL ? plain->expose : route_grpc_expose;
	route_allowed(route, x, plain);
}
