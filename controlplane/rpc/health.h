// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/health.h - grpc.health.v1: who asks whether a service serves is told.
//
// Path     dispatch.c -> [health]
// Thread   the server's GMainContext.
// Owns     each service's state and the watches.
// Spec     gRPC Health Checking Protocol.
#ifndef SLUICE_CONTROLPLANE_RPC_HEALTH_H
#define SLUICE_CONTROLPLANE_RPC_HEALTH_H

#include <stdbool.h>

#include "controlplane/rpc/call.h"

struct health;

struct health *health_new(void);
void health_free(struct health **health);

// The service to register; valid as long as `health`.
const struct rpc_service *health_service(const struct health *health);

// Sets, and tells whoever watches. "" is the whole server.
void health_set(struct health *health, const char *service, bool serving);
void health_set_all(struct health *health, bool serving);

#endif
