// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/grpc_reply.h - the answering side of one call on the wire, in three dialects.
//
// Path     call.c -> [grpc_reply] -> exchange
// Owns     nothing. Borrows the exchange until the status is sent or the exchange closes.
// Spec     gRPC over HTTP/2 "Responses"; gRPC-Web; Fetch standard (CORS).
#ifndef SLUICE_CONTROLPLANE_RPC_GRPC_REPLY_H
#define SLUICE_CONTROLPLANE_RPC_GRPC_REPLY_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "controlplane/rpc/error.h"
#include "controlplane/rpc/exchange.h"

enum grpc_dialect {
	GRPC_NONE, // not gRPC, or a message format other than protobuf
	GRPC_HTTP2,
	GRPC_WEB,
	GRPC_WEB_TEXT,
};

struct grpc_reply {
	struct http_exchange *x;
	enum grpc_dialect dialect;
	bool gzip; // the client takes it
	bool head_sent;
	bool status_sent;
	enum rpc_status status; // the one sent
};

// By content-type, which may be NULL.
enum grpc_dialect grpc_dialect_of(const char *content_type);

// One answer, packed if the client takes that and it is worth it. Gives the frame.
GBytes *grpc_reply_message_frame(const struct grpc_reply *r, const ProtobufCMessage *message);

// Takes `frame`; sends the head before the first one.
void grpc_reply_frame(struct grpc_reply *r, GBytes *frame);

// Ends the answer; trailers-only if nothing was sent before. NULL: OK.
void grpc_reply_status(struct grpc_reply *r, const struct rpc_error *error);

#endif
