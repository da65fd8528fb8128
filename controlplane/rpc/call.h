// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/call.h - one gRPC call, as a service's handler sees it.
//
// Path     dispatch.c -> service handler -> [call] -> grpc_frame -> exchange
// Thread   the server's GMainContext, always.
// Owns     A call is the handler's from start() until the handler ends it. Every call is ended
//          exactly once, by rpc_call_reply, rpc_call_fail or rpc_call_finish; afterwards the
//          pointer is dead. That holds for a cancelled call too: ending it then only frees it.
//          A handler may end the call inside start() or at any later time from the same context.
// Spec     gRPC over HTTP/2; gRPC-Web. A handler cannot tell which one the client speaks.
#ifndef SLUICE_CONTROLPLANE_RPC_CALL_H
#define SLUICE_CONTROLPLANE_RPC_CALL_H

#include <glib.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "controlplane/rpc/error.h"

enum rpc_call_limits {
	RPC_REQUEST_BYTES_MAX = 1 << 20, // one request message, unpacked by gzip; the default
	RPC_UNPACK_FACTOR = 4, // of that: one request message in memory
	RPC_ANYBODY_BYTES_MAX = 1 << 20, // requests under way, over all calls of nobody known
	RPC_SEND_QUEUE_BYTES_MAX = 1 << 20, // unsent answers of one call; above it the call is cut
};

struct http_peer;
struct rpc_call;

// Unary and server-streaming: the request has arrived, was unpacked and checked (UTF-8 included).
// Client-streaming and bidirectional: called at the headers; set rpc_call_on_request in it.
typedef void (*rpc_call_start_fn)(struct rpc_call *call, void *data);

// One row of a service's table. `name` is the method's, without package and service.
struct rpc_method {
	const char *name;
	rpc_call_start_fn start;
};

// Methods of the .proto that have no row here answer UNIMPLEMENTED.
struct rpc_service {
	const char *name; // "sluice.v1.RoomService"
	const struct rpc_method *methods;
	size_t method_count;
	void *data; // borrowed; handed to every start()
};

// The unpacked request; cast it to the method's message. Borrowed until the call ends. NULL for
// client-streaming and bidirectional calls.
const ProtobufCMessage *rpc_call_request(const struct rpc_call *call);

// What rpc_call_reply takes.
const ProtobufCMessageDescriptor *rpc_call_answer_type(const struct rpc_call *call);

// Ends a call with its one answer and OK. Borrows `answer`.
void rpc_call_reply(struct rpc_call *call, const ProtobufCMessage *answer);

// Ends a call with an error. The text is a sentence for the caller: thing, value, cure. Never OK.
// `reason` is a value of proto/api/sluice/v1/errors.proto, `code` the one written there.
void rpc_call_fail(struct rpc_call *call, enum rpc_status code, Sluice__V1__ErrorReason reason,
		   const char *format, ...) G_GNUC_PRINTF(4, 5);

// Adds one entry of ErrorInfo.metadata to the rpc_call_fail that follows. `key` is a literal:
// "field", "value", "limit", "resource". At most RPC_ERROR_FACTS_MAX; the rest is left out.
void rpc_call_fact(struct rpc_call *call, const char *key, const char *format, ...)
	G_GNUC_PRINTF(3, 4);

// Streams one answer. Borrows `answer`. Returns 0, -ECANCELED if nobody listens any more, or
// -ENOBUFS if the reader is too slow: it has been cut with RESOURCE_EXHAUSTED. In both cases the
// handler has been told by its on_cancel, or is about to be: never from inside this function.
int rpc_call_send(struct rpc_call *call, const ProtobufCMessage *answer);

// Ends a stream with OK, after all that was sent before it.
void rpc_call_finish(struct rpc_call *call);

// Tells the handler that nobody waits for the answer any more: the client reset the stream or went
// away, the deadline passed, the reader was too slow, the server shuts down. Called at most once,
// from the main context and never from inside another rpc_call function. The handler still has to
// end the call, which it may do right there.
typedef void (*rpc_call_cancel_fn)(struct rpc_call *call, void *data);
void rpc_call_on_cancel(struct rpc_call *call, rpc_call_cancel_fn cancel, void *data);
bool rpc_call_is_cancelled(const struct rpc_call *call);

// Client-streaming and bidirectional: each request, then once NULL when the client has finished.
// `request` is borrowed for the call.
typedef void (*rpc_call_request_fn)(struct rpc_call *call, const ProtobufCMessage *request,
				    void *data);
void rpc_call_on_request(struct rpc_call *call, rpc_call_request_fn request, void *data);

// What the handler ended a call with. RPC_OK of a unary call has an answer, another code an error;
// RPC_CANCELLED without one: the handler gave up, because nobody waits any more.
struct rpc_outcome {
	enum rpc_status code;
	const ProtobufCMessage *answer;
	const struct rpc_error *error;
};

// Told once, when the handler ends the call and also if nobody hears its answer any more. For
// whoever stands between the wire and the handler: the gate, and rpc_call_inner.
typedef void (*rpc_call_outcome_fn)(const struct rpc_outcome *outcome, void *data);
void rpc_call_on_outcome(struct rpc_call *call, rpc_call_outcome_fn outcome, void *data);

// A question before the handler of every call, streams included. True: go on. False: the call has
// been ended, or will be.
typedef bool (*rpc_gate_fn)(struct rpc_call *call, void *data);

struct rpc_gate {
	// At the head, before any of the body is kept; the request is NULL. Not asked of inner
	// calls. A call to which it has attached nothing is anybody's: its body is charged to
	// RPC_ANYBODY_BYTES_MAX.
	rpc_gate_fn head;
	// With the request, which is NULL where it streams.
	rpc_gate_fn request;
	void *data; // borrowed
};

// Runs another unary method as part of `outer`: gate and handler cannot tell it from a call of the
// same client. Copies `request`. `outcome` comes once, perhaps from inside; it borrows what it is
// told. A method without a handler ends with UNIMPLEMENTED. It has no deadline of its own.
void rpc_call_inner(struct rpc_call *outer, const char *path, const ProtobufCMessage *request,
		    rpc_call_outcome_fn outcome, void *data);

// The same for a server-streaming method: `sent` borrows each of its answers, `outcome` comes last.
// *inner is set before the handler begins, and dead from `outcome` on.
typedef void (*rpc_call_sent_fn)(const ProtobufCMessage *answer, void *data);
void rpc_call_inner_stream(struct rpc_call *outer, const char *path,
			   const ProtobufCMessage *request, rpc_call_sent_fn sent,
			   rpc_call_outcome_fn outcome, void *data, struct rpc_call **inner);

// Nobody listens to an inner stream any more: its handler's on_cancel ends it.
void rpc_call_cancel(struct rpc_call *inner);

// The method's path, "/sluice.v1.RoomService/CreateRoom".
const char *rpc_call_path(const struct rpc_call *call);

// "192.0.2.7:50000", "[2001:db8::1]:50000" or "unix". Never NULL.
const char *rpc_call_peer(const struct rpc_call *call);

// The connection it came by; NULL for an inner call, and once nobody listens any more.
const struct http_peer *rpc_call_from(const struct rpc_call *call);

// Something the gate has found out, for the handlers: a reference counted box (g_rc_box_new), of
// which the call takes the reference and drops it by 'drop'. Calls inside this one have it too.
void rpc_call_attach(struct rpc_call *call, void *box, GDestroyNotify drop);
void *rpc_call_attached(const struct rpc_call *call); // NULL: nothing; borrowed

// First value of one metadata key (lower case), or NULL. "-bin" values are as sent, in base64.
const char *rpc_call_metadata(const struct rpc_call *call, const char *key);

// All values of a "-bin" key, as GBytes, in order of arrival. Gives the array. A call with one that
// cannot be decoded does not reach its handler.
GPtrArray *rpc_call_metadata_binary(const struct rpc_call *call, const char *key);

// When the client stops waiting, on g_get_monotonic_time's clock; INT64_MAX without a deadline.
int64_t rpc_call_deadline_us(const struct rpc_call *call);

#endif
