// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/exchange.h - one HTTP request and its answer, whatever carries it.
//
// Path     h2_conn.c | h1_conn.c -> [exchange] -> route.c -> call.c | http_route.c |
//          static_files.c
// Thread   the server's GMainContext.
// Owns     The carrier owns the exchange and frees it right after the sink's closed(). The sink is
//          whoever answers; without one, what still arrives is dropped.
// Spec     RFC 9110 (semantics).
#ifndef SLUICE_CONTROLPLANE_RPC_EXCHANGE_H
#define SLUICE_CONTROLPLANE_RPC_EXCHANGE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "controlplane/rpc/http_metrics.h"

struct http_field {
	const char *name; // lower case
	const char *value;
};

struct http_exchange;
struct http_peer;

// What the carrier does for the sink.
struct http_carrier {
	void (*answer)(struct http_exchange *x, unsigned status, const struct http_field *fields,
		       size_t count, bool end);
	void (*body)(struct http_exchange *x, GBytes *bytes);
	void (*end)(struct http_exchange *x, const struct http_field *trailers, size_t count);
	void (*reset)(struct http_exchange *x, uint32_t code);
};

// What a connection of either version tells who holds it.
struct http_events {
	// A request's head has arrived: set x->sink, or answer at once.
	void (*request)(struct http_exchange *x, void *data);
	// There is something to pull. May come from inside any function of the connection's or
	// http_*.
	void (*output)(void *data);
};

// What the sink wants to hear. All come from the main context, never from inside http_* below.
struct http_sink {
	void (*body)(void *data, const uint8_t *bytes, size_t byte_count);
	void (*end)(void *data); // the request is complete
	// The exchange is over and about to be freed; `complete` if all of the answer went out.
	void (*closed)(void *data, bool complete);
};

// RFC 9113 section 7.
enum http_reset {
	HTTP_RESET_NO_ERROR = 0x0,
	HTTP_RESET_INTERNAL = 0x2,
	HTTP_RESET_REFUSED = 0x7,
	HTTP_RESET_CANCEL = 0x8,
	HTTP_RESET_CALM = 0xb, // gRPC clients read RESOURCE_EXHAUSTED
};

struct http_exchange {
	const struct http_carrier *carrier;
	const struct http_sink *sink;
	void *sink_data;

	const char *method, *path, *authority, *scheme; // NULL if the request had none
	const struct http_peer *from; // the connection's
	GArray *fields; // struct http_field, in order of arrival
	GBytes *body; // the whole of it, for a handler of http_route.h; owned; else NULL
	struct http_counts *counts; // of the route; NULL: nobody counts its answers
	const char *cors_expose; // fields of the answer a page may read; NULL: none
	const char *cors_methods; // what a page may ask with
	size_t queued_bytes; // of the answer's body, not sent yet
	bool http1; // the carrier is HTTP/1.1: no trailers, one exchange at a time
	bool cors_allowed; // its Origin is one whose pages may read the answer
	bool request_done;
	bool answered;
};

// First value of a field of the request, or NULL.
static inline const char *http_field_get(const struct http_exchange *x, const char *name)
{
	for (guint i = 0; i < x->fields->len; i++) {
		const struct http_field *f = &g_array_index(x->fields, struct http_field, i);

		if (g_str_equal(f->name, name))
			return f->value;
	}
	return NULL;
}

// Sends the head of the answer; with `end` that is all of it. Copies the fields.
static inline void http_answer(struct http_exchange *x, unsigned status,
			       const struct http_field *fields, size_t count, bool end)
{
	if (x->counts != NULL)
		http_counts_add(x->counts, x->method, status);
	x->carrier->answer(x, status, fields, count, end);
}

// Queues a piece of the body. Takes `bytes`.
static inline void http_body(struct http_exchange *x, GBytes *bytes)
{
	x->carrier->body(x, bytes);
}

// Ends the body, with trailers if there are any. Copies them.
static inline void http_end(struct http_exchange *x, const struct http_field *trailers,
			    size_t count)
{
	x->carrier->end(x, trailers, count);
}

static inline void http_reset(struct http_exchange *x, enum http_reset code)
{
	x->carrier->reset(x, code);
}

// All of an answer at once. Adds content-length and what CORS asks for; takes `body`, which may be
// NULL, and leaves it out where HTTP does (HEAD). `fields` name the content-type.
void http_reply(struct http_exchange *x, unsigned status, const struct http_field *fields,
		size_t count, GBytes *body);

#endif
