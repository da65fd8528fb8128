// SPDX-License-Identifier: Apache-2.0
// controlplane/whip/reply.h - answers of WHIP and WHEP, and which status code says what.
//
//   400 not SDP, not a fragment    401 no or no valid token     403 the token does not allow it
//   404 no such endpoint, session  405 with Allow               406 WHEP counter-offer
//   409 nobody publishes yet, id taken, answer pending: with Retry-After
//   412 another ICE session        415 with what is taken       422 SDP that cannot be served
//   428 no If-Match                429, 503 with Retry-After    500 a fault of ours
//
// Thread   the API's GMainContext.
// Spec     RFC 9110 15, RFC 6585, RFC 9725 4, draft-ietf-wish-whep-04 4.
#pragma once

#include "controlplane/rpc/error.h"
#include "controlplane/rpc/exchange.h"

#define WHIP_TYPE_SDP "application/sdp"
#define WHIP_TYPE_FRAGMENT "application/trickle-ice-sdpfrag"

#define WHIP_RETRY_AFTER_S "2"

// A refusal: one sentence in plain text. 409, 429 and 503 get their Retry-After.
void whip_refuse(struct http_exchange *x, unsigned status, const char *format, ...)
	G_GNUC_PRINTF(3, 4);
// The same with one field more: Allow, Accept-Post, Accept-Patch, WWW-Authenticate.
void whip_refuse_with(struct http_exchange *x, unsigned status, const char *name, const char *value,
		      const char *text);
// As the gRPC API would have said it.
void whip_refuse_error(struct http_exchange *x, const struct rpc_error *error);

// True if the request's content-type is that one, whatever its parameters.
bool whip_content_is(const struct http_exchange *x, const char *type);
