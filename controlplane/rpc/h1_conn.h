// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/h1_conn.h - one HTTP/1.1 connection: bytes in, bytes out, libsoup in the middle.
//
// Path     conn.c -> [h1_conn] -> libsoup, over a socket pair -> h1_exchange.c -> route.c
// Thread   the server's GMainContext.
// Owns     for each request a socket pair and a SoupServer that knows no other; the exchange under
// way. Spec     RFC 9112, by libsoup. Ours are the limits in size and time, and the refusal of
// requests
//          that two readers could take for two different ones (section 6.1).
#ifndef SLUICE_CONTROLPLANE_RPC_H1_CONN_H
#define SLUICE_CONTROLPLANE_RPC_H1_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/rpc/exchange.h"

enum h1_limits {
	H1_HEAD_BYTES_MAX = 16 * 1024, // request line and fields
	H1_HEAD_S = 10, // from the first byte of a head to its last
	H1_BODY_STALL_S = 30, // without a byte of a body that is not complete
	H1_EXCESS_BYTES_MAX = 64 * 1024, // of a request that is answered already; then it is cut
	H1_EXCESS_S = 5, // the same in time
	H1_STALL_S = 60, // without a byte of the answer taken though there are some
};

struct h1_conn;

// The same as an h2_conn's, one by one; see h2_conn.h.
struct h1_conn *h1_conn_new(const struct http_peer *from, const char *scheme,
			    size_t request_bytes_max, const struct http_events *events, void *data);
int h1_conn_receive(struct h1_conn *conn, const uint8_t *bytes, size_t byte_count);
size_t h1_conn_pull(struct h1_conn *conn, const uint8_t **bytes);
bool h1_conn_is_over(const struct h1_conn *conn);
unsigned h1_conn_exchange_count(const struct h1_conn *conn);
void h1_conn_tick(struct h1_conn *conn, int64_t now_us);
void h1_conn_shutdown(struct h1_conn *conn);
void h1_conn_free(struct h1_conn **conn);

// False: what it was given is not taken yet. `output` is called when it is.
bool h1_conn_takes_more(const struct h1_conn *conn);

#endif
