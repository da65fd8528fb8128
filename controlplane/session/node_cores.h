// SPDX-License-Identifier: Apache-2.0
// controlplane/session/node_cores.h - NodeService's calls about cores, ports and draining, and what
// they share with node_service.c.
//
// Thread   the API's GMainContext. 'data' is the node.
#pragma once

#include "controlplane/rpc/call.h"

struct node;

// How busy each core was in the last second: looked at all the time.
struct node_load;
struct node_load *node_load_new(struct node *node);
void node_load_free(struct node_load **load);

void node_list_cores(struct rpc_call *call, void *data);
void node_list_interfaces(struct rpc_call *call, void *data);
void node_drain(struct rpc_call *call, void *data);
void node_undrain(struct rpc_call *call, void *data);

// node_service.c
void node_reply(struct rpc_call *call, struct node *node);
