// SPDX-License-Identifier: Apache-2.0
// tests/fuzz/session/exchange.c - see exchange.h.
#include "tests/fuzz/session/exchange.h"

#include <string.h>

#include "controlplane/rpc/grpc_frame.h"
#include "controlplane/rpc/peer.h"

static const struct http_peer from = {.text = (char *)(uintptr_t) "fuzz"};

static void on_answer(struct http_exchange *x, unsigned status, const struct http_field *fields,
		      size_t count, bool end)
{
	(void)status, (void)fields, (void)count;
	g_assert(!x->answered);
	x->answered = true;
	((struct exchange *)x)->over = end;
}

static void on_body(struct http_exchange *x, GBytes *bytes)
{
	struct exchange *e = (struct exchange *)x;
	gsize size;
	const void *data = g_bytes_get_data(bytes, &size);

	g_assert(x->answered && !e->over);
	g_byte_array_append(e->answers, data, (guint)size);
	g_bytes_unref(bytes);
}

static void on_end(struct http_exchange *x, const struct http_field *trailers, size_t count)
{
	(void)trailers, (void)count;
	g_assert(x->answered && !((struct exchange *)x)->over);
	((struct exchange *)x)->over = true;
}

static void on_reset(struct http_exchange *x, uint32_t code)
{
	(void)code;
	((struct exchange *)x)->over = true;
}

struct exchange *exchange_new(struct rpc_dispatch *dispatch, const struct api_method *method)
{
	static const struct http_carrier carrier = {on_answer, on_body, on_end, on_reset};
	struct exchange *e = g_new0(struct exchange, 1);

	e->method = method;
	e->answers = g_byte_array_new();
	e->x.carrier = &carrier;
	e->x.method = "POST";
	e->x.path = method->path;
	e->x.from = &from;
	e->x.fields = g_array_new(FALSE, FALSE, sizeof(struct http_field));
	rpc_dispatch_request(dispatch, &e->x, GRPC_HTTP2);
	return e;
}

void exchange_send(struct exchange *e, const uint8_t *message, size_t size, bool last)
{
	uint8_t prefix[GRPC_PREFIX_BYTES];

	grpc_frame_prefix(prefix, 0, size);
	e->x.sink->body(e->x.sink_data, prefix, sizeof(prefix));
	if (size > 0)
		e->x.sink->body(e->x.sink_data, message, size);
	if (last)
		e->x.sink->end(e->x.sink_data);
}

ProtobufCMessage *exchange_answer(const struct exchange *e)
{
	const uint8_t *bytes = e->answers->data;
	guint32 size;

	if (e->answers->len < GRPC_PREFIX_BYTES)
		return NULL;
	memcpy(&size, bytes + 1, sizeof(size));
	return protobuf_c_message_unpack(e->method->answer, NULL, GUINT32_FROM_BE(size),
					 bytes + GRPC_PREFIX_BYTES);
}

void exchange_free(struct exchange *e)
{
	e->x.sink->closed(e->x.sink_data, e->over);
	g_array_unref(e->x.fields);
	g_byte_array_unref(e->answers);
	g_free(e);
}
