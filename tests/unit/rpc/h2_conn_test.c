// SPDX-License-Identifier: Apache-2.0
// tests/unit/rpc/h2_conn_test.c - an h2_conn against nghttp2's client, joined by memory, in pieces
// of every size: no socket, no loop.
#include "controlplane/rpc/h2_conn.h"
#include "controlplane/rpc/peer.h"

#include <nghttp2/nghttp2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct http_peer from = {.text = (char *)(uintptr_t) "test"};

// The server side: echoes the request's body and adds a trailer.
struct echo {
	struct http_exchange *x;
	unsigned closed, complete, requests, outputs;
	GByteArray *got;
};

static void echo_body(void *data, const uint8_t *bytes, size_t n)
{
	struct echo *e = data;

	g_byte_array_append(e->got, bytes, (guint)n);
	http_body(e->x, g_bytes_new(bytes, n));
}

static void echo_end(void *data)
{
	const struct http_field trailer = {"x-sum", "done"};

	http_end(((struct echo *)data)->x, &trailer, 1);
}

static void echo_closed(void *data, bool complete)
{
	struct echo *e = data;

	e->x = NULL;
	e->closed++;
	e->complete += complete;
}

static const struct http_sink echo_sink = {echo_body, echo_end, echo_closed};

static void echo_request(struct http_exchange *x, void *data)
{
	const struct http_field field = {"content-type", "text/plain"};
	struct echo *e = data;

	e->requests++;
	e->x = x;
	x->sink = &echo_sink;
	x->sink_data = e;
	assert_string_equal(x->method, "POST");
	assert_string_equal(x->path, "/echo");
	assert_string_equal(http_field_get(x, "x-one"), "1");
	assert_null(http_field_get(x, "x-two"));
	http_answer(x, 200, &field, 1, false);
}

static void echo_output(void *data)
{
	((struct echo *)data)->outputs++;
}

static const struct http_events echo_events = {echo_request, echo_output};

// The client side, nghttp2's own.
struct client {
	nghttp2_session *session;
	GByteArray *body;
	const uint8_t *send;
	size_t send_left;
	unsigned trailers, closed;
};

static int client_on_header(nghttp2_session *s, const nghttp2_frame *f, const uint8_t *name,
			    size_t name_size, const uint8_t *value, size_t value_size,
			    uint8_t flags, void *data)
{
	(void)s, (void)f, (void)flags;
	if (name_size == 5 && memcmp(name, "x-sum", 5) == 0) {
		assert_int_equal(value_size, 4);
		assert_memory_equal(value, "done", 4);
		((struct client *)data)->trailers++;
	}
	return 0;
}

static int client_on_data(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *bytes,
			  size_t n, void *data)
{
	(void)s, (void)flags, (void)id;
	g_byte_array_append(((struct client *)data)->body, bytes, (guint)n);
	return 0;
}

static int client_on_close(nghttp2_session *s, int32_t id, uint32_t code, void *data)
{
	(void)s, (void)id;
	assert_int_equal(code, NGHTTP2_NO_ERROR);
	((struct client *)data)->closed++;
	return 0;
}

static ssize_t client_read(nghttp2_session *s, int32_t id, uint8_t *buf, size_t size,
			   uint32_t *flags, nghttp2_data_source *source, void *data)
{
	struct client *c = source->ptr;
	size_t n = MIN(size, c->send_left);

	(void)s, (void)id, (void)data;
	memcpy(buf, c->send, n);
	c->send += n;
	c->send_left -= n;
	if (c->send_left == 0)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static void client_open(struct client *c)
{
	nghttp2_session_callbacks *cb;

	*c = (struct client){.body = g_byte_array_new()};
	assert_int_equal(nghttp2_session_callbacks_new(&cb), 0);
	nghttp2_session_callbacks_set_on_header_callback(cb, client_on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, client_on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, client_on_close);
	assert_int_equal(nghttp2_session_client_new(&c->session, cb, c), 0);
	nghttp2_session_callbacks_del(cb);
	nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, NULL, 0);
}

#define NV(n, v)                                                                                   \
	(nghttp2_nv)                                                                               \
	{                                                                                          \
		(uint8_t *)(uintptr_t)(n), (uint8_t *)(uintptr_t)(v), strlen(n), strlen(v), 0      \
	}

static void client_post(struct client *c, const uint8_t *bytes, size_t n)
{
	const nghttp2_nv fields[] = {NV(":method", "POST"), NV(":path", "/echo"),
				     NV(":scheme", "https"), NV(":authority", "x"),
				     NV("x-one", "1")};
	nghttp2_data_provider body = {.source.ptr = c, .read_callback = client_read};

	c->send = bytes;
	c->send_left = n;
	assert_true(nghttp2_submit_request(c->session, NULL, fields, 5, &body, NULL) > 0);
}

static void client_close(struct client *c)
{
	nghttp2_session_del(c->session);
	g_byte_array_unref(c->body);
}

// Moves bytes both ways, `piece` at a time, until both are silent.
static void pump(struct client *c, struct h2_conn *conn, size_t piece)
{
	bool moved = true;

	while (moved) {
		const uint8_t *bytes;
		ssize_t n;

		moved = false;
		while ((n = nghttp2_session_mem_send(c->session, &bytes)) > 0) {
			for (size_t i = 0; i < (size_t)n; i += piece)
				assert_int_equal(
					h2_conn_receive(conn, bytes + i, MIN(piece, (size_t)n - i)),
					0);
			moved = true;
		}
		while ((n = (ssize_t)h2_conn_pull(conn, &bytes)) > 0) {
			for (size_t i = 0; i < (size_t)n; i += piece) {
				size_t m = MIN(piece, (size_t)n - i);

				assert_int_equal(nghttp2_session_mem_recv(c->session, bytes + i, m),
						 m);
			}
			moved = true;
		}
	}
}

static void echo_once(size_t body_size, size_t piece)
{
	uint8_t *body = g_malloc(body_size);
	struct echo e = {.got = g_byte_array_new()};
	struct h2_conn *conn = h2_conn_new(&from, &echo_events, &e);
	struct client c;

	for (size_t i = 0; i < body_size; i++)
		body[i] = (uint8_t)(i * 7 + i / 251);
	client_open(&c);
	client_post(&c, body, body_size);
	pump(&c, conn, piece);
	assert_int_equal(e.requests, 1);
	assert_true(e.outputs > 0);
	assert_int_equal(e.got->len, body_size);
	assert_int_equal(c.body->len, body_size);
	assert_memory_equal(c.body->data, body, body_size);
	assert_int_equal(c.trailers, 1);
	assert_int_equal(c.closed, 1);
	assert_int_equal(e.closed, 1);
	assert_int_equal(e.complete, 1);
	assert_int_equal(h2_conn_stream_count(conn), 0);
	h2_conn_free(&conn);
	assert_null(conn);
	client_close(&c);
	g_byte_array_unref(e.got);
	g_free(body);
}

static void test_byte_by_byte(void **state)
{
	(void)state;
	echo_once(3000, 1);
}

static void test_pieces(void **state)
{
	static const size_t pieces[] = {2, 3, 7, 9, 10, 64, 1000, 16384, 1 << 20};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(pieces); i++)
		echo_once(700000, pieces[i]); // more than the windows: both are renewed
}

static void test_connection_that_dies(void **state)
{
	struct echo e = {.got = g_byte_array_new()};
	struct h2_conn *conn = h2_conn_new(&from, &echo_events, &e);
	const uint8_t *bytes;
	struct client c;
	ssize_t n;

	(void)state;
	client_open(&c);
	client_post(&c, (const uint8_t *)"abc", 3);
	n = nghttp2_session_mem_send(c.session, &bytes); // preface
	assert_int_equal(h2_conn_receive(conn, bytes, (size_t)n), 0);
	n = nghttp2_session_mem_send(c.session, &bytes); // SETTINGS
	assert_int_equal(h2_conn_receive(conn, bytes, (size_t)n), 0);
	n = nghttp2_session_mem_send(c.session, &bytes); // HEADERS
	assert_int_equal(h2_conn_receive(conn, bytes, (size_t)n), 0);
	assert_int_equal(e.requests, 1);
	assert_int_equal(e.closed, 0);
	h2_conn_free(&conn);
	assert_int_equal(e.closed, 1);
	assert_int_equal(e.complete, 0);
	client_close(&c);
	g_byte_array_unref(e.got);
}

static void test_bad_preface(void **state)
{
	static const uint8_t http1[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	struct echo e = {0};
	struct h2_conn *conn = h2_conn_new(&from, &echo_events, &e);

	(void)state;
	assert_false(h2_conn_is_over(conn));
	assert_int_not_equal(h2_conn_receive(conn, http1, sizeof(http1) - 1), 0);
	assert_true(h2_conn_is_over(conn));
	assert_int_equal(e.requests, 0);
	h2_conn_free(&conn);
}

static void test_shutdown_lets_streams_end(void **state)
{
	struct echo e = {.got = g_byte_array_new()};
	struct h2_conn *conn = h2_conn_new(&from, &echo_events, &e);
	struct client c;

	(void)state;
	client_open(&c);
	pump(&c, conn, 1000);
	client_post(&c, (const uint8_t *)"abc", 3);
	h2_conn_announce_shutdown(conn); // crosses the request
	pump(&c, conn, 1000);
	h2_conn_shutdown(conn);
	pump(&c, conn, 1000);
	assert_int_equal(c.closed, 1);
	assert_int_equal(c.trailers, 1);
	assert_true(h2_conn_is_over(conn));
	h2_conn_free(&conn);
	client_close(&c);
	g_byte_array_unref(e.got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_connection_that_dies),
		cmocka_unit_test(test_bad_preface),
		cmocka_unit_test(test_shutdown_lets_streams_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
