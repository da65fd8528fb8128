// SPDX-License-Identifier: Apache-2.0
// controlplane/session/transport/transport_service.h - the methods of TransportService by file.
//
// Thread   the API's GMainContext. 'data' is the node.
#pragma once

#include "controlplane/rpc/call.h"
#include "controlplane/session/transport/transport.h"

// producer_service.c
// Ends a call with the transport as it is.
void transport_service_reply(struct rpc_call *call, struct transport *t);

void transport_service_get(struct rpc_call *call, void *data);
void transport_service_list(struct rpc_call *call, void *data);

void transport_service_produce(struct rpc_call *call, void *data);
void transport_service_set_producer_paused(struct rpc_call *call, void *data);
void transport_service_get_producer(struct rpc_call *call, void *data);
void transport_service_list_producers(struct rpc_call *call, void *data);
void transport_service_delete_producer(struct rpc_call *call, void *data);

// consumer_service.c
void transport_service_consume(struct rpc_call *call, void *data);
void transport_service_set_consumers_paused(struct rpc_call *call, void *data);
void transport_service_get_consumer(struct rpc_call *call, void *data);
void transport_service_list_consumers(struct rpc_call *call, void *data);
void transport_service_delete_consumers(struct rpc_call *call, void *data);
