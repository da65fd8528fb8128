// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/reflection.h - grpc.reflection v1 and v1alpha: tools work without our protos.
//
// Path     dispatch.c -> [reflection] -> proto/api/table.h
// Thread   the server's GMainContext.
// Owns     nothing but its two service tables. Borrows the dispatch for the list of services.
// Spec     gRPC Server Reflection Protocol.
#ifndef SLUICE_CONTROLPLANE_RPC_REFLECTION_H
#define SLUICE_CONTROLPLANE_RPC_REFLECTION_H

#include "controlplane/rpc/dispatch.h"

// Registers both versions. The dispatch has to outlive every call, which it does.
void reflection_register(struct rpc_dispatch *dispatch);

#endif
