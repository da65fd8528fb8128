// SPDX-License-Identifier: Apache-2.0
// tests/fuzz/rpc/h2_fuzz.c - any bytes after HTTP/2's preface, cut into pieces by the first byte,
// against the whole way: h2_conn, route, dispatch, call, and a handler for every method.
#include <assert.h>
#include <glib.h>

#include "controlplane/rpc/dispatch.h"
#include "controlplane/rpc/h2_conn.h"
#include "controlplane/rpc/peer.h"
#include "controlplane/rpc/reflection.h"
#include "controlplane/rpc/route.h"
#include "proto/api/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct route route;
static const struct http_peer from = {.text = (char *)(uintptr_t) "fuzz"};
static unsigned running;

static void cancelled(struct rpc_call *call, void *data)
{
	(void)data;
	running--;
	rpc_call_finish(call);
}

// Answers with the empty message, or streams it once and waits for the client to go.
static void start(struct rpc_call *call, void *data)
{
	const struct api_method *method = data;
	ProtobufCMessage *answer = g_malloc(method->answer->sizeof_message);

	method->answer->message_init(answer);
	if (method->server_streaming) {
		running++;
		rpc_call_on_cancel(call, cancelled, NULL);
		(void)rpc_call_send(call, answer);
	} else {
		rpc_call_reply(call, answer);
	}
	g_free(answer);
}

static void request(struct http_exchange *x, void *data)
{
	(void)data;
	route_request(&route, x);
}

static void output(void *data)
{
	(void)data;
}

static void echo(struct http_exchange *x, void *data)
{
	(void)data;
	http_reply(x, 200, NULL, 0, g_bytes_ref(x->body));
}

static void open_route(void)
{
	static const struct http_route echo_route = {"/echo/", "GET, POST", NULL, NULL, echo, NULL};
	GArray *routes = g_array_new(FALSE, FALSE, sizeof(struct http_route));

	g_array_append_val(routes, echo_route);
	route.routes = routes;
	route.body_max = 64;
	route.dispatch = rpc_dispatch_new();
	for (size_t i = 0; i < api_method_count; i++) {
		const struct rpc_method row = {api_methods[i].name, start};
		const struct rpc_service service = {api_methods[i].service, &row, 1,
						    (void *)(uintptr_t)&api_methods[i]};

		rpc_dispatch_register(route.dispatch, &service);
	}
	reflection_register(route.dispatch);
}

static void pull(struct h2_conn *conn)
{
	const uint8_t *bytes;

	while (h2_conn_pull(conn, &bytes) > 0)
		;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
	static const struct http_events events = {request, output};
	struct h2_conn *conn;
	size_t piece;

	if (size == 0)
		return 0;
	if (route.dispatch == NULL)
		open_route();
	conn = h2_conn_new(&from, &events, NULL);
	piece = data[0] == 0 ? size : data[0];
	assert(h2_conn_receive(conn, preface, sizeof(preface) - 1) == 0);
	for (size_t at = 1; at < size && !h2_conn_is_over(conn); at += piece) {
		if (h2_conn_receive(conn, data + at, MIN(piece, size - at)) != 0)
			break;
		pull(conn);
	}
	pull(conn);
	h2_conn_free(&conn);
	assert(running == 0); // every handler heard of its client's end
	return 0;
}
