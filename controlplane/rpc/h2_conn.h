// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/h2_conn.h - one HTTP/2 connection as a value: bytes in, bytes out. No socket.
//
// Path     conn.c -> [h2_conn] -> h2_stream.c -> route.c
// Thread   the server's GMainContext.
// Owns     the nghttp2 session and its streams, each of which is a struct http_exchange.
// Spec     RFC 9113, RFC 7541, by nghttp2.
#ifndef SLUICE_CONTROLPLANE_RPC_H2_CONN_H
#define SLUICE_CONTROLPLANE_RPC_H2_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/rpc/exchange.h"

enum h2_limits {
	H2_STREAMS_MAX = 100, // at once, per connection
	H2_FIELDS_BYTES_MAX = 16 * 1024, // one request's fields, as RFC 9113 6.5.2 counts
	H2_WINDOW_BYTES = 256 * 1024, // per stream
	H2_CONN_WINDOW_BYTES = 1024 * 1024, // per connection
	H2_STALL_S = 60,
	// Keepalive: a PING within H2_PING_INTERVAL_S of the one before is a strike, unless we have
	// sent HEADERS or DATA since (gRPC's own bandwidth probes). More than H2_PING_STRIKES_MAX:
	// GOAWAY with ENHANCE_YOUR_CALM and "too_many_pings", which makes gRPC clients double their
	// interval.
	H2_PING_INTERVAL_S = 10,
	H2_PING_STRIKES_MAX = 2,
	H2_EXCESS_BYTES_MAX =
		64 * 1024, // of a request that is answered already; then it is stopped
	H2_EXCESS_S = 5, // the same in time
};

struct h2_conn;

// Borrows `from`, `events` and `data`.
struct h2_conn *h2_conn_new(const struct http_peer *from, const struct http_events *events,
			    void *data);

// Feeds what the peer sent, in pieces of any size. Returns 0, or -EPROTO when the connection is
// beyond repair: pull once more (GOAWAY tells the peer why), then close.
int h2_conn_receive(struct h2_conn *conn, const uint8_t *bytes, size_t byte_count);

// Gives the next bytes to send, valid until the next call; 0 if there are none now.
size_t h2_conn_pull(struct h2_conn *conn, const uint8_t **bytes);

// Nothing more to read or write: the socket can go.
bool h2_conn_is_over(const struct h2_conn *conn);
unsigned h2_conn_stream_count(const struct h2_conn *conn);

// Once a second: resets answers of which the peer has let nothing pass for H2_STALL_S.
void h2_conn_tick(struct h2_conn *conn, int64_t now_us);

// GOAWAY in two steps (RFC 9113 6.8): announce, and a round trip later refuse what is new.
void h2_conn_announce_shutdown(struct h2_conn *conn);
void h2_conn_shutdown(struct h2_conn *conn);

// Closes every stream, incomplete. Accepts NULL; clears the caller's pointer.
void h2_conn_free(struct h2_conn **conn);

#endif
