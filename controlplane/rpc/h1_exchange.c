// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/h1_exchange.c - see h1_exchange.h.
#include "controlplane/rpc/h1_exchange.h"

#include <assert.h>
#include <string.h>

#include "controlplane/rpc/h1_conn.h"

static void h1_set_framing(struct h1_exchange *e, SoupMessageHeaders *fields, bool end)
{
	const char *length = soup_message_headers_get_one(fields, "content-length");

	if (e->status == 204 || e->status == 304)
		soup_message_headers_set_encoding(fields, SOUP_ENCODING_NONE);
	else if (end && length == NULL)
		soup_message_headers_set_content_length(fields, 0);
	else if (length == NULL &&
		 soup_server_message_get_http_version(e->message) == SOUP_HTTP_1_0)
		soup_message_headers_set_encoding(fields, SOUP_ENCODING_EOF);
	else if (length == NULL)
		soup_message_headers_set_encoding(fields, SOUP_ENCODING_CHUNKED);
}

// Lets libsoup write, once it may: from the request's end on.
static void h1_go_on(struct h1_exchange *e)
{
	if (!e->x.request_done || !e->x.answered)
		return;
	if (soup_server_message_get_status(e->message) == 0)
		soup_server_message_set_status(e->message, e->status, NULL);
	soup_server_message_unpause(e->message);
}

static void h1_finish_body(struct h1_exchange *e)
{
	e->body_ended = true;
	soup_message_body_complete(soup_server_message_get_response_body(e->message));
}

static void h1_answer(struct http_exchange *x, unsigned status, const struct http_field *fields,
		      size_t count, bool end)
{
	struct h1_exchange *e = (struct h1_exchange *)x;
	SoupMessageHeaders *headers = soup_server_message_get_response_headers(e->message);

	assert(!x->answered);
	x->answered = true;
	e->status = status;
	e->answered_us = g_get_monotonic_time();
	for (size_t i = 0; i < count; i++)
		soup_message_headers_append(headers, fields[i].name, fields[i].value);
	if (h1_conn_is_closing(e->conn))
		soup_message_headers_replace(headers, "connection", "close");
	h1_set_framing(e, headers, end);
	soup_message_body_set_accumulate(soup_server_message_get_response_body(e->message), FALSE);
	if (end)
		h1_finish_body(e);
	h1_go_on(e);
}

static void h1_body(struct http_exchange *x, GBytes *bytes)
{
	struct h1_exchange *e = (struct h1_exchange *)x;

	assert(x->answered && !e->body_ended);
	if (g_bytes_get_size(bytes) > 0) { // an empty chunk would end the body
		if (x->queued_bytes == 0)
			e->moved_us = g_get_monotonic_time();
		x->queued_bytes += g_bytes_get_size(bytes);
		soup_message_body_append_bytes(soup_server_message_get_response_body(e->message),
					       bytes);
	}
	g_bytes_unref(bytes);
	h1_go_on(e);
}

// Trailers are left out: nobody sends any here but gRPC, which needs HTTP/2.
static void h1_end(struct http_exchange *x, const struct http_field *trailers, size_t count)
{
	struct h1_exchange *e = (struct h1_exchange *)x;

	(void)trailers, (void)count;
	assert(x->answered && !e->body_ended);
	h1_finish_body(e);
	h1_go_on(e);
}

static void h1_reset(struct http_exchange *x, uint32_t code)
{
	(void)code;
	h1_conn_break(((struct h1_exchange *)x)->conn);
}

static const struct http_carrier h1_carrier = {
	.answer = h1_answer,
	.body = h1_body,
	.end = h1_end,
	.reset = h1_reset,
};

static void h1_on_chunk(SoupServerMessage *message, GBytes *chunk, gpointer data)
{
	struct h1_exchange *e = data;
	gsize size;
	const uint8_t *bytes = g_bytes_get_data(chunk, &size);

	(void)message;
	if (e->x.answered)
		e->excess_bytes += size;
	else if (size > 0 && e->x.sink != NULL && e->x.sink->body != NULL)
		e->x.sink->body(e->x.sink_data, bytes, size);
}

static void h1_on_wrote_data(SoupServerMessage *message, guint size, gpointer data)
{
	struct h1_exchange *e = data;

	(void)message;
	e->x.queued_bytes -= MIN(size, e->x.queued_bytes);
	e->moved_us = g_get_monotonic_time();
}

static void h1_on_wrote_body(SoupServerMessage *message, gpointer data)
{
	(void)message;
	((struct h1_exchange *)data)->written = true;
}

static void h1_on_finished(SoupServerMessage *message, gpointer data)
{
	struct h1_exchange *e = data;

	(void)message;
	h1_conn_finished(e->conn);
}

static void h1_add_field(const char *name, const char *value, gpointer data)
{
	struct h1_exchange *e = data;
	char *lower = g_ascii_strdown(name, -1);
	struct http_field f = {g_string_chunk_insert(e->text, lower),
			       g_string_chunk_insert(e->text, value)};

	g_free(lower);
	g_array_append_val(e->x.fields, f);
}

static void h1_fill(struct h1_exchange *e)
{
	GUri *uri = soup_server_message_get_uri(e->message);
	SoupMessageHeaders *fields = soup_server_message_get_request_headers(e->message);
	const char *method = soup_server_message_get_method(e->message);
	const char *query = g_uri_get_query(uri);
	char *path = g_strconcat(g_uri_get_path(uri), query != NULL ? "?" : "",
				 query != NULL ? query : "", NULL);

	soup_message_headers_foreach(fields, h1_add_field, e);
	if (!g_str_equal(method, "CONNECT")) {
		e->x.method = g_string_chunk_insert(e->text, method);
		e->x.path = g_string_chunk_insert(e->text, path);
	}
	e->x.authority = http_field_get(&e->x, "host");
	g_free(path);
}

struct h1_exchange *h1_exchange_new(struct h1_conn *conn, SoupServerMessage *message,
				    const struct http_peer *from, const char *scheme)
{
	struct h1_exchange *e = g_new0(struct h1_exchange, 1);

	e->x.carrier = &h1_carrier;
	e->x.from = from;
	e->x.scheme = scheme;
	e->x.http1 = true;
	e->x.fields = g_array_new(FALSE, FALSE, sizeof(struct http_field));
	e->conn = conn;
	e->message = message;
	e->text = g_string_chunk_new(1024);
	h1_fill(e);
	soup_message_body_set_accumulate(soup_server_message_get_request_body(message), FALSE);
	g_signal_connect(message, "got-chunk", G_CALLBACK(h1_on_chunk), e);
	g_signal_connect(message, "wrote-body-data", G_CALLBACK(h1_on_wrote_data), e);
	g_signal_connect(message, "wrote-body", G_CALLBACK(h1_on_wrote_body), e);
	g_signal_connect(message, "finished", G_CALLBACK(h1_on_finished), e);
	return e;
}

void h1_exchange_request_done(struct h1_exchange *e)
{
	e->x.request_done = true;
	soup_server_message_pause(e->message);
	if (!e->x.answered && e->x.sink != NULL && e->x.sink->end != NULL)
		e->x.sink->end(e->x.sink_data);
	h1_go_on(e);
}

void h1_exchange_close(struct h1_exchange *e)
{
	g_signal_handlers_disconnect_by_data(e->message, e);
	if (e->x.sink != NULL)
		e->x.sink->closed(e->x.sink_data, e->written && e->body_ended);
	g_array_unref(e->x.fields);
	g_clear_pointer(&e->x.body, g_bytes_unref);
	g_string_chunk_free(e->text);
	g_free(e);
}
