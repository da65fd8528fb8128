// SPDX-License-Identifier: Apache-2.0
// controlplane/session/transport/admission.h - whether a transport that is asked for may come, and
// into which room.
//
// Place    transport_service.c, before it makes one.
// Thread   the API's GMainContext.
#pragma once

#include "controlplane/rpc/call.h"
#include "proto/api/sluice/v1/transport.pb-c.h"

#include <stdbool.h>

struct node;
struct room;

// Gives the room it goes into, which is made where there is none ('*made_room'), or NULL. False
// after failing the call; then no room has been made.
bool transport_admit(struct node *n, struct rpc_call *call,
		     const Sluice__V1__CreateTransportRequest *q, const char *id,
		     struct room **room, bool *made_room);
