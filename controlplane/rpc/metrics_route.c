// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/metrics_route.c - see metrics_route.h.
#include "controlplane/rpc/metrics_route.h"

static bool on_head(struct http_exchange *x, void *data)
{
	const struct metrics_route *r = data;

	return r->permits(x, r->data);
}

static void on_request(struct http_exchange *x, void *data)
{
	const struct metrics_route *r = data;
	struct http_field fields[] = {
		{"content-type", METRICS_CONTENT_TYPE},
		{"cache-control", "no-store"},
		{"vary", "accept-encoding"},
		{"content-encoding", "gzip"}, // last: left out where it is not
	};
	size_t count = G_N_ELEMENTS(fields);
	GBytes *body;
	bool gzipped;

	body = metrics_body(r->metrics, http_field_get(x, "accept-encoding"), &gzipped);
	http_reply(x, 200, fields, gzipped ? count : count - 1, body);
}

void metrics_route_register(const struct metrics_route *route, struct rpc_server *server)
{
	struct http_route http = {
		.prefix = "/metrics",
		.methods = "GET",
		.head = on_head,
		.handler = on_request,
		.data = (void *)(uintptr_t)route,
	};

	rpc_server_route(server, &http);
	http.head = NULL; // who is on this host may read
	rpc_server_metrics(server, &http);
}
