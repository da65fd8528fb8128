// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/h2_stream.c - see h2_stream.h. Answers leave through nghttp2's data provider, so
// that flow control decides when; until then they wait in the stream's queue.
#include "controlplane/rpc/h2_stream.h"

#include <assert.h>
#include <string.h>

#include "controlplane/rpc/h2_conn.h"

enum { H2_ANSWER_FIELDS_MAX = 24 };

static nghttp2_nv h2_nv(const char *name, const char *value)
{
	// nghttp2 copies unless told otherwise; its type just lacks the const.
	return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
			    .value = (uint8_t *)(uintptr_t)value,
			    .namelen = strlen(name),
			    .valuelen = strlen(value)};
}

static size_t h2_nvs(nghttp2_nv *out, const struct http_field *fields, size_t count)
{
	assert(count <= H2_ANSWER_FIELDS_MAX);
	for (size_t i = 0; i < count; i++)
		out[i] = h2_nv(fields[i].name, fields[i].value);
	return count;
}

static void h2_stream_submit_trailers(struct h2_stream *s)
{
	nghttp2_nv nv[H2_ANSWER_FIELDS_MAX];
	const struct http_field *fields = (const void *)s->trailers->data;

	nghttp2_submit_trailer(h2_conn_session(s->conn), s->id, nv,
			       h2_nvs(nv, fields, s->trailers->len));
}

static ssize_t h2_stream_read(nghttp2_session *session, int32_t id, uint8_t *buf, size_t size,
			      uint32_t *flags, nghttp2_data_source *source, void *data)
{
	struct h2_stream *s = source->ptr;
	size_t done = 0;

	(void)session, (void)id, (void)data;
	while (done < size && !g_queue_is_empty(&s->body)) {
		gsize chunk_size;
		const uint8_t *chunk = g_bytes_get_data(g_queue_peek_head(&s->body), &chunk_size);
		size_t n = MIN(size - done, chunk_size - s->head_sent);

		if (n > 0)
			memcpy(buf + done, chunk + s->head_sent, n);
		done += n;
		s->head_sent += n;
		if (s->head_sent == chunk_size) {
			g_bytes_unref(g_queue_pop_head(&s->body));
			s->head_sent = 0;
		}
	}
	s->x.queued_bytes -= done;
	if (done > 0)
		s->moved_us = g_get_monotonic_time();
	if (g_queue_is_empty(&s->body) && s->body_ended) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (s->trailers != NULL) {
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			h2_stream_submit_trailers(s);
		}
	} else if (done == 0) {
		return NGHTTP2_ERR_DEFERRED;
	}
	return (ssize_t)done;
}

static void h2_stream_answer(struct http_exchange *x, unsigned status,
			     const struct http_field *fields, size_t count, bool end)
{
	struct h2_stream *s = (struct h2_stream *)x;
	nghttp2_data_provider provider = {.source.ptr = s, .read_callback = h2_stream_read};
	nghttp2_nv nv[H2_ANSWER_FIELDS_MAX + 1];
	char text[12];

	assert(!x->answered);
	x->answered = true;
	s->body_ended = end;
	g_snprintf(text, sizeof(text), "%u", status);
	nv[0] = h2_nv(":status", text);
	h2_nvs(nv + 1, fields, count);
	nghttp2_submit_response(h2_conn_session(s->conn), s->id, nv, count + 1,
				end ? NULL : &provider);
	h2_conn_wake(s->conn);
}

static void h2_stream_body(struct http_exchange *x, GBytes *bytes)
{
	struct h2_stream *s = (struct h2_stream *)x;

	assert(x->answered && !s->body_ended);
	if (x->queued_bytes == 0)
		s->moved_us = g_get_monotonic_time();
	x->queued_bytes += g_bytes_get_size(bytes);
	g_queue_push_tail(&s->body, bytes);
	nghttp2_session_resume_data(h2_conn_session(s->conn), s->id);
	h2_conn_wake(s->conn);
}

static void h2_stream_end(struct http_exchange *x, const struct http_field *trailers, size_t count)
{
	struct h2_stream *s = (struct h2_stream *)x;

	assert(x->answered && !s->body_ended);
	s->body_ended = true;
	if (count > 0) {
		s->trailers = g_array_new(FALSE, FALSE, sizeof(struct http_field));
		for (size_t i = 0; i < count; i++) {
			struct http_field f = {g_string_chunk_insert(s->text, trailers[i].name),
					       g_string_chunk_insert(s->text, trailers[i].value)};
			g_array_append_val(s->trailers, f);
		}
	}
	nghttp2_session_resume_data(h2_conn_session(s->conn), s->id);
	h2_conn_wake(s->conn);
}

static void h2_stream_reset(struct http_exchange *x, uint32_t code)
{
	struct h2_stream *s = (struct h2_stream *)x;

	g_queue_clear_full(&s->body, (GDestroyNotify)g_bytes_unref);
	s->head_sent = 0;
	x->queued_bytes = 0;
	nghttp2_submit_rst_stream(h2_conn_session(s->conn), NGHTTP2_FLAG_NONE, s->id, code);
	h2_conn_wake(s->conn);
}

static const struct http_carrier h2_carrier = {
	.answer = h2_stream_answer,
	.body = h2_stream_body,
	.end = h2_stream_end,
	.reset = h2_stream_reset,
};

struct h2_stream *h2_stream_new(struct h2_conn *conn, int32_t id, const struct http_peer *from)
{
	struct h2_stream *s = g_new0(struct h2_stream, 1);

	s->x.carrier = &h2_carrier;
	s->x.from = from;
	s->x.fields = g_array_new(FALSE, FALSE, sizeof(struct http_field));
	s->conn = conn;
	s->id = id;
	s->text = g_string_chunk_new(1024);
	g_queue_init(&s->body);
	return s;
}

void h2_stream_free(struct h2_stream *s)
{
	g_queue_clear_full(&s->body, (GDestroyNotify)g_bytes_unref);
	if (s->trailers != NULL)
		g_array_unref(s->trailers);
	g_array_unref(s->x.fields);
	g_clear_pointer(&s->x.body, g_bytes_unref);
	g_string_chunk_free(s->text);
	g_free(s);
}

void h2_stream_add_field(struct h2_stream *s, const char *name, size_t name_size, const char *value,
			 size_t value_size)
{
	struct http_field f;

	s->fields_bytes += name_size + value_size + 32;
	if (s->fields_bytes > H2_FIELDS_BYTES_MAX) {
		s->fields_too_large = true;
		return;
	}
	f.name = g_string_chunk_insert_len(s->text, name, (gssize)name_size);
	f.value = g_string_chunk_insert_len(s->text, value, (gssize)value_size);
	if (g_str_equal(f.name, ":method"))
		s->x.method = f.value;
	else if (g_str_equal(f.name, ":path"))
		s->x.path = f.value;
	else if (g_str_equal(f.name, ":authority"))
		s->x.authority = f.value;
	else if (g_str_equal(f.name, ":scheme"))
		s->x.scheme = f.value;
	else
		g_array_append_val(s->x.fields, f);
}
