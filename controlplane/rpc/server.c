// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/server.c - see server.h.
#include "controlplane/rpc/server.h"

#include <gio/gio.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <unistd.h>

#include "controlplane/rpc/certificate.h"
#include "controlplane/rpc/client_certificates.h"
#include "controlplane/rpc/conn.h"
#include "controlplane/rpc/dispatch.h"
#include "controlplane/rpc/health.h"
#include "controlplane/rpc/identity.h"
#include "controlplane/rpc/listener.h"
#include "controlplane/rpc/peer.h"
#include "controlplane/rpc/reflection.h"
#include "controlplane/rpc/route.h"
#include "controlplane/rpc/static_files.h"

enum {
	SERVER_CONNECTIONS_MAX = 1024,
	SERVER_GOAWAY_PAUSE_MS = 100, // for what was sent before the announcement arrived
};

struct rpc_server {
	char **listen, **listen_plain, **listen_metrics, **listen_mtls, **names, **allowed_origins;
	char *unix_socket;
	unsigned max_connections;
	SSL_CTX *ctx;
	SSL_CTX *client_ctx; // the same, asking for client certificates; NULL: nowhere
	struct client_certificate_counts client_certificates;
	char *fingerprint, *url;
	struct static_files *page;
	struct rpc_dispatch *dispatch;
	struct health *health;
	GArray *routes; // struct http_route
	struct route route;
	GArray *metrics_routes; // one struct http_route, or none
	struct route metrics_route;
	GPtrArray *listeners;
	GPtrArray *conns;
	GSource *tick, *pause, *deadline;
	bool draining;
	rpc_server_done_fn done;
	void *done_data;
};

static void server_drop_source(GSource **source)
{
	if (*source == NULL)
		return;
	g_source_destroy(*source);
	g_source_unref(*source);
	*source = NULL;
}

static GSource *server_timer(unsigned ms, GSourceFunc function, struct rpc_server *s)
{
	GSource *source = g_timeout_source_new(ms);

	g_source_set_callback(source, function, s, NULL);
	g_source_attach(source, g_main_context_get_thread_default());
	return source;
}

static bool strv_is_empty(char *const *list)
{
	return list == NULL || list[0] == NULL;
}

static bool server_load_identity(struct rpc_server *s, const struct rpc_server_options *o,
				 GError **error)
{
	char **names;

	if (strv_is_empty(s->listen) && strv_is_empty(s->listen_mtls))
		return true; // the Unix socket alone needs none
	if (o->tls_certificate != NULL) {
		s->ctx = certificate_load(o->tls_certificate, o->tls_key, error);
	} else {
		names = identity_names(o->listen, o->names);
		s->ctx = certificate_self_signed(o->state_directory, (const char *const *)names,
						 error);
		g_strfreev(names);
	}
	if (s->ctx == NULL)
		return false;
	s->fingerprint = certificate_fingerprint(s->ctx);
	if (strv_is_empty(s->listen_mtls))
		return true;
	s->client_ctx = certificate_asking_clients(s->ctx, o->client_ca, error);
	if (s->client_ctx == NULL)
		return false;
	client_certificates_watch(s->client_ctx, &s->client_certificates);
	return true;
}

static bool server_load(struct rpc_server *s, const struct rpc_server_options *o, GError **error)
{
	if (!server_load_identity(s, o, error))
		return false;
	if (o->web_directory != NULL) {
		s->page = static_files_load(o->web_directory, error);
		if (s->page == NULL)
			return false;
	}
	return true;
}

struct rpc_server *rpc_server_new(const struct rpc_server_options *o, GError **error)
{
	struct rpc_server *s = g_new0(struct rpc_server, 1);

	// OpenSSL writes with write(); a peer that is gone must not be a signal.
	(void)signal(SIGPIPE, SIG_IGN);
	s->listen = g_strdupv((char **)(uintptr_t)o->listen);
	s->listen_plain = g_strdupv((char **)(uintptr_t)o->listen_plain);
	s->listen_metrics = g_strdupv((char **)(uintptr_t)o->listen_metrics);
	s->listen_mtls = g_strdupv((char **)(uintptr_t)o->listen_mtls);
	s->names = g_strdupv((char **)(uintptr_t)o->names);
	s->allowed_origins = g_strdupv((char **)(uintptr_t)o->allowed_origins);
	s->unix_socket = g_strdup(o->unix_socket);
	s->max_connections = o->max_connections != 0 ? o->max_connections : SERVER_CONNECTIONS_MAX;
	s->listeners = g_ptr_array_new();
	s->conns = g_ptr_array_new();
	s->routes = g_array_new(FALSE, FALSE, sizeof(struct http_route));
	s->metrics_routes = g_array_new(FALSE, FALSE, sizeof(struct http_route));
	s->dispatch = rpc_dispatch_new();
	s->health = health_new();
	health_set(s->health, "", true);
	rpc_server_register(s, health_service(s->health));
	reflection_register(s->dispatch);
	if (!server_load(s, o, error)) {
		rpc_server_free(&s);
		return NULL;
	}
	s->route = (struct route){
		.dispatch = s->dispatch,
		.page = s->page,
		.routes = s->routes,
		.body_max =
			o->max_request_bytes != 0 ? o->max_request_bytes : RPC_REQUEST_BYTES_MAX,
		.allowed_origins = (const char *const *)s->allowed_origins,
	};
	s->metrics_route = s->route;
	s->metrics_route.routes = s->metrics_routes;
	s->metrics_route.plain_only = true;
	rpc_dispatch_set_request_max(s->dispatch, s->route.body_max);
	return s;
}

void rpc_server_register(struct rpc_server *s, const struct rpc_service *service)
{
	rpc_dispatch_register(s->dispatch, service);
	health_set(s->health, service->name, true);
}

void rpc_server_route(struct rpc_server *s, const struct http_route *route)
{
	g_array_append_vals(s->routes, route, 1);
}

void rpc_server_metrics(struct rpc_server *s, const struct http_route *route)
{
	g_array_append_vals(s->metrics_routes, route, 1);
}

// Last thing done for a drain: `done` may free the server.
static void server_finish_drain(struct rpc_server *s)
{
	rpc_server_done_fn done = s->done;

	s->done = NULL;
	server_drop_source(&s->pause);
	server_drop_source(&s->deadline);
	if (done != NULL)
		done(s->done_data);
}

static gboolean server_drain_done(gpointer data)
{
	server_finish_drain(data);
	return G_SOURCE_REMOVE;
}

// From the main loop, because whoever closes a connection still holds the server.
static void server_check_drained(struct rpc_server *s)
{
	if (!s->draining || s->conns->len > 0 || s->done == NULL)
		return;
	server_drop_source(&s->deadline);
	s->deadline = server_timer(0, server_drain_done, s);
}

static void server_closed(struct conn *conn, void *data)
{
	struct rpc_server *s = data;

	g_ptr_array_remove_fast(s->conns, conn);
	conn_free(&conn);
	server_check_drained(s);
}

// Of less use: one that never asked for anything before one that did, then who has been idle
// longer.
static bool server_idler(const struct conn *a, const struct conn *b)
{
	if (conn_was_heard(a) != conn_was_heard(b))
		return conn_was_heard(b);
	return conn_idle_since_us(a) < conn_idle_since_us(b);
}

// The connection that has been of least use gives way to the newcomer: neither the idle nor the
// slow can keep others out. NULL if all are at work.
static struct conn *server_idlest(const struct rpc_server *s)
{
	struct conn *idlest = NULL;

	for (guint i = 0; i < s->conns->len; i++) {
		struct conn *conn = s->conns->pdata[i];

		if (conn_idle_since_us(conn) < INT64_MAX &&
		    (idlest == NULL || server_idler(conn, idlest)))
			idlest = conn;
	}
	return idlest;
}

static void server_add_conn(struct rpc_server *s, int fd, SSL_CTX *ctx, const char *text,
			    const struct route *route)
{
	struct http_peer *peer = http_peer_new(fd, g_strdup(text));

	if (ctx != NULL && ctx == s->client_ctx)
		peer->kind = HTTP_PEER_CERTIFICATE;
	g_ptr_array_add(s->conns, conn_new(fd, ctx, peer, route, server_closed, s));
}

static void server_take(struct rpc_server *s, int fd, SSL_CTX *ctx, const char *text)
{
	struct conn *idlest = s->conns->len >= s->max_connections ? server_idlest(s) : NULL;

	if (idlest != NULL)
		server_closed(idlest, s);
	if (s->conns->len >= s->max_connections)
		close(fd);
	else
		server_add_conn(s, fd, ctx, text, &s->route);
}

static void server_accepted(struct listener *listener, int fd, const char *peer, void *data)
{
	(void)listener;
	server_take(data, fd, ((struct rpc_server *)data)->ctx, peer);
}

static void server_accepted_mtls(struct listener *listener, int fd, const char *peer, void *data)
{
	(void)listener;
	server_take(data, fd, ((struct rpc_server *)data)->client_ctx, peer);
}

static void server_accepted_plain(struct listener *listener, int fd, const char *peer, void *data)
{
	(void)listener;
	server_take(data, fd, NULL, peer);
}

// Whoever looks from this host is let in above the limit too: that is when it is worth a look.
static void server_accepted_metrics(struct listener *listener, int fd, const char *peer, void *data)
{
	struct rpc_server *s = data;

	(void)listener;
	server_add_conn(s, fd, NULL, peer, &s->metrics_route);
}

static gboolean server_tick(gpointer data)
{
	struct rpc_server *s = data;
	int64_t now_us = g_get_monotonic_time();

	for (guint i = s->conns->len; i-- > 0;)
		if (i < s->conns->len)
			conn_tick(s->conns->pdata[i], now_us);
	return G_SOURCE_CONTINUE;
}

static void server_close_listeners(struct rpc_server *s)
{
	for (guint i = 0; i < s->listeners->len; i++)
		listener_free((struct listener **)&s->listeners->pdata[i]);
	g_ptr_array_set_size(s->listeners, 0);
}

static bool server_keep(struct rpc_server *s, struct listener *l)
{
	if (l != NULL)
		g_ptr_array_add(s->listeners, l);
	return l != NULL;
}

static bool server_listen_on(struct rpc_server *s, char *const *addresses,
			     listener_accepted_fn accepted, GError **error)
{
	bool ok = true;

	for (size_t i = 0; ok && addresses != NULL && addresses[i] != NULL; i++)
		ok = server_keep(s, listener_open_tcp(addresses[i], accepted, s, error));
	return ok;
}

static bool server_listen(struct rpc_server *s, GError **error)
{
	bool ok = server_listen_on(s, s->listen, server_accepted, error);

	if (ok && s->listeners->len > 0)
		s->url = identity_url(s->listen[0], listener_port(s->listeners->pdata[0]),
				      (const char *const *)s->names);
	ok = ok && server_listen_on(s, s->listen_mtls, server_accepted_mtls, error) &&
	     server_listen_on(s, s->listen_plain, server_accepted_plain, error) &&
	     server_listen_on(s, s->listen_metrics, server_accepted_metrics, error);
	if (ok && s->unix_socket != NULL)
		ok = server_keep(
			s, listener_open_unix(s->unix_socket, server_accepted_plain, s, error));
	return ok;
}

void rpc_server_set_gate(struct rpc_server *s, const struct rpc_gate *gate)
{
	rpc_dispatch_set_gate(s->dispatch, gate);
}

bool rpc_server_start(struct rpc_server *s, GError **error)
{
	if (!server_listen(s, error)) {
		server_close_listeners(s);
		return false;
	}
	s->tick = server_timer(1000, server_tick, s);
	return true;
}

const char *rpc_server_url(const struct rpc_server *s)
{
	return s->url;
}

const char *rpc_server_fingerprint(const struct rpc_server *s)
{
	return s->fingerprint;
}

void rpc_server_collect(struct metrics_page *page, void *data)
{
	const struct rpc_server *s = data;

	metrics_single_gauge(page, "sluice_api_connections", s->conns->len,
			     "Connections to the API there are.");
	metrics_single_gauge(page, "sluice_api_connections_limit", s->max_connections,
			     "The most connections there can be.");
	metrics_single_gauge(page, "sluice_api_certificate_expiry_timestamp_seconds",
			     s->ctx != NULL ? (double)certificate_expiry(s->ctx) : 0,
			     "When the API's certificate expires, Unix time in seconds; 0: it has "
			     "none.");
	client_certificates_collect(page, &s->client_certificates);
	rpc_dispatch_collect(s->dispatch, page);
}

static gboolean server_goaway(gpointer data)
{
	struct rpc_server *s = data;

	for (guint i = 0; i < s->conns->len; i++)
		conn_shutdown(s->conns->pdata[i]);
	return G_SOURCE_REMOVE;
}

void rpc_server_drain(struct rpc_server *s, unsigned deadline_ms, rpc_server_done_fn done,
		      void *data)
{
	if (s->draining)
		return;
	s->draining = true;
	s->done = done;
	s->done_data = data;
	server_close_listeners(s);
	health_set_all(s->health, false);
	rpc_dispatch_drain(s->dispatch);
	for (guint i = 0; i < s->conns->len; i++)
		conn_announce_shutdown(s->conns->pdata[i]);
	s->pause = server_timer(SERVER_GOAWAY_PAUSE_MS, server_goaway, s);
	s->deadline = server_timer(deadline_ms, server_drain_done, s);
	server_check_drained(s);
}

void rpc_server_free(struct rpc_server **where)
{
	struct rpc_server *s = *where;

	if (s == NULL)
		return;
	*where = NULL;
	server_drop_source(&s->tick);
	server_drop_source(&s->pause);
	server_drop_source(&s->deadline);
	server_close_listeners(s);
	for (guint i = 0; i < s->conns->len; i++)
		conn_free((struct conn **)&s->conns->pdata[i]);
	g_ptr_array_unref(s->listeners);
	g_ptr_array_unref(s->conns);
	health_free(&s->health);
	rpc_dispatch_free(&s->dispatch);
	static_files_free(&s->page);
	g_array_unref(s->routes);
	g_array_unref(s->metrics_routes);
	SSL_CTX_free(s->ctx);
	SSL_CTX_free(s->client_ctx);
	g_strfreev(s->listen);
	g_strfreev(s->listen_plain);
	g_strfreev(s->listen_metrics);
	g_strfreev(s->listen_mtls);
	g_strfreev(s->names);
	g_strfreev(s->allowed_origins);
	g_free(s->unix_socket);
	g_free(s->fingerprint);
	g_free(s->url);
	g_free(s);
}
