// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/route.c - see route.h.
#include "controlplane/rpc/route.h"

#include <string.h>

#include "controlplane/rpc/cors.h"

void route_refuse(struct http_exchange *x, unsigned status, const char *allow, const char *text)
{
	struct http_field fields[2 + CORS_FIELDS_MAX] = {
		{"content-type", "text/plain; charset=utf-8"},
	};
	size_t count = 1;

	if (allow != NULL)
		fields[count++] = (struct http_field){"allow", allow};
	http_answer(x, status, fields, count, false);
	http_body(x, g_bytes_new(text, strlen(text)));
	http_end(x, NULL, 0);
}

static void route_post(const struct route *route, struct http_exchange *x)
{
	enum grpc_dialect dialect = grpc_dialect_of(http_field_get(x, "content-type"));

	if (dialect == GRPC_NONE)
		route_refuse(x, 415, NULL,
			     "content-type is not application/grpc, application/grpc-web or "
			     "application/grpc-web-text, with protobuf messages\n");
	else
		rpc_dispatch_request(route->dispatch, x, dialect);
}

void route_request(const struct route *route, struct http_exchange *x)
{
	if (x->method == NULL || x->path == NULL) // CONNECT
		route_refuse(x, 405, "GET, HEAD, POST", "this is no proxy\n");
	else if (!cors_allows(x, route->allowed_origins))
		route_refuse(
			x, 403, NULL,
			"this Origin may not call here; allowed_origins names those that may\n");
	else if (cors_is_preflight(x))
		cors_answer_preflight(x);
	else if (g_str_equal(x->method, "POST"))
		route_post(route, x);
	else if (!g_str_equal(x->method, "GET") && !g_str_equal(x->method, "HEAD"))
		route_refuse(x, 405, "GET, HEAD, POST", "method not served here\n");
	else if (route->page == NULL)
		route_refuse(x, 404, NULL, "this server has an API and no page\n");
	else
		static_files_answer(route->page, x);
}
