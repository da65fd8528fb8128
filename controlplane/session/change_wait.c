// SPDX-License-Identifier: Apache-2.0
// controlplane/session/change_wait.c - see change_wait.h.

#include "controlplane/session/change_wait.h"

#include "controlplane/session/watch.h"

struct change_wait {
	struct node *node;
	char *room; // id
	char *resource;
	char *method;
	char *request_id;
	struct rpc_call *call; // NULL: nobody waits any more
	GSource *patience;
	bool late; // its call was told so
};

static void stop_waiting(struct change_wait *w)
{
	if (w->patience == NULL)
		return;
	g_source_destroy(w->patience);
	g_clear_pointer(&w->patience, g_source_unref);
}

static void on_cancel(struct rpc_call *call, void *data)
{
	struct change_wait *w = data;

	w->call = NULL;
	w->late = true;
	stop_waiting(w);
	rpc_call_finish(call); // only frees it
}

static gboolean on_patience(gpointer data)
{
	struct change_wait *w = data;

	w->late = true;
	g_clear_pointer(&w->patience, g_source_unref);
	rpc_call_fail(
		g_steal_pointer(&w->call), RPC_DEADLINE_EXCEEDED, RPC_REASON(DATAPLANE_LATE),
		"The dataplane has not acknowledged the change within %d s: it stays desired, "
		"and an event will say whether it was applied or rolled back.",
		CHANGE_PATIENCE_S);
	return G_SOURCE_REMOVE;
}

static void wait_for(struct change_wait *w, struct rpc_call *call)
{
	const ProtobufCMessage *request = rpc_call_request(call);
	const ProtobufCFieldDescriptor *id =
		protobuf_c_message_descriptor_get_field_by_name(request->descriptor, "request_id");

	w->call = call;
	w->method = g_strdup(rpc_call_path(call));
	w->request_id =
		id == NULL ? NULL : g_strdup(*(char *const *)((const char *)request + id->offset));
	rpc_call_on_cancel(call, on_cancel, w);
	if (rpc_call_deadline_us(call) != INT64_MAX)
		return;
	w->patience = g_timeout_source_new_seconds(CHANGE_PATIENCE_S);
	g_source_set_callback(w->patience, on_patience, w, NULL);
	g_source_attach(w->patience, g_main_context_get_thread_default());
}

struct change_wait *change_wait_new(struct node *node, const char *room, struct rpc_call *call,
				    const char *resource)
{
	struct change_wait *w = g_new0(struct change_wait, 1);

	w->node = node;
	w->room = g_strdup(room);
	w->resource = g_strdup(resource);
	if (call != NULL)
		wait_for(w, call);
	return w;
}

struct rpc_call *change_wait_take(struct change_wait *w)
{
	struct rpc_call *call = g_steal_pointer(&w->call);

	stop_waiting(w);
	if (call != NULL)
		rpc_call_on_cancel(call, NULL, NULL);
	return call;
}

void change_wait_end(struct change_wait *w, uint64_t generation, const char *refusal)
{
	g_assert(w->call == NULL);
	if (w->late)
		watch_change(w->node, w->room,
			     &(struct watch_outcome){
				     .method = w->method,
				     .request_id = w->request_id,
				     .resource = w->resource,
				     .generation = generation,
				     .refusal = refusal,
			     });
	g_free(w->room);
	g_free(w->resource);
	g_free(w->method);
	g_free(w->request_id);
	g_free(w);
}
