// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/metrics_listener.c - see metrics_listener.h.
#include "controlplane/rpc/metrics_listener.h"

#include <libsoup/soup.h>
#include <string.h>

struct metrics_listener {
	const struct metrics *metrics;
	SoupServer *server;
};

static void refuse(SoupServerMessage *message, unsigned status, const char *text)
{
	soup_server_message_set_status(message, status, NULL);
	soup_server_message_set_response(message, "text/plain; charset=utf-8", SOUP_MEMORY_STATIC,
					 text, strlen(text));
}

static void scrape(struct metrics_listener *l, SoupServerMessage *message)
{
	SoupMessageHeaders *fields = soup_server_message_get_response_headers(message);
	const char *accepted = soup_message_headers_get_list(
		soup_server_message_get_request_headers(message), "accept-encoding");
	bool gzipped;
	GBytes *body = metrics_body(l->metrics, accepted, &gzipped);

	soup_server_message_set_status(message, SOUP_STATUS_OK, NULL);
	soup_message_headers_replace(fields, "content-type", METRICS_CONTENT_TYPE);
	soup_message_headers_replace(fields, "vary", "accept-encoding");
	soup_message_headers_replace(fields, "cache-control", "no-store");
	if (gzipped)
		soup_message_headers_replace(fields, "content-encoding", "gzip");
	soup_message_body_append_bytes(soup_server_message_get_response_body(message), body);
	g_bytes_unref(body);
}

static void on_request(SoupServer *server, SoupServerMessage *message, const char *path,
		       GHashTable *query, gpointer data)
{
	const char *method = soup_server_message_get_method(message);

	(void)server;
	(void)query;
	if (!g_str_equal(path, "/metrics")) {
		refuse(message, SOUP_STATUS_NOT_FOUND, "only /metrics is served here\n");
	} else if (!g_str_equal(method, "GET") && !g_str_equal(method, "HEAD")) {
		soup_message_headers_replace(soup_server_message_get_response_headers(message),
					     "allow", "GET, HEAD");
		refuse(message, SOUP_STATUS_METHOD_NOT_ALLOWED, "/metrics is read with GET\n");
	} else {
		scrape(data, message);
	}
}

static bool listen_on(struct metrics_listener *l, const char *address, GError **error)
{
	GSocketConnectable *where = g_network_address_parse(address, 0, error);
	GSocketAddress *socket_address = NULL;
	bool ok = false;

	if (where != NULL)
		socket_address = g_inet_socket_address_new_from_string(
			g_network_address_get_hostname(G_NETWORK_ADDRESS(where)),
			g_network_address_get_port(G_NETWORK_ADDRESS(where)));
	if (socket_address != NULL)
		ok = soup_server_listen(l->server, socket_address, 0, error);
	if (!ok)
		g_prefix_error(error, "metrics_listen: \"%s\": ", address);
	g_clear_object(&socket_address);
	g_clear_object(&where);
	return ok;
}

struct metrics_listener *metrics_listener_new(const struct metrics *metrics,
					      const char *const *addresses, GError **error)
{
	struct metrics_listener *l = g_new0(struct metrics_listener, 1);

	l->metrics = metrics;
	l->server = soup_server_new("server-header", "sluice", NULL);
	soup_server_add_handler(l->server, NULL, on_request, l, NULL);
	for (size_t i = 0; addresses[i] != NULL; i++) {
		if (!listen_on(l, addresses[i], error)) {
			metrics_listener_free(&l);
			return NULL;
		}
	}
	return l;
}

void metrics_listener_free(struct metrics_listener **listener)
{
	struct metrics_listener *l = *listener;

	if (l == NULL)
		return;
	*listener = NULL;
	soup_server_disconnect(l->server);
	g_object_unref(l->server);
	g_free(l);
}
