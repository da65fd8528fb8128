// SPDX-License-Identifier: Apache-2.0
// controlplane/session/services.h - the gRPC services, one file each: names in, messages out.
//
// Thread   the API's GMainContext.
#pragma once

#include "controlplane/rpc/server.h"
#include "controlplane/session/names.h"
#include "controlplane/session/room.h"
#include "proto/api/google/protobuf/field_mask.pb-c.h"

enum { DISPLAY_NAME_BYTES_MAX = 128 };

struct node;

void room_service_register(struct node *node, struct rpc_server *server);
void track_service_register(struct node *node, struct rpc_server *server); // RoomService too
void signalling_service_register(struct node *node, struct rpc_server *server);
void node_service_register(struct node *node, struct rpc_server *server);
void statistics_service_register(struct node *node, struct rpc_server *server);
void transport_service_register(struct node *node, struct rpc_server *server);

// May something new come? False after failing the call: the node is draining.
bool service_admits(struct node *node, struct rpc_call *call);

// Publishes for 'p': takes 'call', which is answered now or when the dataplane knows the
// credentials.
void publish_call(struct participant *p, struct rpc_call *call,
		  const Sluice__V1__PublishRequest *request);

// Handler of SignallingService.Signal.
void signal_stream_open(struct rpc_call *call, void *data);

// Find what a request names; otherwise the call has been failed with the reason, and NULL returned.
struct room *service_room(struct node *node, struct rpc_call *call, const char *field,
			  const char *name);
struct participant *service_participant(struct node *node, struct rpc_call *call, const char *field,
					const char *name);
struct track *service_track(struct node *node, struct rpc_call *call, const char *field,
			    const char *name);

// Takes a name apart. False after failing the call.
bool service_name(struct rpc_call *call, const char *field, const char *name, enum name_depth depth,
		  struct resource_name *out);

// A field that may be updated, as update_mask names it.
struct service_field {
	const char *name; // NULL: the last
	unsigned bit;
};
// The bits of a mask, or 'given' for an empty one. False after failing the call.
bool service_mask(struct rpc_call *call, const Google__Protobuf__FieldMask *mask,
		  const struct service_field *fields, unsigned given, unsigned *out);

// The wishes of a request in the form of a Subscription. False after failing the call.
bool service_wishes(struct rpc_call *call, const Sluice__V1__Subscription *m,
		    const Google__Protobuf__FieldMask *mask, unsigned given,
		    struct subscription_wishes *out, unsigned *fields);
// Those that are not at their default.
unsigned service_given_wishes(const Sluice__V1__Subscription *m);
