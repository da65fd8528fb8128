// SPDX-License-Identifier: Apache-2.0
// controlplane/session/transport/admission.c - see admission.h.

#include "controlplane/session/transport/admission.h"

#include "controlplane/auth/caller.h"
#include "controlplane/session/node.h"
#include "controlplane/session/quotas.h"
#include "controlplane/session/room.h"
#include "controlplane/session/services.h"
#include "controlplane/session/transport/fields.h"
#include "controlplane/session/transport/transport.h"

#include <string.h>

// One participant more, in a room made where there is none. Last: what is refused leaves none.
static bool enter(struct node *n, struct rpc_call *call, const char *id, struct room **room,
		  bool *made)
{
	if (id[0] == '\0')
		return true; // in none
	const char *tenant = *room != NULL ? (*room)->tenant : rpc_call_caller(call)->tenant;
	Sluice__V1__Room settings = SLUICE__V1__ROOM__INIT;

	if ((*room == NULL && !quotas_room(n->quotas, call, tenant)) ||
	    !quotas_participant(n->quotas, call, tenant))
		return false;
	settings.tenant = (char *)(uintptr_t)tenant;
	*made = *room == NULL;
	if (*made)
		*room = room_create_with(n, id, &settings);
	return true;
}

static bool may_come(struct node *n, struct rpc_call *call,
		     const Sluice__V1__CreateTransportRequest *q, struct resource_name *name,
		     struct room **room)
{
	*room = NULL;
	name->room[0] = '\0';
	if (!service_admits(n, call))
		return false;
	if (q->kind_case == SLUICE__V1__CREATE_TRANSPORT_REQUEST__KIND__NOT_SET) {
		rpc_call_fact(call, "field", "kind");
		rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(FIELD_MISSING),
			      "kind: missing: give webrtc or plain.");
		return false;
	}
	if (strlen(q->display_name) > DISPLAY_NAME_BYTES_MAX) {
		field_wrong(call, "display_name", q->display_name, "at most 128 bytes");
		return false;
	}
	if (q->room[0] == '\0')
		return true;
	if (!name_parse(q->room, NAME_ROOM, name)) {
		rpc_call_fact(call, "field", "room");
		rpc_call_fact(call, "value", "%s", q->room);
		rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(NAME_INVALID),
			      "room: \"%.200s\" is not a name of the form %s.", q->room,
			      name_form(NAME_ROOM));
		return false;
	}
	*room = room_find(n, name->room);
	if (*room != NULL &&
	    g_hash_table_size((*room)->participants) >= (*room)->max_participants) {
		rpc_call_fact(call, "resource", "%s", q->room);
		rpc_call_fact(call, "limit", "%u", (*room)->max_participants);
		rpc_call_fail(call, RPC_RESOURCE_EXHAUSTED, RPC_REASON(ROOM_FULL),
			      "%s is full: %u participants.", q->room, (*room)->max_participants);
		return false;
	}
	return true;
}

static bool id_free(struct node *n, struct rpc_call *call, const struct room *room, const char *id)
{
	bool member = room != NULL && g_hash_table_contains(room->participants, id);

	if (transport_find(n, id) == NULL && !member)
		return true;
	rpc_call_fact(call, "resource", "transports/%s", id);
	if (member)
		rpc_call_fail(call, RPC_ALREADY_EXISTS, RPC_REASON(PARTICIPANT_EXISTS),
			      "There is a participant %s in %s already.", id, room->name);
	else
		rpc_call_fail(call, RPC_ALREADY_EXISTS, RPC_REASON(TRANSPORT_EXISTS),
			      "There is a transport transports/%s already.", id);
	return false;
}

bool transport_admit(struct node *n, struct rpc_call *call,
		     const Sluice__V1__CreateTransportRequest *q, const char *id,
		     struct room **room, bool *made_room)
{
	struct resource_name name;

	*made_room = false;
	return may_come(n, call, q, &name, room) && id_free(n, call, *room, id) &&
	       enter(n, call, name.room, room, made_room);
}
