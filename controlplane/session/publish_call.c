// SPDX-License-Identifier: Apache-2.0
// controlplane/session/publish_call.c - SignallingService.Publish: the offer of a session, by gRPC.
//
// Place    signalling_service.c -> [publish_call] -> publish.c, whose answer comes back here.
// Thread   the API's GMainContext.
// Owns     the call while it waits for its answer.

#include "controlplane/session/node.h"
#include "controlplane/session/services.h"

#include <string.h>

struct publish_call {
	struct participant *p; // one count
	struct change_wait *wait;
};

static void end(struct publish_call *c, const char *refusal)
{
	change_wait_end(c->wait, c->p->generations.desired, refusal);
	participant_drop(c->p);
	g_free(c);
}

static void reply(struct publish_call *c, struct rpc_call *call, const char *sdp)
{
	Sluice__V1__PublishResponse response = SLUICE__V1__PUBLISH_RESPONSE__INIT;
	GPtrArray *tracks = g_ptr_array_new_with_free_func((GDestroyNotify)track_message_free);

	for (guint i = 0; i < c->p->tracks->len; i++)
		g_ptr_array_add(tracks, track_message(c->p->tracks->pdata[i]));
	response.sdp = (char *)(uintptr_t)sdp;
	response.n_tracks = tracks->len;
	response.tracks = (Sluice__V1__Track **)tracks->pdata;
	rpc_call_reply(call, &response.base);
	g_ptr_array_unref(tracks);
}

static void on_answered(void *data, const char *sdp)
{
	struct publish_call *c = data;
	struct rpc_call *call = change_wait_take(c->wait);

	if (call != NULL)
		reply(c, call, sdp);
	end(c, NULL);
}

static void on_failed(void *data, const struct rpc_error *error)
{
	struct publish_call *c = data;
	struct rpc_call *call = change_wait_take(c->wait);

	for (unsigned i = 0; call != NULL && error->facts != NULL && i < error->facts->count; i++)
		rpc_call_fact(call, error->facts->keys[i], "%s", error->facts->values[i]);
	if (call != NULL)
		rpc_call_fail(call, error->code, error->reason, "%s", error->text);
	end(c, error->text);
}

void publish_call(struct participant *p, struct rpc_call *call,
		  const Sluice__V1__PublishRequest *request)
{
	const struct publish_offer offer = {
		.sdp = request->sdp,
		.sdp_size = strlen(request->sdp),
		.described = request->tracks,
		.described_count = request->n_tracks,
	};
	struct publish_call *c = g_new(struct publish_call, 1);
	const struct offer_waiter waiter = {on_answered, on_failed, c};

	*c = (struct publish_call){participant_hold(p),
				   change_wait_new(p->node, p->room->id, call, p->name)};
	publish_offer(p, &offer, &waiter);
}
