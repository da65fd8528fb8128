// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/conn.h - one accepted socket: TLS, timeouts, and an h1_conn or h2_conn
// fed from it.
//
// Path     listener.c -> [conn] -> h1_conn.c | h2_conn.c -> route.c
// Thread   the server's GMainContext.
// Owns     the socket, its TLS state, what is to be written, the HTTP connection.
// Spec     RFC 8446, RFC 7301.
#ifndef SLUICE_CONTROLPLANE_RPC_CONN_H
#define SLUICE_CONTROLPLANE_RPC_CONN_H

#include <glib.h>
#include <openssl/ssl.h>

#include "controlplane/rpc/route.h"

enum conn_limits {
	CONN_OUT_BYTES_MAX = 64 * 1024, // pulled from h2_conn and not yet written
	CONN_READ_BYTES_PER_TURN = 128 * 1024, // then the others have their turn
	CONN_HANDSHAKE_S = 10, // from accept to the first bytes of HTTP
	CONN_STALL_S = 60, // without a byte written though there are some
	CONN_IDLE_S = 600, // without a stream
	CONN_LINGER_S = 5, // from our last byte to the peer's
	CONN_LINGER_BYTES_MAX = 8 * 1024 * 1024, // from the peer in that time
};

struct conn;
struct http_peer;

// The connection is over: free it. Comes from the main context, never from inside conn_* below.
typedef void (*conn_closed_fn)(struct conn *conn, void *data);

// Takes `fd` and `peer`. `ctx` is NULL for plain TCP: the first bytes tell HTTP/1.1 from
// HTTP/2 by prior knowledge. Borrows `route` and `data`.
struct conn *conn_new(int fd, SSL_CTX *ctx, struct http_peer *peer, const struct route *route,
		      conn_closed_fn closed, void *data);

// Since when nothing is asked of us, on g_get_monotonic_time's clock; INT64_MAX while a request is
// under way.
int64_t conn_idle_since_us(const struct conn *conn);

// True once any byte of HTTP has come.
bool conn_was_heard(const struct conn *conn);

// Once a second. May call closed.
void conn_tick(struct conn *conn, int64_t now_us);
void conn_announce_shutdown(struct conn *conn);
void conn_shutdown(struct conn *conn);
void conn_free(struct conn **conn);

#endif
