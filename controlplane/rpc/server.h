// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/server.h - the API server: listeners, services, the page, in one object.
//
// Path     main.c -> [server] -> listener.c -> h1_conn.c | h2_conn.c -> route.c -> dispatch.c
// Thread   the GMainContext that was the thread's default when it was made.
// Owns     its sockets, connections and calls. Borrows services and their data: they outlive it.
#ifndef SLUICE_CONTROLPLANE_RPC_SERVER_H
#define SLUICE_CONTROLPLANE_RPC_SERVER_H

#include <glib.h>
#include <stdbool.h>

#include "controlplane/ops/metrics.h"
#include "controlplane/rpc/call.h"
#include "controlplane/rpc/http_route.h"

// Strings and lists are copied. A list ends with NULL and may be NULL.
struct rpc_server_options {
	const char *const *listen; // "192.0.2.1:8443", "[::]:8443"
	const char *const *listen_plain; // without TLS, for a proxy in front: HTTP/1.1 and HTTP/2
	const char *const *listen_metrics; // without TLS: the one route of rpc_server_metrics
	const char *const *listen_mtls; // TLS that wants a client certificate of client_ca
	const char *client_ca; // PEM; needed with listen_mtls
	const char *unix_socket; // path, or NULL for none
	const char *tls_certificate; // PEM chain; NULL: self-signed, kept in state_directory
	const char *tls_key; // PEM
	const char *state_directory; // needed for the self-signed certificate only
	const char *const *names; // more names and addresses for its SAN
	const char *web_directory; // the built page, or NULL for none
	const char *const *allowed_origins; // besides the own one; "*" for every origin
	unsigned max_connections; // 0: the default of 1024
	size_t max_request_bytes; // one message, or one body of a route; 0: RPC_REQUEST_BYTES_MAX
};

struct rpc_server;

// Loads certificate and page; opens no socket yet. NULL and `error` on failure.
struct rpc_server *rpc_server_new(const struct rpc_server_options *options, GError **error);

// Before rpc_server_start. A service or method that no .proto declares is our bug: asserts.
void rpc_server_register(struct rpc_server *server, const struct rpc_service *service);

// Before rpc_server_start. Copies the route, not what it points to.
void rpc_server_route(struct rpc_server *server, const struct http_route *route);

// Before rpc_server_start; one at most. What listen_metrics serves, and nothing else. Copies it.
void rpc_server_metrics(struct rpc_server *server, const struct http_route *route);

// Before rpc_server_start; one at most. Copies it.
void rpc_server_set_gate(struct rpc_server *server, const struct rpc_gate *gate);

// Binds and listens. False and `error` if any address cannot be had; then none is open.
bool rpc_server_start(struct rpc_server *server, GError **error);

// Borrowed. The URL of the first TLS address ("https://192.0.2.1:8443/", with the port it really
// got), or NULL without one; the SHA-256 fingerprint of the certificate, "AB:CD:...".
const char *rpc_server_url(const struct rpc_server *server);
const char *rpc_server_fingerprint(const struct rpc_server *server);

// A collector; `data` is the struct rpc_server.
void rpc_server_collect(struct metrics_page *page, void *data);

// Takes no new connection or call (GOAWAY), lets running calls end, cuts those still there at the
// deadline, then calls `done` from the main context.
typedef void (*rpc_server_done_fn)(void *data);
void rpc_server_drain(struct rpc_server *server, unsigned deadline_ms, rpc_server_done_fn done,
		      void *data);

// Cuts what is left: on_cancel of every running call is called from here. A call that is not ended
// in it lives on by itself, cut off, until its handler ends it. Accepts NULL; clears the pointer.
void rpc_server_free(struct rpc_server **server);

#endif
