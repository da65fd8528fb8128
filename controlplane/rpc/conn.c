// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/conn.c - see conn.h. Everything happens in one GSource's dispatch: writing is
// only ever asked for (by a ready time), never done from inside a handler.
#include "controlplane/rpc/conn.h"

#include <errno.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controlplane/rpc/client_certificates.h"
#include "controlplane/rpc/h1_conn.h"
#include "controlplane/rpc/h2_conn.h"
#include "controlplane/rpc/peer.h"

enum { CONN_READ_BYTES = 16 * 1024, CONN_SNIFF_BYTES = 3 };

enum conn_state {
	CONN_HANDSHAKE,
	CONN_SNIFF, // without TLS: the first bytes tell the version
	CONN_HTTP, // one of h1 and h2 is there
	CONN_FLUSH, // only what is in `out` is still to go
	CONN_LINGER, // all is written: wait for the peer's end, so that it gets all
	CONN_DEAD,
};

struct conn {
	GSource *source;
	gpointer tag; // of the fd within source
	int fd;
	SSL *ssl; // NULL: plain
	struct http_peer *peer;
	struct h1_conn *h1;
	struct h2_conn *h2;
	uint8_t sniffed[CONN_SNIFF_BYTES];
	size_t sniffed_count;
	size_t late_bytes; // received after the end
	enum conn_state state;
	bool heard; // any byte of HTTP has come
	bool handshake_wants_write;
	GByteArray *out;
	guint out_sent;
	int64_t since_us; // of the last progress: accept, write, last stream, state change
	const struct route *route;
	conn_closed_fn closed;
	void *data;
};

struct conn_source {
	GSource source;
	struct conn *conn;
};

static void conn_set_state(struct conn *c, enum conn_state state)
{
	c->state = state;
	c->since_us = g_get_monotonic_time();
}

static void conn_want_output(void *data)
{
	g_source_set_ready_time(((struct conn *)data)->source, 0);
}

static void conn_request(struct http_exchange *x, void *data)
{
	route_request(((struct conn *)data)->route, x);
}

static const struct http_events conn_events = {conn_request, conn_want_output};

// Both: bytes moved, 0 for "not now", -1 for the end.
static ssize_t conn_ssl_result(struct conn *c, int result)
{
	int error;

	if (result > 0)
		return result;
	error = SSL_get_error(c->ssl, result);
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static ssize_t conn_result(ssize_t result)
{
	if (result > 0)
		return result;
	return result < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static ssize_t conn_read(struct conn *c, uint8_t *bytes, size_t size)
{
	if (c->ssl == NULL)
		return conn_result(recv(c->fd, bytes, size, 0));
	ERR_clear_error();
	return conn_ssl_result(c, SSL_read(c->ssl, bytes, (int)size));
}

static ssize_t conn_write(struct conn *c, const uint8_t *bytes, size_t size)
{
	if (c->ssl == NULL)
		return conn_result(send(c->fd, bytes, size, MSG_NOSIGNAL));
	ERR_clear_error();
	return conn_ssl_result(c, SSL_write(c->ssl, bytes, (int)size));
}

static void conn_open_http(struct conn *c, bool version2)
{
	// Twice the largest message: base64 and framing included.
	if (version2)
		c->h2 = h2_conn_new(c->peer, &conn_events, c);
	else
		c->h1 = h1_conn_new(c->peer, c->ssl != NULL ? "https" : "http",
				    2 * c->route->body_max + H1_HEAD_BYTES_MAX, &conn_events, c);
	conn_set_state(c, CONN_HTTP);
}

static unsigned conn_exchange_count(const struct conn *c)
{
	if (c->h1 != NULL)
		return h1_conn_exchange_count(c->h1);
	return c->h2 != NULL ? h2_conn_stream_count(c->h2) : 0;
}

static void conn_handshake_failed(struct conn *c)
{
	if (c->peer->kind == HTTP_PEER_CERTIFICATE)
		client_certificates_failed(c->ssl, c->peer->text);
	conn_set_state(c, CONN_DEAD);
}

static void conn_handshake(struct conn *c)
{
	const unsigned char *protocol;
	unsigned size;
	int result;

	ERR_clear_error();
	result = SSL_accept(c->ssl);
	c->handshake_wants_write = false;
	if (result != 1) {
		int error = SSL_get_error(c->ssl, result);

		c->handshake_wants_write = error == SSL_ERROR_WANT_WRITE;
		if (error != SSL_ERROR_WANT_WRITE && error != SSL_ERROR_WANT_READ)
			conn_handshake_failed(c);
		return;
	}
	if (c->peer->kind == HTTP_PEER_CERTIFICATE)
		http_peer_take_certificate(c->peer, c->ssl);
	SSL_get0_alpn_selected(c->ssl, &protocol, &size);
	conn_open_http(c, size == 2 && memcmp(protocol, "h2", 2) == 0);
}

// RFC 9113 3.4: HTTP/2 opens with a method no one else has. Uses what it looks at.
static void conn_sniff(struct conn *c, const uint8_t **bytes, size_t *byte_count)
{
	static const uint8_t preface[CONN_SNIFF_BYTES] = "PRI";

	while (*byte_count > 0 && c->sniffed_count < CONN_SNIFF_BYTES) {
		c->sniffed[c->sniffed_count++] = *(*bytes)++;
		--*byte_count;
	}
	if (memcmp(c->sniffed, preface, c->sniffed_count) != 0)
		conn_open_http(c, false);
	else if (c->sniffed_count == CONN_SNIFF_BYTES)
		conn_open_http(c, true);
}

static void conn_feed(struct conn *c, const uint8_t *bytes, size_t byte_count)
{
	// conn_settle looks whether it is over
	if (c->h1 != NULL)
		(void)h1_conn_receive(c->h1, bytes, byte_count);
	else
		(void)h2_conn_receive(c->h2, bytes, byte_count);
}

static void conn_received(struct conn *c, const uint8_t *bytes, size_t byte_count)
{
	// Too late to say anything: what still comes is let pass, so that our last words arrive.
	if (c->state == CONN_FLUSH || c->state == CONN_LINGER) {
		c->late_bytes += byte_count;
		if (c->late_bytes > CONN_LINGER_BYTES_MAX)
			conn_set_state(c, CONN_DEAD);
		return;
	}
	if (c->state == CONN_SNIFF) {
		conn_sniff(c, &bytes, &byte_count);
		if (c->state == CONN_HTTP)
			conn_feed(c, c->sniffed, c->sniffed_count);
	}
	if (c->state != CONN_HTTP || byte_count == 0)
		return;
	c->heard = true;
	if (conn_exchange_count(c) > 0)
		c->since_us = g_get_monotonic_time();
	conn_feed(c, bytes, byte_count);
}

// libsoup takes its time; the socket holds the rest back.
static bool conn_may_read(const struct conn *c)
{
	return c->state != CONN_HTTP || c->h1 == NULL || h1_conn_takes_more(c->h1);
}

static void conn_read_turn(struct conn *c)
{
	uint8_t bytes[CONN_READ_BYTES];
	size_t done = 0;

	while (c->state != CONN_DEAD && conn_may_read(c)) {
		ssize_t n = conn_read(c, bytes, sizeof(bytes));

		if (n == 0)
			return;
		if (n < 0) {
			conn_set_state(c, CONN_DEAD);
			return;
		}
		conn_received(c, bytes, (size_t)n);
		done += (size_t)n;
		if (done >= CONN_READ_BYTES_PER_TURN) {
			// TLS may hold more than the socket shows.
			g_source_set_ready_time(c->source, 0);
			return;
		}
	}
}

static size_t conn_pull(struct conn *c, const uint8_t **bytes)
{
	if (c->h1 != NULL)
		return h1_conn_pull(c->h1, bytes);
	return c->h2 != NULL ? h2_conn_pull(c->h2, bytes) : 0;
}

static void conn_fill(struct conn *c)
{
	const uint8_t *bytes;
	size_t n;

	if (c->out_sent == c->out->len) {
		g_byte_array_set_size(c->out, 0);
		c->out_sent = 0;
	}
	while (c->out->len < CONN_OUT_BYTES_MAX && (n = conn_pull(c, &bytes)) > 0)
		g_byte_array_append(c->out, bytes, (guint)n);
}

static void conn_write_turn(struct conn *c)
{
	for (conn_fill(c); c->out_sent < c->out->len; conn_fill(c)) {
		ssize_t n = conn_write(c, c->out->data + c->out_sent, c->out->len - c->out_sent);

		if (n == 0)
			return;
		if (n < 0) {
			conn_set_state(c, CONN_DEAD);
			return;
		}
		c->out_sent += (guint)n;
		c->since_us = g_get_monotonic_time();
	}
}

// Moves on when there is nothing more to do in a state.
static void conn_settle(struct conn *c)
{
	bool drained = c->out_sent == c->out->len;

	if (c->state == CONN_HTTP &&
	    (c->h1 != NULL ? h1_conn_is_over(c->h1) : h2_conn_is_over(c->h2)))
		conn_set_state(c, CONN_FLUSH);
	if (c->state == CONN_FLUSH && drained) {
		if (c->ssl != NULL)
			(void)SSL_shutdown(c->ssl);
		(void)shutdown(c->fd, SHUT_WR);
		conn_set_state(c, CONN_LINGER);
	}
}

static GIOCondition conn_wants(const struct conn *c)
{
	bool write = c->out_sent < c->out->len || c->handshake_wants_write;

	return (conn_may_read(c) ? G_IO_IN : 0) | (write ? G_IO_OUT : 0);
}

static gboolean conn_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
	struct conn *c = ((struct conn_source *)source)->conn;

	(void)callback, (void)data;
	g_source_set_ready_time(source, -1);
	if (c->state == CONN_HANDSHAKE)
		conn_handshake(c);
	if (c->state != CONN_HANDSHAKE && c->state != CONN_DEAD) {
		conn_read_turn(c);
		if (c->state == CONN_HTTP || c->state == CONN_FLUSH)
			conn_write_turn(c);
		conn_settle(c);
	}
	if (c->state == CONN_DEAD)
		c->closed(c, c->data);
	else
		g_source_modify_unix_fd(source, c->tag, conn_wants(c));
	return G_SOURCE_CONTINUE;
}

static GSourceFuncs conn_source_funcs = {.dispatch = conn_dispatch};

struct conn *conn_new(int fd, SSL_CTX *ctx, struct http_peer *peer, const struct route *route,
		      conn_closed_fn closed, void *data)
{
	struct conn *c = g_new0(struct conn, 1);

	c->fd = fd;
	c->peer = peer;
	c->out = g_byte_array_new();
	c->route = route;
	c->closed = closed;
	c->data = data;
	c->source = g_source_new(&conn_source_funcs, sizeof(struct conn_source));
	((struct conn_source *)c->source)->conn = c;
	c->tag = g_source_add_unix_fd(c->source, fd, G_IO_IN);
	conn_set_state(c, CONN_HANDSHAKE);
	if (ctx != NULL) {
		c->ssl = SSL_new(ctx);
		SSL_set_fd(c->ssl, fd);
	} else {
		conn_set_state(c, CONN_SNIFF);
	}
	g_source_attach(c->source, g_main_context_get_thread_default());
	return c;
}

int64_t conn_idle_since_us(const struct conn *c)
{
	return conn_exchange_count(c) > 0 ? INT64_MAX : c->since_us;
}

bool conn_was_heard(const struct conn *c)
{
	return c->heard;
}

void conn_tick(struct conn *c, int64_t now_us)
{
	int64_t limit_s = INT64_MAX;

	if (c->state == CONN_LINGER)
		limit_s = CONN_LINGER_S;
	else if (!c->heard)
		limit_s = CONN_HANDSHAKE_S;
	else if (c->out_sent < c->out->len)
		limit_s = CONN_STALL_S;
	else if (conn_exchange_count(c) == 0)
		limit_s = CONN_IDLE_S;
	if (c->h1 != NULL)
		h1_conn_tick(c->h1, now_us);
	if (c->h2 != NULL)
		h2_conn_tick(c->h2, now_us);
	if (limit_s == INT64_MAX || now_us - c->since_us < limit_s * G_USEC_PER_SEC)
		return;
	if (limit_s == CONN_IDLE_S)
		conn_shutdown(c);
	else
		c->closed(c, c->data);
}

void conn_announce_shutdown(struct conn *c)
{
	if (c->state == CONN_HTTP && c->h2 != NULL)
		h2_conn_announce_shutdown(c->h2);
}

void conn_shutdown(struct conn *c)
{
	if (c->state == CONN_SNIFF) {
		conn_set_state(c, CONN_FLUSH);
		conn_want_output(c);
	}
	if (c->state != CONN_HTTP)
		return;
	if (c->h1 != NULL)
		h1_conn_shutdown(c->h1);
	else
		h2_conn_shutdown(c->h2);
}

void conn_free(struct conn **where)
{
	struct conn *c = *where;

	if (c == NULL)
		return;
	*where = NULL;
	c->state = CONN_DEAD;
	h1_conn_free(&c->h1);
	h2_conn_free(&c->h2);
	g_source_destroy(c->source);
	g_source_unref(c->source);
	SSL_free(c->ssl);
	close(c->fd);
	g_byte_array_unref(c->out);
	http_peer_free(&c->peer);
	g_free(c);
}
