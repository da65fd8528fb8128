// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/h2_stream.h - one stream of an h2_conn: the carrier of one exchange.
//
// Path     h2_conn.c -> [h2_stream] -> the exchange's sink
// Owns     the request's fields and the queue of the answer's body.
// Spec     RFC 9113 section 8.
#ifndef SLUICE_CONTROLPLANE_RPC_H2_STREAM_H
#define SLUICE_CONTROLPLANE_RPC_H2_STREAM_H

#include <nghttp2/nghttp2.h>

#include "controlplane/rpc/exchange.h"

struct h2_conn;

struct h2_stream {
	struct http_exchange x; // first: an exchange is cast back to its stream
	struct h2_conn *conn;
	int32_t id;
	size_t fields_bytes;
	bool fields_too_large;
	GStringChunk *text; // holds the fields' bytes
	GQueue body; // GBytes
	size_t head_sent; // bytes of the first one that are sent
	bool body_ended;
	int64_t moved_us; // when nghttp2 last took some of the body, on g_get_monotonic_time's
			  // clock
	int64_t answer_sent_us; // 0: not all of it has gone to nghttp2's output yet
	size_t excess_bytes; // of the request, after its answer
	bool stopped;
	GArray *trailers; // struct http_field, or NULL
};

struct h2_stream *h2_stream_new(struct h2_conn *conn, int32_t id, const struct http_peer *from);
void h2_stream_free(struct h2_stream *stream);

// Adds one field; pseudo fields go where the exchange has them.
void h2_stream_add_field(struct h2_stream *stream, const char *name, size_t name_size,
			 const char *value, size_t value_size);

// What h2_stream needs of its connection.
nghttp2_session *h2_conn_session(struct h2_conn *conn);
void h2_conn_wake(struct h2_conn *conn);

#endif
