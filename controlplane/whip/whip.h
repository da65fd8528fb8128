// SPDX-License-Identifier: Apache-2.0
// controlplane/whip/whip.h - WHIP and WHEP: publish and play with one HTTP request.
//
// Place    beside the gRPC services, on the same rooms; rpc/ brings the requests, over HTTP/2 and
//          HTTP/1.1. target.h says which paths there are, status codes are in reply.h.
// Thread   the API's GMainContext.
// Spec     RFC 9725 (WHIP), draft-ietf-wish-whep-04 (WHEP), RFC 8840 (trickle-ice-sdpfrag).
#pragma once

#include "controlplane/auth/auth.h"
#include "controlplane/rpc/server.h"
#include "controlplane/session/node.h"

struct whip_server;

// Adds its routes. Borrows all three; the server is freed before it.
struct whip_server *whip_server_new(struct node *node, struct rpc_server *server,
				    struct auth *auth);
void whip_server_free(struct whip_server **whip);

// A collector; `data` is the struct whip_server.
void whip_server_collect(struct metrics_page *page, void *data);
