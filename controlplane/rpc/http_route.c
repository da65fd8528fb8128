// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/http_route.c - see http_route.h. A refusal is given at the head where it can be,
// so that a body nobody wants is not sent.
#include "controlplane/rpc/http_route.h"

#include <string.h>

#include "controlplane/rpc/dispatch.h"
#include "controlplane/rpc/route.h"

// A request whose body is under way.
struct http_collect {
	const struct http_route *route;
	struct rpc_dispatch *dispatch;
	struct http_exchange *x;
	size_t body_max;
	GByteArray *bytes;
};

bool http_route_matches(const struct http_route *route, const char *path)
{
	size_t size = strlen(route->prefix);

	if (strncmp(path, route->prefix, size) != 0)
		return false;
	return route->prefix[size - 1] == '/' || path[size] == '\0' || path[size] == '?';
}

// Drops what was collected and goes out of the exchange's way.
static struct http_exchange *collect_end(struct http_collect *c)
{
	struct http_exchange *x = c->x;

	rpc_dispatch_discharge(c->dispatch, c->bytes->len);
	g_byte_array_unref(c->bytes);
	g_free(c);
	x->sink = NULL;
	return x;
}

static void collect_refuse(struct http_collect *c, unsigned status, const char *text)
{
	route_refuse(collect_end(c), status, NULL, text);
}

static void collect_on_body(void *data, const uint8_t *bytes, size_t byte_count)
{
	struct http_collect *c = data;

	if (c->bytes->len + byte_count > c->body_max)
		collect_refuse(c, 413, "the request's body is larger than this server takes\n");
	else if (!rpc_dispatch_charge(c->dispatch, byte_count))
		collect_refuse(c, 503, "too many request bytes under way; try again\n");
	else
		g_byte_array_append(c->bytes, bytes, (guint)byte_count);
}

static void collect_on_end(void *data)
{
	struct http_collect *c = data;
	const struct http_route *route = c->route;
	GBytes *body = g_bytes_new(c->bytes->data, c->bytes->len);
	struct http_exchange *x = collect_end(c);

	x->body = body;
	route->handler(x, route->data);
}

static void collect_on_closed(void *data, bool complete)
{
	(void)complete;
	collect_end(data);
}

static const struct http_sink collect_sink = {
	collect_on_body,
	collect_on_end,
	collect_on_closed,
};

// One word of a list such as "GET, POST".
static bool http_list_has(const char *list, const char *word)
{
	size_t size = strlen(word);

	for (const char *at = list; (at = strstr(at, word)) != NULL; at += size)
		if ((at == list || at[-1] == ' ') && (at[size] == '\0' || at[size] == ','))
			return true;
	return false;
}

static bool http_route_serves(const struct http_route *route, const char *method)
{
	return method[0] != '\0' &&
	       (http_list_has(route->methods, method) ||
		(g_str_equal(method, "HEAD") && http_list_has(route->methods, "GET")));
}

void http_route_request(const struct http_route *route, struct rpc_dispatch *dispatch,
			struct http_exchange *x, size_t body_max)
{
	const char *length = http_field_get(x, "content-length");
	struct http_collect *c;

	if (!http_route_serves(route, x->method)) {
		route_refuse(x, 405, route->methods, "method not served here\n");
		return;
	}
	if (length != NULL && g_ascii_strtoull(length, NULL, 10) > body_max) {
		route_refuse(x, 413, NULL, "the request's body is larger than this server takes\n");
		return;
	}
	if (route->head != NULL && !route->head(x, route->data))
		return;
	c = g_new0(struct http_collect, 1);
	*c = (struct http_collect){route, dispatch, x, body_max, g_byte_array_new()};
	x->sink = &collect_sink;
	x->sink_data = c;
}
