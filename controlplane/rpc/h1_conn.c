// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/h1_conn.c - see h1_conn.h. TLS, ALPN and the clock stay conn.c's: libsoup sees
// the far end of a socket pair, and blocks nobody when a client does not read.
#include "controlplane/rpc/h1_conn.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <libsoup/soup.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controlplane/rpc/h1_exchange.h"
#include "controlplane/rpc/h1_head.h"

enum { H1_PIECE_BYTES = 16 * 1024 };

struct h1_conn {
	SoupServer *soup;
	GSource *source;
	gpointer tag; // of fd within source
	int fd; // our end of the pair
	const struct http_peer *from;
	const char *scheme;
	size_t request_bytes_max;
	const struct http_events *events;
	void *data;
	struct h1_exchange *exchange; // NULL between two
	GByteArray *in; // received, not taken by libsoup yet
	GByteArray *held; // received, and not looked at: a head that is not whole yet
	bool in_request; // libsoup has had a head, and has not finished with its request
	uint64_t admitted_left; // bytes of that request libsoup has still to be given
	uint8_t piece[H1_PIECE_BYTES]; // what pull gave last
	size_t request_bytes; // since the last exchange ended
	int64_t since_us; // of the request's first byte; 0 before it
	int64_t heard_us; // of its last byte
	char *last_words; // to be sent in libsoup's place, then the end
	bool broken; // nothing more to be had from libsoup
	bool closing; // this exchange is the last
	bool served; // the request came so far as to be answered by us
};

struct h1_source {
	GSource source;
	struct h1_conn *conn;
};

void h1_conn_break(struct h1_conn *c)
{
	c->broken = true;
	c->events->output(c->data);
}

bool h1_conn_is_closing(const struct h1_conn *c)
{
	return c->closing;
}

static void h1_add_line(const char *name, const char *value, gpointer text)
{
	if (g_ascii_strcasecmp(name, "content-length") != 0 &&
	    g_ascii_strcasecmp(name, "transfer-encoding") != 0 &&
	    g_ascii_strcasecmp(name, "connection") != 0)
		g_string_append_printf(text, "%s: %s\r\n", name, value);
}

// The head of the answer that libsoup will not write any more, without the body: gRPC-Web has all
// of an error in it.
static char *h1_last_words(const struct h1_conn *c, unsigned status)
{
	GString *text = g_string_new(NULL);

	g_string_append_printf(text, "HTTP/1.1 %u %s\r\n", status, soup_status_get_phrase(status));
	if (c->exchange != NULL && c->exchange->x.answered)
		soup_message_headers_foreach(
			soup_server_message_get_response_headers(c->exchange->message), h1_add_line,
			text);
	g_string_append(text, "Content-Length: 0\r\nConnection: close\r\n\r\n");
	return g_string_free(text, FALSE);
}

// Ends the connection with a head, unless an answer is under way.
static void h1_refuse(struct h1_conn *c, unsigned status)
{
	if (c->broken)
		return;
	if (c->exchange == NULL || !c->exchange->x.request_done)
		c->last_words = h1_last_words(c, status);
	h1_conn_break(c);
}

void h1_conn_finished(struct h1_conn *c)
{
	struct h1_exchange *e = g_steal_pointer(&c->exchange);

	if (e != NULL)
		h1_exchange_close(e);
	c->served = true;
	c->events->output(c->data);
}

// The head is complete.
static void h1_on_head(SoupServer *soup, SoupServerMessage *message, const char *path,
		       GHashTable *query, gpointer data)
{
	SoupMessageHeaders *fields = soup_server_message_get_request_headers(message);
	struct h1_conn *c = data;

	(void)soup, (void)path, (void)query;
	if (c->broken)
		return;
	c->exchange = h1_exchange_new(c, message, c->from, c->scheme);
	c->events->request(&c->exchange->x, c->data);
	// A client that asks first (Expect: 100-continue) hears a refusal in place of its 100.
	if (c->exchange->body_ended &&
	    (soup_message_headers_get_expectations(fields) & SOUP_EXPECTATION_CONTINUE) != 0)
		soup_server_message_set_status(message, c->exchange->status, NULL);
}

// The request is complete.
static void h1_on_request(SoupServer *soup, SoupServerMessage *message, const char *path,
			  GHashTable *query, gpointer data)
{
	struct h1_conn *c = data;

	(void)soup, (void)path, (void)query;
	if (c->exchange != NULL)
		h1_exchange_request_done(c->exchange);
	else
		soup_server_message_pause(message); // refused
}

static void h1_flush(struct h1_conn *c)
{
	while (c->in->len > 0 && !c->broken) {
		ssize_t n = send(c->fd, c->in->data, c->in->len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n <= 0) {
			if (errno != EAGAIN)
				h1_conn_break(c);
			return;
		}
		g_byte_array_remove_range(c->in, 0, (guint)n);
	}
}

static void h1_watch(struct h1_conn *c, bool in)
{
	if (c->fd < 0)
		return;
	GIOCondition out = c->in->len > 0 ? G_IO_OUT : 0;

	g_source_modify_unix_fd(c->source, c->tag, (in ? G_IO_IN : 0) | out);
}

// Asked for again by pull, when nothing is left.
static gboolean h1_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
	struct h1_conn *c = ((struct h1_source *)source)->conn;

	(void)callback, (void)data;
	h1_flush(c);
	h1_watch(c, false);
	c->events->output(c->data);
	return G_SOURCE_CONTINUE;
}

static GSourceFuncs h1_source_funcs = {.dispatch = h1_dispatch};

static void h1_open_soup(struct h1_conn *c, int fd)
{
	GSocket *socket = g_socket_new_from_fd(fd, NULL);
	GSocketConnection *stream = g_socket_connection_factory_create_connection(socket);
	// libsoup insists on addresses; the true peer is in the exchange.
	GSocketAddress *none = g_inet_socket_address_new_from_string("127.0.0.1", 0);

	c->soup = g_object_new(SOUP_TYPE_SERVER, NULL);
	soup_server_add_early_handler(c->soup, NULL, h1_on_head, c, NULL);
	soup_server_add_handler(c->soup, NULL, h1_on_request, c, NULL);
	soup_server_accept_iostream(c->soup, G_IO_STREAM(stream), none, none, NULL);
	g_object_unref(none);
	g_object_unref(stream);
	g_object_unref(socket);
}

static bool h1_open(struct h1_conn *c)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
		return false;
	c->fd = pair[0];
	h1_open_soup(c, pair[1]);
	c->source = g_source_new(&h1_source_funcs, sizeof(struct h1_source));
	((struct h1_source *)c->source)->conn = c;
	c->tag = g_source_add_unix_fd(c->source, c->fd, G_IO_IN);
	g_source_attach(c->source, g_main_context_get_thread_default());
	return true;
}

static void h1_close(struct h1_conn *c)
{
	if (c->fd < 0)
		return;
	g_source_destroy(c->source);
	g_source_unref(c->source);
	soup_server_remove_handler(c->soup, NULL);
	soup_server_disconnect(c->soup);
	g_object_unref(c->soup);
	close(c->fd);
	c->fd = -1;
	g_byte_array_set_size(c->in, 0);
}

// RFC 9112 2.2: an empty line before a request is none.
static void h1_skip_empty_lines(struct h1_conn *c)
{
	while (!c->in_request && c->held->len >= 2 && memcmp(c->held->data, "\r\n", 2) == 0)
		g_byte_array_remove_range(c->held, 0, 2);
}

static void h1_begin(struct h1_conn *c, const struct h1_framing *framing, size_t head_size)
{
	c->in_request = true;
	c->served = false;
	c->admitted_left = framing->chunked ? UINT64_MAX : head_size + framing->body_bytes;
	// Where a chunked body ends libsoup alone knows. What comes behind was not checked, so such
	// a request is the connection's last.
	c->closing = c->closing || framing->chunked || framing->last;
	if (!h1_open(c))
		h1_refuse(c, 503);
}

// Gives libsoup a head when it is whole and fit to be read, and the body that belongs to it.
static void h1_admit(struct h1_conn *c)
{
	struct h1_framing framing;
	unsigned refused;
	size_t size;

	h1_skip_empty_lines(c);
	if (!c->in_request) {
		size = h1_head_size((const char *)c->held->data, c->held->len);
		if (size == 0 && c->held->len <= H1_HEAD_BYTES_MAX)
			return;
		refused = size == 0 || size > H1_HEAD_BYTES_MAX
				  ? 431 // RFC 6585
				  : h1_head_check((const char *)c->held->data, size, &framing);
		if (refused != 0) {
			h1_refuse(c, refused);
			return;
		}
		h1_begin(c, &framing, size);
		if (c->broken)
			return;
	}
	size = (size_t)MIN(c->admitted_left, c->held->len);
	c->admitted_left -= size;
	g_byte_array_append(c->in, c->held->data, (guint)size);
	g_byte_array_remove_range(c->held, 0, (guint)size);
	h1_flush(c);
	h1_watch(c, true);
}

struct h1_conn *h1_conn_new(const struct http_peer *from, const char *scheme,
			    size_t request_bytes_max, const struct http_events *events, void *data)
{
	struct h1_conn *c = g_new0(struct h1_conn, 1);

	c->from = from;
	c->scheme = scheme;
	c->request_bytes_max = request_bytes_max;
	c->events = events;
	c->data = data;
	c->in = g_byte_array_new();
	c->held = g_byte_array_new();
	c->fd = -1;
	return c;
}

bool h1_conn_takes_more(const struct h1_conn *c)
{
	return c->in->len == 0 && !c->broken && (!c->in_request || c->held->len == 0);
}

int h1_conn_receive(struct h1_conn *c, const uint8_t *bytes, size_t byte_count)
{
	const struct h1_exchange *e = c->exchange;

	if (c->broken)
		return -EPROTO;
	c->heard_us = g_get_monotonic_time();
	if (c->since_us == 0)
		c->since_us = c->heard_us;
	c->request_bytes += byte_count;
	if (e != NULL && !e->x.request_done &&
	    (c->request_bytes > c->request_bytes_max || e->excess_bytes > H1_EXCESS_BYTES_MAX))
		h1_refuse(c, e->x.answered ? e->status : 413);
	if (c->broken)
		return -EPROTO;
	g_byte_array_append(c->held, bytes, (guint)byte_count);
	h1_admit(c);
	return c->broken ? -EPROTO : 0;
}

// libsoup closes after each answer. Another request gets another one.
static void h1_next(struct h1_conn *c)
{
	h1_close(c);
	if (c->closing || !c->served) {
		h1_conn_break(c);
		return;
	}
	c->in_request = false;
	c->request_bytes = c->held->len;
	c->since_us = c->held->len > 0 ? g_get_monotonic_time() : 0;
	if (c->held->len > 0)
		h1_admit(c);
	c->events->output(c->data); // there may be more to read
}

size_t h1_conn_pull(struct h1_conn *c, const uint8_t **bytes)
{
	ssize_t n = -1;

	*bytes = c->piece;
	if (c->broken) {
		n = 0;
		if (c->last_words != NULL)
			n = (ssize_t)MIN(
				g_strlcpy((char *)c->piece, c->last_words, sizeof(c->piece)),
				sizeof(c->piece) - 1);
		g_clear_pointer(&c->last_words, g_free);
		return (size_t)n;
	}
	if (c->fd < 0)
		return 0;
	n = recv(c->fd, c->piece, sizeof(c->piece), MSG_DONTWAIT);
	// Said once when libsoup closes before it has read all, in front of what it has written.
	if (n < 0 && errno == ECONNRESET)
		n = recv(c->fd, c->piece, sizeof(c->piece), MSG_DONTWAIT);
	if (n > 0)
		return (size_t)n;
	if (n < 0 && errno == EAGAIN)
		h1_watch(c, true);
	else
		h1_next(c);
	return 0;
}

bool h1_conn_is_over(const struct h1_conn *c)
{
	return c->broken && c->last_words == NULL;
}

unsigned h1_conn_exchange_count(const struct h1_conn *c)
{
	return c->exchange != NULL;
}

static bool h1_passed(int64_t now_us, int64_t since_us, int seconds)
{
	return now_us - since_us > (int64_t)seconds * G_USEC_PER_SEC;
}

void h1_conn_tick(struct h1_conn *c, int64_t now_us)
{
	const struct h1_exchange *e = c->exchange;

	if (c->in_request && c->served) {
		return; // the peer takes its time for what libsoup has written
	} else if (e == NULL) {
		if (c->since_us != 0 && h1_passed(now_us, c->since_us, H1_HEAD_S))
			h1_refuse(c, 408);
	} else if (!e->x.request_done) {
		if (e->x.answered && h1_passed(now_us, e->answered_us, H1_EXCESS_S))
			h1_refuse(c, e->status);
		else if (h1_passed(now_us, c->heard_us, H1_BODY_STALL_S))
			h1_refuse(c, 408);
	} else if (e->x.queued_bytes > 0 && h1_passed(now_us, e->moved_us, H1_STALL_S)) {
		h1_conn_break(c);
	}
}

void h1_conn_shutdown(struct h1_conn *c)
{
	c->closing = true;
	if (!c->in_request)
		h1_conn_break(c); // else h1_next does, after the answer
}

void h1_conn_free(struct h1_conn **where)
{
	struct h1_conn *c = *where;
	struct h1_exchange *e;

	if (c == NULL)
		return;
	*where = NULL;
	c->broken = true;
	e = g_steal_pointer(&c->exchange);
	if (e != NULL)
		h1_exchange_close(e);
	h1_close(c);
	g_byte_array_unref(c->in);
	g_byte_array_unref(c->held);
	g_free(c->last_words);
	g_free(c);
}
