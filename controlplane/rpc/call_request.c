// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/call_request.c - the arriving side of a call: headers, body, deadline, end.
//
// Path     dispatch.c -> [call_request] -> service handler's start and on_request
// Spec     gRPC over HTTP/2 "Requests"; gRPC-Web.
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "controlplane/rpc/call_state.h"
#include "controlplane/rpc/grpc_gzip.h"
#include "controlplane/rpc/peer.h"

enum { CALL_BASE64_PIECE_BYTES = 4096 };

static size_t call_unpack_max(const struct rpc_call *call)
{
	return RPC_UNPACK_FACTOR * call->calls->request_bytes_max;
}

static void call_refuse_unpack(struct rpc_call *call, enum unpack_result why, const char *field)
{
	const char *type = call->method->request->name;
	char *text;

	if (why == UNPACK_NOT_UTF8) {
		text = g_strdup_printf("%s: string field %s is not UTF-8", type, field);
		rpc_call_fact(call, "field", "%s", field);
		rpc_call_abort(call, RPC_INVALID_ARGUMENT, RPC_REASON(MESSAGE_NOT_UTF8), text);
	} else if (why == UNPACK_TOO_LARGE) {
		text = g_strdup_printf("%s: needs more than %d bytes unpacked; send fewer fields",
				       type, (int)call_unpack_max(call));
		rpc_call_fact(call, "limit", "%zu", call_unpack_max(call));
		rpc_call_abort(call, RPC_RESOURCE_EXHAUSTED, RPC_REASON(MESSAGE_TOO_LARGE), text);
	} else {
		text = g_strdup_printf("%s: the bytes are no such protobuf message", type);
		rpc_call_abort(call, RPC_INVALID_ARGUMENT, RPC_REASON(MESSAGE_MALFORMED), text);
	}
	g_free(text);
}

static bool call_unpack(struct rpc_call *call)
{
	const GByteArray *bytes = call->deframer.message;
	enum unpack_result result;
	const char *field;

	unpack_arena_clear(&call->arena);
	unpack_arena_init(&call->arena, call_unpack_max(call));
	result = unpack_message(&call->arena, call->method->request, bytes->data, bytes->len,
				&call->request, &field);
	if (result == UNPACK_OK)
		return true;
	call->request = NULL;
	call_refuse_unpack(call, result, field);
	return false;
}

static void call_start(struct rpc_call *call)
{
	const struct rpc_calls *calls = call->calls;

	call->started = true;
	rpc_call_hold(call); // the handler's
	if (calls == NULL || calls->gate.request == NULL ||
	    calls->gate.request(call, calls->gate.data))
		call->start(call, call->start_data);
}

// Who asks is found out before anything of the body is kept. Returns false if that was its end.
static bool call_admit(struct rpc_call *call)
{
	const struct rpc_gate *gate = &call->calls->gate;

	if (gate->head == NULL)
		return true;
	call->started = true; // for as long as the gate may end it
	rpc_call_hold(call);
	if (!gate->head(call, gate->data))
		return false;
	call->started = false;
	rpc_call_release(call);
	call->anybodys = call->attached == NULL;
	return true;
}

static void call_refuse_size(struct rpc_call *call, char *text)
{
	rpc_call_fact(call, "limit", "%zu", call->deframer.size_max);
	rpc_call_abort(call, RPC_RESOURCE_EXHAUSTED, RPC_REASON(MESSAGE_TOO_LARGE), text);
	g_free(text);
}

// Returns false after refusing the call.
static bool call_gunzip(struct rpc_call *call)
{
	switch (grpc_gunzip(call->deframer.message, call->deframer.size_max)) {
	case GRPC_GUNZIP_OK:
		return true;
	case GRPC_GUNZIP_BAD:
		rpc_call_abort(call, RPC_INTERNAL, RPC_REASON(FRAMING_INVALID),
			       "message flagged as compressed, but it is not gzip");
		break;
	case GRPC_GUNZIP_TOO_LARGE:
		call_refuse_size(call,
				 g_strdup_printf("request message larger than %zu bytes unpacked",
						 call->deframer.size_max));
		break;
	}
	return false;
}

// One request message is whole.
static void call_message(struct rpc_call *call)
{
	if (call->deframer.compressed && !call_gunzip(call))
		return;
	if (!call->method->client_streaming) {
		if (call->have_request)
			rpc_call_abort(call, RPC_INTERNAL, RPC_REASON(FRAMING_INVALID),
				       "more than one request message");
		else
			call->have_request = call_unpack(call);
		return;
	}
	if (call_unpack(call) && call->on_request != NULL)
		call->on_request(call, call->request, call->on_request_data);
	call->request = NULL;
}

static void call_frame_error(struct rpc_call *call, enum grpc_deframe error)
{
	if (error == GRPC_COMPRESSED) {
		rpc_call_abort(
			call, RPC_INTERNAL, RPC_REASON(FRAMING_INVALID),
			"message flagged as compressed, but the call's grpc-encoding is not gzip");
	} else if (error == GRPC_BAD_FLAGS) {
		rpc_call_abort(call, RPC_INTERNAL, RPC_REASON(FRAMING_INVALID),
			       "not a gRPC message: unknown flags in its five-byte prefix");
	} else {
		rpc_call_fact(call, "value", "%u", call->deframer.size);
		call_refuse_size(call,
				 g_strdup_printf("request message of %u bytes; the limit is %zu",
						 call->deframer.size, call->deframer.size_max));
	}
}

// The call takes no more input: its status is on the way, or its handler is done with it.
static bool call_is_deaf(const struct rpc_call *call)
{
	return call->reply.x == NULL || call->reply.status_sent || call->cancelled ||
	       call->deframer.message == NULL;
}

static void call_take(struct rpc_call *call, const uint8_t *bytes, size_t byte_count)
{
	while (byte_count > 0 && !call_is_deaf(call)) {
		enum grpc_deframe got = grpc_deframer_feed(&call->deframer, &bytes, &byte_count);

		if (got == GRPC_MESSAGE)
			call_message(call);
		else if (got != GRPC_MORE)
			call_frame_error(call, got);
	}
}

static void call_take_text(struct rpc_call *call, const uint8_t *bytes, size_t byte_count)
{
	uint8_t plain[CALL_BASE64_PIECE_BYTES / 4 * 3 + 3];

	while (byte_count > 0 && !call_is_deaf(call)) {
		size_t n = MIN(byte_count, CALL_BASE64_PIECE_BYTES);
		long got = grpc_base64_decode(&call->base64, bytes, n, plain);

		if (got < 0) {
			rpc_call_abort(call, RPC_INTERNAL, RPC_REASON(FRAMING_INVALID),
				       "the body is not base64");
			return;
		}
		call_take(call, plain, (size_t)got);
		bytes += n;
		byte_count -= n;
	}
}

// Only what is still being collected is charged: a started call holds its message by itself.
static bool call_charge(struct rpc_call *call, size_t byte_count)
{
	if (call->method->client_streaming)
		return true;
	if (call->calls->body_bytes + byte_count > DISPATCH_BODY_BYTES_MAX ||
	    (call->anybodys && call->calls->anybody_bytes + byte_count > RPC_ANYBODY_BYTES_MAX)) {
		rpc_call_abort(call, RPC_RESOURCE_EXHAUSTED, RPC_REASON(SERVER_BUSY),
			       "too many request bytes under way in this server; try again");
		return false;
	}
	call->calls->body_bytes += byte_count;
	call->body_bytes += byte_count;
	if (call->anybodys)
		call->calls->anybody_bytes += byte_count;
	return true;
}

static void call_on_body(void *data, const uint8_t *bytes, size_t byte_count)
{
	struct rpc_call *call = data;

	if (call_is_deaf(call) || call->calls == NULL)
		return;
	rpc_call_hold(call);
	if (call_charge(call, byte_count)) {
		if (call->reply.dialect == GRPC_WEB_TEXT)
			call_take_text(call, bytes, byte_count);
		else
			call_take(call, bytes, byte_count);
	}
	rpc_call_release(call);
}

static void call_on_end(void *data)
{
	struct rpc_call *call = data;

	if (call_is_deaf(call))
		return;
	rpc_call_hold(call);
	if (!grpc_deframer_is_idle(&call->deframer)) {
		rpc_call_abort(call, RPC_INTERNAL, RPC_REASON(FRAMING_INVALID),
			       "the body ends inside a message");
	} else if (call->method->client_streaming) {
		if (call->on_request != NULL)
			call->on_request(call, NULL, call->on_request_data);
	} else if (!call->have_request) {
		rpc_call_abort(call, RPC_INTERNAL, RPC_REASON(FRAMING_INVALID),
			       "the body has no request message");
	} else {
		rpc_call_discharge(call);
		call_start(call);
	}
	rpc_call_release(call);
}

static void call_on_closed(void *data, bool complete)
{
	struct rpc_call *call = data;

	call->reply.x = NULL;
	// A status that went out whole ends the matter, unless the handler has yet to hear of it.
	if (!complete || call->started)
		rpc_call_cancel(call);
	rpc_call_release(call); // the exchange's
}

static const struct http_sink call_sink = {call_on_body, call_on_end, call_on_closed};

static gboolean call_deadline_due(gpointer data)
{
	rpc_call_abort(data, RPC_DEADLINE_EXCEEDED, RPC_REASON(DEADLINE_PASSED),
		       "the call's deadline has passed");
	return G_SOURCE_REMOVE;
}

static void call_set_deadline(struct rpc_call *call, int64_t timeout_us)
{
	int64_t ms = (timeout_us + 999) / 1000;

	call->deadline_us = g_get_monotonic_time() + timeout_us;
	call->deadline = g_timeout_source_new((guint)MIN(ms, G_MAXINT));
	g_source_set_callback(call->deadline, call_deadline_due, call, NULL);
	g_source_attach(call->deadline, g_main_context_get_thread_default());
}

// The first "-bin" field that is no base64, or NULL.
static const char *call_bad_binary(const struct http_exchange *x)
{
	for (guint i = 0; i < x->fields->len; i++) {
		const struct http_field *f = &g_array_index(x->fields, struct http_field, i);

		for (const char *at = g_str_has_suffix(f->name, "-bin") ? f->value : NULL;
		     at != NULL;) {
			GBytes *value = grpc_binary_next(&at);

			if (value == NULL)
				return f->name;
			g_bytes_unref(value);
		}
	}
	return NULL;
}

// Refuses what the headers alone condemn. Returns false if it did.
static bool call_check_head(struct rpc_call *call)
{
	const char *timeout = http_field_get(call->reply.x, "grpc-timeout");
	const char *encoding = http_field_get(call->reply.x, "grpc-encoding");
	const char *bad_binary = call_bad_binary(call->reply.x);
	int64_t timeout_us;

	if (call->start == NULL) {
		rpc_call_abort(call, RPC_UNIMPLEMENTED, RPC_REASON(METHOD_NOT_SERVED),
			       "this server does not serve this method");
	} else if (call->calls->draining) {
		rpc_call_abort(call, RPC_UNAVAILABLE, RPC_REASON(SERVER_SHUTTING_DOWN),
			       "the server is shutting down");
	} else if (encoding != NULL && !g_str_equal(encoding, "identity") &&
		   !g_str_equal(encoding, "gzip")) {
		rpc_call_abort(call, RPC_UNIMPLEMENTED, RPC_REASON(COMPRESSION_UNKNOWN),
			       "unknown grpc-encoding; see grpc-accept-encoding");
	} else if (timeout != NULL && !grpc_timeout_parse(timeout, &timeout_us)) {
		rpc_call_fact(call, "field", "grpc-timeout");
		rpc_call_abort(call, RPC_INTERNAL, RPC_REASON(HEADER_INVALID),
			       "grpc-timeout is not 1 to 8 digits and one of H M S m u n");
	} else if (bad_binary != NULL) {
		rpc_call_fact(call, "field", "%s", bad_binary);
		rpc_call_abort(call, RPC_INTERNAL, RPC_REASON(HEADER_INVALID),
			       "a \"-bin\" field is not base64, padded or not");
	} else {
		if (timeout != NULL)
			call_set_deadline(call, timeout_us);
		call->deframer.gzip = g_strcmp0(encoding, "gzip") == 0;
		return true;
	}
	return false;
}

void rpc_call_begin(struct rpc_calls *calls, struct http_exchange *x, enum grpc_dialect dialect,
		    const struct api_method *method, rpc_call_start_fn start, void *start_data)
{
	struct rpc_call *call = g_new0(struct rpc_call, 1);

	call->calls = calls;
	call->link.data = call;
	g_queue_push_tail_link(&calls->list, &call->link);
	call->holds = 1; // the exchange's
	call->method = method;
	call->peer = g_strdup(x->from->text);
	call->reply = (struct grpc_reply){
		.x = x,
		.dialect = dialect,
		.gzip = grpc_gzip_accepted(http_field_get(x, "grpc-accept-encoding")),
	};
	call->began_us = g_get_monotonic_time();
	call->deadline_us = INT64_MAX;
	call->start = start;
	call->start_data = start_data;
	grpc_deframer_init(&call->deframer, calls->request_bytes_max);
	x->sink = &call_sink;
	x->sink_data = call;
	if (call_check_head(call) && call_admit(call) && method->client_streaming)
		call_start(call);
}

static void call_refuse_inner(struct rpc_call *call)
{
	call->started = true;
	rpc_call_hold(call);
	if (call->start == NULL) {
		rpc_call_fail(call, RPC_UNIMPLEMENTED, RPC_REASON(METHOD_NOT_SERVED),
			      "this server does not serve this method");
	} else {
		rpc_call_fact(call, "limit", "%zu", call_unpack_max(call));
		rpc_call_fail(call, RPC_RESOURCE_EXHAUSTED, RPC_REASON(MESSAGE_TOO_LARGE),
			      "the request needs more than %d bytes unpacked; send fewer fields",
			      (int)call_unpack_max(call));
	}
}

static struct rpc_call *call_new_inner(const struct rpc_call *outer, const struct rpc_inner *inner)
{
	struct rpc_call *call = g_new0(struct rpc_call, 1);

	call->calls = outer->calls;
	call->link.data = call;
	g_queue_push_tail_link(&call->calls->list, &call->link);
	call->holds = 1; // until it is started
	call->method = inner->method;
	call->peer = g_strdup(outer->peer);
	if (outer->attached != NULL) {
		call->attached = g_rc_box_acquire(outer->attached);
		call->attached_drop = outer->attached_drop;
	}
	call->inner = true;
	call->sent = inner->sent;
	call->sent_data = inner->data;
	call->began_us = g_get_monotonic_time();
	call->deadline_us = INT64_MAX;
	call->start = inner->start;
	call->start_data = inner->start_data;
	rpc_call_on_outcome(call, inner->outcome, inner->data);
	return call;
}

void rpc_call_begin_inner(const struct rpc_call *outer, const ProtobufCMessage *request,
			  const struct rpc_inner *inner)
{
	struct rpc_call *call = call_new_inner(outer, inner);
	size_t size = protobuf_c_message_get_packed_size(request);
	uint8_t *bytes = g_malloc(size + 1);
	const char *field;

	assert(inner->method->request == request->descriptor);
	if (inner->where != NULL)
		*inner->where = call;
	protobuf_c_message_pack(request, bytes);
	unpack_arena_init(&call->arena, call_unpack_max(call));
	if (call->start != NULL && unpack_message(&call->arena, request->descriptor, bytes, size,
						  &call->request, &field) == UNPACK_OK)
		call_start(call);
	else
		call_refuse_inner(call);
	explicit_bzero(bytes, size); // it may hold a session's secret
	g_free(bytes);
	rpc_call_release(call);
}
