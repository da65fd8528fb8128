// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/call_state.h - what a call is inside. For call.c, call_request.c and dispatch.c.
//
// Owns     A call has two holders, its handler and its exchange, and goes with the second of them.
#ifndef SLUICE_CONTROLPLANE_RPC_CALL_STATE_H
#define SLUICE_CONTROLPLANE_RPC_CALL_STATE_H

#include "controlplane/rpc/call.h"
#include "controlplane/rpc/call_metrics.h"
#include "controlplane/rpc/dispatch.h"
#include "controlplane/rpc/grpc_frame.h"
#include "controlplane/rpc/grpc_reply.h"
#include "controlplane/rpc/grpc_text.h"
#include "controlplane/rpc/unpack.h"
#include "proto/api/table.h"

// What all calls of one server share.
struct rpc_calls {
	GQueue list; // struct rpc_call
	struct rpc_gate gate; // its functions may be NULL
	struct rpc_dispatch *dispatch;
	size_t body_bytes; // of requests under way
	size_t anybody_bytes; // of those, from calls of nobody known
	size_t request_bytes_max; // one message, unpacked by gzip
	struct call_counts *counts; // one per row of api_methods
	bool draining;
};

enum { RPC_OUTCOMES_MAX = 2 }; // the gate's, and of who called an inner call

struct rpc_call {
	struct rpc_calls *calls; // NULL once the server is gone
	GList link;
	unsigned holds; // handler, exchange, and whoever is about to call out
	const struct api_method *method;
	char *peer;
	void *attached; // a reference counted box, or NULL
	GDestroyNotify attached_drop;
	struct grpc_reply reply; // reply.x is NULL once the exchange has closed
	struct grpc_deframer deframer;
	struct grpc_base64 base64;
	size_t body_bytes; // charged to calls->body_bytes
	bool anybodys; // and to calls->anybody_bytes
	struct unpack_arena arena;
	ProtobufCMessage *request;
	struct rpc_facts facts; // of the error to come
	int64_t began_us;
	int64_t deadline_us;
	GSource *deadline;
	GSource *cut; // tells the handler of a cut soon, but not from inside its own call

	rpc_call_start_fn start;
	void *start_data;
	rpc_call_cancel_fn on_cancel;
	void *on_cancel_data;
	rpc_call_request_fn on_request;
	void *on_request_data;
	struct {
		rpc_call_outcome_fn tell;
		void *data;
	} outcomes[RPC_OUTCOMES_MAX];

	rpc_call_sent_fn sent; // of an inner stream
	void *sent_data;
	bool inner; // see rpc_call_begin_inner
	bool started; // the handler is a holder
	bool have_request; // one message is whole (unary only needs one)
	bool cancelled;
};

// Takes over the exchange. `start` may be NULL: the method has no handler.
void rpc_call_begin(struct rpc_calls *calls, struct http_exchange *x, enum grpc_dialect dialect,
		    const struct api_method *method, rpc_call_start_fn start, void *start_data);

// A call without an exchange: what it sends and ends with is told to these alone.
struct rpc_inner {
	const struct api_method *method;
	rpc_call_start_fn start; // NULL: the method has no handler
	void *start_data;
	rpc_call_sent_fn sent; // NULL: unary
	rpc_call_outcome_fn outcome;
	void *data;
	struct rpc_call **where; // or NULL
};
void rpc_call_begin_inner(const struct rpc_call *outer, const ProtobufCMessage *request,
			  const struct rpc_inner *inner);

// Ends a call that we, not its handler, give up: says so to the client, then to the handler.
void rpc_call_abort(struct rpc_call *call, enum rpc_status code, Sluice__V1__ErrorReason reason,
		    const char *text);

// Forgets the request's bytes as far as they are charged to the server.
void rpc_call_discharge(struct rpc_call *call);
void rpc_call_hold(struct rpc_call *call);
void rpc_call_release(struct rpc_call *call);

#endif
