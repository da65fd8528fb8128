// SPDX-License-Identifier: Apache-2.0
// controlplane/session/change.c - see change.h.

#include "controlplane/session/change.h"

#include "controlplane/ops/log.h"
#include "controlplane/session/node.h"
#include "controlplane/session/room.h"
#include "controlplane/session/transport/transport.h"

#include <string.h>

struct change {
	struct node *node;
	char *room; // id, and uid: it may be gone when the answer comes
	char *room_uid;
	char *resource;
	uint64_t generation; // of the room
	struct change_wait *wait;
	bool made;
	const struct change_steps *steps;
	void *user;
};

static void change_free(struct change *c)
{
	if (c->steps->free != NULL)
		c->steps->free(c->user);
	g_free(c->room);
	g_free(c->room_uid);
	g_free(c->resource);
	g_free(c);
}

static struct room *room_of(const struct change *c)
{
	struct room *r =
		c->room[0] != '\0' ? room_find(c->node, c->room) : transports_room(c->node);

	return r != NULL && g_str_equal(r->uid, c->room_uid) ? r : NULL;
}

void change_fail(struct rpc_call *call, const struct link_result *result)
{
	if (result->kind == LINK_GONE) {
		rpc_call_fail(call, RPC_UNAVAILABLE, RPC_REASON(DATAPLANE_GONE),
			      "No dataplane is attached: try again later.");
		return;
	}
	rpc_call_fact(call, "value", "%s", link_result_text(result));
	rpc_call_fail(call, RPC_RESOURCE_EXHAUSTED, RPC_REASON(DATAPLANE_REFUSED),
		      "The dataplane refused the change, and nothing of it is left: %s.",
		      link_result_text(result));
}

static void on_push(void *user, struct link_epoch *e)
{
	struct change *c = user;
	struct room *r = room_of(c);

	c->made = r != NULL && c->steps->make != NULL && c->steps->make(c->user, e);
	if (!c->made)
		return;
	room_changed(r);
	c->generation = r->generation;
}

static void settle(struct change *c, const struct link_result *result)
{
	struct room *r = room_of(c);

	if (result->kind == LINK_APPLIED) {
		if (c->steps->applied != NULL)
			c->steps->applied(c->user);
	} else if (c->steps->rolled_back != NULL) {
		c->steps->rolled_back(c->user);
	}
	if (r == NULL)
		return;
	// Rolling back is a change too, to what already runs.
	if (result->kind != LINK_APPLIED)
		c->generation = ++r->generation;
	room_applied(r, c->generation);
}

// What the caller wanted is so.
static bool holds(const struct change *c, const struct link_result *result)
{
	if (c->steps->is_removal)
		return result->kind != LINK_REFUSED;
	return c->made && result->kind == LINK_APPLIED;
}

static void answer(struct change *c, struct rpc_call *call, const struct link_result *result)
{
	if (holds(c, result))
		c->steps->answer(c->user, call);
	else if (result->kind != LINK_APPLIED)
		change_fail(call, result);
	else
		rpc_call_fail(call, RPC_ABORTED, RPC_REASON(PARTICIPANT_LEFT),
			      "%s went while the call was running.", c->resource);
}

static const char *refusal_text(const struct change *c, const struct link_result *result)
{
	return result->kind == LINK_APPLIED && !c->made ? "what it was about is gone"
							: link_result_text(result);
}

static void on_done(void *user, const struct link_result *result)
{
	struct change *c = user;

	if (c->made)
		settle(c, result);
	struct rpc_call *call = change_wait_take(c->wait);
	if (call != NULL)
		answer(c, call, result);
	change_wait_end(c->wait, c->generation, holds(c, result) ? NULL : refusal_text(c, result));
	change_free(c);
}

void change_submit(struct room *room, struct rpc_call *call, const char *resource,
		   const struct change_steps *steps, void *user)
{
	struct change *c = g_new0(struct change, 1);
	struct link_epoch *e = link_epoch_new(room->node->link);

	c->node = room->node;
	c->room = g_strdup(room->id);
	c->room_uid = g_strdup(room->uid);
	c->resource = g_strdup(resource);
	c->steps = steps;
	c->user = user;
	c->wait = change_wait_new(room->node, room->id, call, resource);
	link_epoch_on_push(e, on_push, c);
	link_epoch_submit(e, on_done, c);
}

static void settle_answer(void *user, struct rpc_call *call)
{
	rpc_call_reply(call, user);
}

static void settle_free(void *user)
{
	protobuf_c_message_free_unpacked(user, NULL);
}

static const struct change_steps settle_steps = {
	.answer = settle_answer,
	.free = settle_free,
	.is_removal = true,
};

void change_settle(struct room *room, struct rpc_call *call, const char *resource,
		   const ProtobufCMessage *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	uint8_t *bytes = g_malloc(size + 1);

	protobuf_c_message_pack(message, bytes);
	change_submit(room, call, resource, &settle_steps,
		      protobuf_c_message_unpack(message->descriptor, NULL, size, bytes));
	g_free(bytes);
}
