// SPDX-License-Identifier: Apache-2.0
// controlplane/session/services.h - the gRPC services, one file each: names in, messages out.
//
// Thread   the API's GMainContext.
#pragma once

#include "controlplane/rpc/server.h"
#include "controlplane/session/names.h"
#include "controlplane/session/room.h"

struct node;

void room_service_register(struct node *node, struct rpc_server *server);
void signalling_service_register(struct node *node, struct rpc_server *server);
void node_service_register(struct node *node, struct rpc_server *server);

// Publishes for 'p': takes 'call', which is answered now or when the dataplane knows the
// credentials.
void publish_call(struct participant *p, struct rpc_call *call,
		  const Sluice__V1__PublishRequest *request);

// Find what a request names; otherwise the call has been failed with the reason, and NULL returned.
struct room *service_room(struct node *node, struct rpc_call *call, const char *field,
			  const char *name);
struct participant *service_participant(struct node *node, struct rpc_call *call, const char *field,
					const char *name);
struct track *service_track(struct node *node, struct rpc_call *call, const char *field,
			    const char *name);
