// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/h1_exchange.h - one request of an h1_conn: the carrier of one exchange.
//
// Path     libsoup's message -> [h1_exchange] -> the exchange's sink
// Owns     the exchange. libsoup reads a request to its end before it writes the answer, so an
//          answer that is there earlier waits in the message.
#ifndef SLUICE_CONTROLPLANE_RPC_H1_EXCHANGE_H
#define SLUICE_CONTROLPLANE_RPC_H1_EXCHANGE_H

#include <libsoup/soup.h>

#include "controlplane/rpc/exchange.h"

struct h1_conn;

struct h1_exchange {
	struct http_exchange x; // first: an exchange is cast back
	struct h1_conn *conn;
	SoupServerMessage *message; // borrowed from libsoup until "finished"
	GStringChunk *text; // holds the fields' bytes
	unsigned status; // of the answer
	bool body_ended;
	bool written; // all of the answer
	size_t excess_bytes; // of the request, after its answer
	int64_t answered_us, moved_us;
};

struct h1_exchange *h1_exchange_new(struct h1_conn *conn, SoupServerMessage *message,
				    const struct http_peer *from, const char *scheme);

// The request is complete: libsoup may write what there is.
void h1_exchange_request_done(struct h1_exchange *e);

// Tells the sink and frees it.
void h1_exchange_close(struct h1_exchange *e);

// What it needs of its connection.
void h1_conn_finished(struct h1_conn *conn);
void h1_conn_break(struct h1_conn *conn);
bool h1_conn_is_closing(const struct h1_conn *conn);

#endif
