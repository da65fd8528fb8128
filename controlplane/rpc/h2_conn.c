// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/h2_conn.c - see h2_conn.h. nghttp2 checks the protocol and counts floods; what
// is ours is the mapping of streams to exchanges and that one bad request ends one stream only.
#include "controlplane/rpc/h2_conn.h"

#include <assert.h>
#include <errno.h>
#include <nghttp2/nghttp2.h>

#include "controlplane/rpc/h2_stream.h"

struct h2_conn {
	nghttp2_session *session;
	GHashTable *streams; // id -> struct h2_stream, owned
	const struct http_peer *from;
	const struct http_events *events;
	void *data;
	bool broken;
	int64_t ping_us; // the last PING that counts; 0: none
	unsigned ping_strikes;
	bool calmed; // told to go for its PINGs: the GOAWAY is the last thing sent
};

nghttp2_session *h2_conn_session(struct h2_conn *conn)
{
	return conn->session;
}

void h2_conn_wake(struct h2_conn *conn)
{
	conn->events->output(conn->data);
}

static struct h2_stream *h2_find(struct h2_conn *conn, int32_t id)
{
	return g_hash_table_lookup(conn->streams, GINT_TO_POINTER(id));
}

static int h2_on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
	struct h2_conn *conn = data;
	int32_t id = frame->hd.stream_id;

	(void)session;
	if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		g_hash_table_insert(conn->streams, GINT_TO_POINTER(id),
				    h2_stream_new(conn, id, conn->from));
	return 0;
}

static int h2_on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
			size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
			void *data)
{
	struct h2_stream *s = h2_find(data, frame->hd.stream_id);

	(void)session, (void)flags;
	// A request's own trailers say nothing we need.
	if (s != NULL && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		h2_stream_add_field(s, (const char *)name, name_size, (const char *)value,
				    value_size);
	return 0;
}

static void h2_request(struct h2_conn *conn, struct h2_stream *s)
{
	if (s->fields_too_large)
		http_answer(&s->x, 431, NULL, 0, true); // RFC 6585
	else
		conn->events->request(&s->x, conn->data);
}

static void h2_on_ping(struct h2_conn *conn)
{
	static const uint8_t why[] = "too_many_pings";
	int64_t now_us = g_get_monotonic_time();

	if (conn->ping_us != 0 && now_us - conn->ping_us < H2_PING_INTERVAL_S * G_USEC_PER_SEC &&
	    ++conn->ping_strikes > H2_PING_STRIKES_MAX) {
		nghttp2_submit_goaway(conn->session, NGHTTP2_FLAG_NONE,
				      nghttp2_session_get_last_proc_stream_id(conn->session),
				      NGHTTP2_ENHANCE_YOUR_CALM, why, sizeof(why) - 1);
		conn->calmed = true;
	}
	conn->ping_us = now_us;
}

static int h2_on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
	struct h2_conn *conn = data;
	struct h2_stream *s = h2_find(conn, frame->hd.stream_id);

	(void)session;
	if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0)
		h2_on_ping(conn);
	if (s == NULL)
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		h2_request(conn, s);
	if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
	    (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
		s->x.request_done = true;
		if (s->x.sink != NULL && s->x.sink->end != NULL)
			s->x.sink->end(s->x.sink_data);
	}
	return 0;
}

// An answer that ended before its request did: the client is asked to stop (RFC 9113 8.1), but not
// before it has had the chance to end by itself, for some clients take the reset for a failure.
static void h2_stop_request(struct h2_stream *s)
{
	if (s->stopped)
		return;
	s->stopped = true;
	http_reset(&s->x, HTTP_RESET_NO_ERROR);
}

static int h2_on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
		      size_t byte_count, void *data)
{
	struct h2_stream *s = h2_find(data, id);

	(void)session, (void)flags;
	if (s == NULL)
		return 0;
	if (s->answer_sent_us != 0) {
		s->excess_bytes += byte_count;
		if (s->excess_bytes > H2_EXCESS_BYTES_MAX)
			h2_stop_request(s);
	} else if (s->x.sink != NULL && s->x.sink->body != NULL) {
		s->x.sink->body(s->x.sink_data, bytes, byte_count);
	}
	return 0;
}

static int h2_on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
	struct h2_conn *conn = data;
	struct h2_stream *s = h2_find(conn, frame->hd.stream_id);

	(void)session;
	if (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) {
		conn->ping_us = 0;
		conn->ping_strikes = 0;
	}
	if (s != NULL && (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
	    (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
		s->answer_sent_us = g_get_monotonic_time();
	return 0;
}

static void h2_close_stream(struct h2_stream *s)
{
	bool complete = s->body_ended && g_queue_is_empty(&s->body);

	if (s->x.sink != NULL)
		s->x.sink->closed(s->x.sink_data, complete);
	h2_stream_free(s);
}

static int h2_on_close(nghttp2_session *session, int32_t id, uint32_t code, void *data)
{
	struct h2_conn *conn = data;
	gpointer stream;

	(void)session, (void)code;
	if (g_hash_table_steal_extended(conn->streams, GINT_TO_POINTER(id), NULL, &stream))
		h2_close_stream(stream);
	return 0;
}

static nghttp2_session_callbacks *h2_callbacks(void)
{
	nghttp2_session_callbacks *cb;

	if (nghttp2_session_callbacks_new(&cb) != 0)
		g_error("out of memory");
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, h2_on_begin);
	nghttp2_session_callbacks_set_on_header_callback(cb, h2_on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, h2_on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, h2_on_data);
	nghttp2_session_callbacks_set_on_frame_send_callback(cb, h2_on_sent);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, h2_on_close);
	return cb;
}

static void h2_submit_settings(struct h2_conn *conn)
{
	const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, H2_STREAMS_MAX},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H2_FIELDS_BYTES_MAX},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_WINDOW_BYTES},
	};

	nghttp2_submit_settings(conn->session, NGHTTP2_FLAG_NONE, settings, G_N_ELEMENTS(settings));
	nghttp2_session_set_local_window_size(conn->session, NGHTTP2_FLAG_NONE, 0,
					      H2_CONN_WINDOW_BYTES);
}

struct h2_conn *h2_conn_new(const struct http_peer *from, const struct http_events *events,
			    void *data)
{
	struct h2_conn *conn = g_new0(struct h2_conn, 1);
	nghttp2_session_callbacks *cb = h2_callbacks();
	nghttp2_option *option;

	if (nghttp2_option_new(&option) != 0)
		g_error("out of memory");
	nghttp2_option_set_no_closed_streams(option, 1);
	if (nghttp2_session_server_new2(&conn->session, cb, conn, option) != 0)
		g_error("out of memory");
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(cb);
	conn->streams = g_hash_table_new(NULL, NULL);
	conn->from = from;
	conn->events = events;
	conn->data = data;
	h2_submit_settings(conn);
	return conn;
}

int h2_conn_receive(struct h2_conn *conn, const uint8_t *bytes, size_t byte_count)
{
	ssize_t n = nghttp2_session_mem_recv(conn->session, bytes, byte_count);

	if (n != (ssize_t)byte_count || conn->calmed) {
		conn->broken = true;
		return -EPROTO;
	}
	conn->events->output(conn->data); // settings, acknowledgements, window updates
	return 0;
}

size_t h2_conn_pull(struct h2_conn *conn, const uint8_t **bytes)
{
	ssize_t n = nghttp2_session_mem_send(conn->session, bytes);

	if (n < 0)
		conn->broken = true;
	return n < 0 ? 0 : (size_t)n;
}

bool h2_conn_is_over(const struct h2_conn *conn)
{
	return conn->broken || (nghttp2_session_want_read(conn->session) == 0 &&
				nghttp2_session_want_write(conn->session) == 0);
}

unsigned h2_conn_stream_count(const struct h2_conn *conn)
{
	return g_hash_table_size(conn->streams);
}

void h2_conn_tick(struct h2_conn *conn, int64_t now_us)
{
	GHashTableIter i;
	gpointer value;

	for (g_hash_table_iter_init(&i, conn->streams); g_hash_table_iter_next(&i, NULL, &value);) {
		struct h2_stream *s = value;

		if (s->x.queued_bytes > 0 &&
		    now_us - s->moved_us > (int64_t)H2_STALL_S * G_USEC_PER_SEC)
			http_reset(&s->x, HTTP_RESET_CALM);
		if (s->answer_sent_us != 0 &&
		    now_us - s->answer_sent_us > (int64_t)H2_EXCESS_S * G_USEC_PER_SEC)
			h2_stop_request(s);
	}
}

void h2_conn_announce_shutdown(struct h2_conn *conn)
{
	nghttp2_submit_shutdown_notice(conn->session);
	h2_conn_wake(conn);
}

void h2_conn_shutdown(struct h2_conn *conn)
{
	int32_t last = nghttp2_session_get_last_proc_stream_id(conn->session);

	nghttp2_submit_goaway(conn->session, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0);
	h2_conn_wake(conn);
}

void h2_conn_free(struct h2_conn **where)
{
	struct h2_conn *conn = *where;
	GHashTableIter i;
	gpointer stream;

	if (conn == NULL)
		return;
	*where = NULL;
	for (g_hash_table_iter_init(&i, conn->streams);
	     g_hash_table_iter_next(&i, NULL, &stream);) {
		g_hash_table_iter_steal(&i);
		h2_close_stream(stream);
	}
	g_hash_table_unref(conn->streams);
	nghttp2_session_del(conn->session);
	g_free(conn);
}
