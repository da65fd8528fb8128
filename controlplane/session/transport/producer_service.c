// SPDX-License-Identifier: Apache-2.0
// controlplane/session/transport/producer_service.c - the calls of TransportService about
// producers.

#include "controlplane/session/node.h"
#include "controlplane/session/room.h"
#include "controlplane/session/transport/fields.h"
#include "controlplane/session/transport/transport_service.h"

static void reply(struct rpc_call *call, const struct producer *p)
{
	Sluice__V1__Producer *m = producer_message(p);

	rpc_call_reply(call, &m->base);
	producer_message_free(m);
}

// A call that waits for an epoch about one producer, which may be gone when the answer comes.
struct pending {
	struct transport *t;
	char *id;
	struct change_wait *wait;
	uint64_t generation;
};

static void run(struct producer *p, uint64_t generation)
{
	revision_applied(&p->track->generations, generation);
	if (!p->track->live)
		room_track_live(p->track);
	participant_save(p->on->member);
}

static void on_done(void *user, const struct link_result *result)
{
	struct pending *w = user;
	struct transport *t = w->t;
	struct producer *p = t->gone ? NULL : g_hash_table_lookup(t->producers, w->id);
	struct rpc_call *call = change_wait_take(w->wait);
	const char *refusal = NULL;

	if (p == NULL) {
		refusal = "it was removed meanwhile";
		if (call != NULL)
			rpc_call_fail(call, RPC_ABORTED, RPC_REASON(PARTICIPANT_LEFT),
				      "%s/producers/%s was removed meanwhile.", t->name, w->id);
	} else if (result->kind != LINK_APPLIED) {
		refusal = link_result_text(result);
		producer_delete(p);
		if (call != NULL)
			field_not_applied(call, result);
	} else {
		run(p, w->generation);
		if (call != NULL)
			reply(call, p);
	}
	change_wait_end(w->wait, w->generation, refusal);
	transport_drop(t);
	g_free(w->id);
	g_free(w);
}

static void submit(struct producer *p, struct rpc_call *call)
{
	struct link_epoch *e = link_epoch_new(p->on->node->link);

	if (!publish_apply_track(p->track, e)) {
		link_epoch_discard(e);
		rpc_call_fact(call, "limit", "tracks");
		rpc_call_fail(call, RPC_RESOURCE_EXHAUSTED, RPC_REASON(NODE_FULL),
			      "The node's limit of tracks is reached.");
		producer_delete(p);
		return;
	}
	struct pending *w = g_new0(struct pending, 1);
	w->t = transport_hold(p->on);
	w->id = g_strdup(p->id);
	w->wait = change_wait_new(w->t->node, w->t->member->room->id, call, p->name);
	w->generation = p->track->generations.desired;
	link_epoch_submit(e, on_done, w);
}

void transport_service_produce(struct rpc_call *call, void *data)
{
	const Sluice__V1__ProduceRequest *q = (const void *)rpc_call_request(call);
	struct transport *t = field_transport(data, call, "transport", q->transport);
	struct sdp_track media;

	if (t == NULL || !field_media(call, q, t, &media))
		return;
	if (transport_media(t)->phase != MEDIA_CONNECTED) {
		rpc_call_fact(call, "resource", "%s", t->name);
		rpc_call_fail(call, RPC_FAILED_PRECONDITION, RPC_REASON(TRANSPORT_NOT_CONNECTED),
			      "%s is not connected yet.", t->name);
		return;
	}
	char *id = field_id(call, "producer_id", q->producer_id);
	if (id == NULL)
		return;
	if (g_hash_table_contains(t->producers, id)) {
		rpc_call_fact(call, "resource", "%s/producers/%s", t->name, id);
		rpc_call_fail(call, RPC_ALREADY_EXISTS, RPC_REASON(PRODUCER_EXISTS),
			      "There is a producer %s/producers/%s already.", t->name, id);
	} else {
		submit(producer_new(t, id, &media, q->source, q->paused), call);
	}
	g_free(id);
}

static void answer_muted(struct rpc_call *call, const struct track *track)
{
	const struct transport *t = track->owner->transport;
	const struct producer *p = g_hash_table_lookup(t->producers, track->id);

	reply(call, p);
}

void transport_service_set_producer_paused(struct rpc_call *call, void *data)
{
	const Sluice__V1__SetProducerPausedRequest *q = (const void *)rpc_call_request(call);
	struct producer *p = field_producer(data, call, "name", q->name);

	if (p == NULL)
		return;
	track_mute(p->track, false, q->paused, call, answer_muted);
}

void transport_service_get_producer(struct rpc_call *call, void *data)
{
	const Sluice__V1__GetProducerRequest *q = (const void *)rpc_call_request(call);
	const struct producer *p = field_producer(data, call, "name", q->name);

	if (p != NULL)
		reply(call, p);
}

void transport_service_list_producers(struct rpc_call *call, void *data)
{
	const Sluice__V1__ListProducersRequest *q = (const void *)rpc_call_request(call);
	Sluice__V1__ListProducersResponse response = SLUICE__V1__LIST_PRODUCERS_RESPONSE__INIT;
	const struct transport *t = field_transport(data, call, "parent", q->parent);

	if (t == NULL)
		return;
	GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)producer_message_free);
	for (guint i = 0; i < t->member->tracks->len; i++) { // in order of creation
		const struct track *track = t->member->tracks->pdata[i];
		const struct producer *p = g_hash_table_lookup(t->producers, track->id);
		if (p != NULL)
			g_ptr_array_add(list, producer_message(p));
	}
	response.n_producers = list->len;
	response.producers = (Sluice__V1__Producer **)list->pdata;
	rpc_call_reply(call, &response.base);
	g_ptr_array_unref(list);
}

void transport_service_delete_producer(struct rpc_call *call, void *data)
{
	const Sluice__V1__DeleteProducerRequest *q = (const void *)rpc_call_request(call);
	Sluice__V1__DeleteProducerResponse response = SLUICE__V1__DELETE_PRODUCER_RESPONSE__INIT;
	struct producer *p = field_producer(data, call, "name", q->name);

	if (p == NULL)
		return;
	struct room *r = p->on->member->room;
	producer_delete(p);
	change_settle(r, call, q->name, &response.base);
}
