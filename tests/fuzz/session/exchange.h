// SPDX-License-Identifier: Apache-2.0
// tests/fuzz/session/exchange.h - a call with nothing below it: no socket, no HTTP, no framing of
// the fuzzer's. What it is answered with is read at once.
//
// Thread   the test's.
#pragma once

#include "controlplane/rpc/dispatch.h"
#include "proto/api/table.h"

struct exchange {
	struct http_exchange x; // first
	const struct api_method *method;
	GByteArray *answers; // as framed by grpc_frame.h
	bool over; // no more comes from the handler
};

// Begins a call of a client that nobody has asked who it is.
struct exchange *exchange_new(struct rpc_dispatch *dispatch, const struct api_method *method);
// One request message; `last` says that no more follows.
void exchange_send(struct exchange *e, const uint8_t *message, size_t size, bool last);
// The first answer, unpacked; NULL: none has come.
ProtobufCMessage *exchange_answer(const struct exchange *e);
// The client goes away, whether it has been answered or not.
void exchange_free(struct exchange *e);
