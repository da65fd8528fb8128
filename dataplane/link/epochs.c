// SPDX-License-Identifier: Apache-2.0
//
// dataplane/link/epochs.c - the command ring's epochs, one at a time, all or nothing.
//
// Thread   main lcore only.
// Life     commands -> build (copies, checks) -> publish -> every worker -> retire -> ack.

#include "dataplane/link/epochs.h"

#include "dataplane/link/model.h"

#include <rte_malloc.h>
#include <stdlib.h>
#include <string.h>

struct epochs {
	struct model model;
	struct epochs_hooks hooks;
	struct epoch epoch; // under way while number != 0
	bool begun; // BEGIN was read, ops are being collected
	uint32_t ops_expected;
	uint32_t ops_read;
	enum shm_refusal refusal; // first fault while collecting
	uint32_t refused_op;
};

// Room for the largest epoch: its ops, and the transports and tracks its records touch.
static bool epoch_reserve(struct epochs *e)
{
	size_t transports = 3 * (size_t)SHM_EPOCH_OPS_MAX;
	size_t tracks = 2 * (size_t)SHM_EPOCH_OPS_MAX;

	e->epoch.transports = calloc(transports, sizeof(struct epoch_transport));
	e->epoch.tracks = calloc(tracks, sizeof(struct epoch_track));
	e->epoch.subscriptions = calloc(SHM_EPOCH_OPS_MAX, sizeof(struct epoch_subscription));
	e->epoch.fanouts = calloc(tracks * e->model.dp->worker_count, sizeof(struct epoch_fanout));
	return e->epoch.transports != NULL && e->epoch.tracks != NULL &&
	       e->epoch.subscriptions != NULL && e->epoch.fanouts != NULL;
}

static bool model_reserve(struct model *m)
{
	const struct shm_limits_config *l = &m->dp->limits;

	m->transports = calloc(l->transports, sizeof(*m->transports));
	m->tracks = calloc(l->tracks, sizeof(*m->tracks));
	m->subscriptions = calloc(l->subscriptions, sizeof(*m->subscriptions));
	m->links = calloc(l->transports, sizeof(*m->links));
	m->fanouts = calloc((size_t)l->tracks * m->dp->worker_count, sizeof(*m->fanouts));
	m->sent_ssrcs = calloc(l->transports, sizeof(*m->sent_ssrcs));
	m->encodings = calloc(l->transports, sizeof(*m->encodings));
	m->ufrag_place_room = 4 * l->transports;
	m->ufrag_places = calloc(m->ufrag_place_room, sizeof(*m->ufrag_places));
	return m->transports != NULL && m->tracks != NULL && m->subscriptions != NULL &&
	       m->links != NULL && m->fanouts != NULL && m->sent_ssrcs != NULL &&
	       m->encodings != NULL && m->ufrag_places != NULL;
}

struct epochs *epochs_new(struct dataplane *dp, const struct srtp_engine *engine,
			  const struct epochs_hooks *hooks)
{
	struct epochs *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->model.dp = dp;
	e->model.engine = engine;
	e->hooks = *hooks;
	if (!epoch_reserve(e) || !model_reserve(&e->model)) {
		epochs_free(e);
		return NULL;
	}
	return e;
}

static void stream_free(const struct model *m, const struct receive_stream *s)
{
	if (s->plain)
		free(s->source);
	else
		m->engine->stream_free(s->srtp);
}

// At exit everything that runs is removed like any epoch would, without the workers.
static void model_empty(struct epochs *e)
{
	struct model *m = &e->model;

	for (uint32_t i = 0; m->subscriptions != NULL && i < m->subscriptions_end; i++) {
		if (m->subscriptions[i] == NULL)
			continue;
		m->engine->stream_free(m->subscriptions[i]->srtp);
		m->engine->stream_free(m->subscriptions[i]->rtx);
		explicit_bzero((void *)(uintptr_t)m->subscriptions[i], sizeof(**m->subscriptions));
		rte_free((void *)(uintptr_t)m->subscriptions[i]);
	}
	for (uint32_t i = 0; m->tracks != NULL && i < m->tracks_end; i++) {
		if (m->tracks[i] == NULL)
			continue;
		rte_free(m->tracks[i]->nacks);
		rte_free((void *)(uintptr_t)m->tracks[i]);
	}
	for (uint32_t i = 0; m->transports != NULL && i < m->transports_end; i++) {
		struct transport *t = &m->dp->transports[i];
		if (m->transports[i] == NULL)
			continue;
		for (unsigned j = 0; j < RECEIVE_STREAMS_MAX; j++)
			stream_free(m, &t->streams[j]);
		srtcp_free(t->srtcp);
		rte_free(t->bandwidth);
		explicit_bzero((void *)(uintptr_t)m->transports[i], sizeof(**m->transports));
		rte_free((void *)(uintptr_t)m->transports[i]);
		rte_free((void *)(uintptr_t)m->links[i]);
	}
	for (size_t i = 0;
	     m->fanouts != NULL && i < (size_t)m->dp->limits.tracks * m->dp->worker_count; i++)
		rte_free(m->fanouts[i]);
}

void epochs_free(struct epochs *e)
{
	if (e == NULL)
		return;
	model_empty(e);
	for (uint32_t i = 0; e->model.sent_ssrcs != NULL && i < e->model.dp->limits.transports; i++)
		free(e->model.sent_ssrcs[i].ssrc);
	free(e->model.sent_ssrcs);
	free(e->model.transports);
	free(e->model.tracks);
	free(e->model.subscriptions);
	free(e->model.links);
	free(e->model.fanouts);
	free(e->model.encodings);
	free(e->model.ufrag_places);
	free(e->epoch.transports);
	free(e->epoch.tracks);
	free(e->epoch.subscriptions);
	free(e->epoch.fanouts);
	free(e);
}

static void ack(struct epochs *e, uint64_t number, enum shm_refusal refusal, uint32_t op)
{
	struct shm_view *shm = &e->model.dp->shm;
	struct shm_ack *slot = &shm->acks[number % SHM_ACK_SLOTS];

	atomic_store_explicit(&slot->refusal, refusal, memory_order_relaxed);
	atomic_store_explicit(&slot->op, op, memory_order_relaxed);
	atomic_store_explicit(&slot->epoch, number, memory_order_release);
	atomic_store_explicit(&shm->header->applied_epoch, number, memory_order_release);
	e->hooks.acked(e->hooks.context, number);
}

static void epoch_clear(struct epoch *e)
{
	e->number = 0;
	e->transport_count = 0;
	e->track_count = 0;
	e->subscription_count = 0;
	e->fanout_count = 0;
	e->workers_sent = 0;
	atomic_store(&e->workers_done, 0);
}

// The ring's next message that makes sense; garbage is counted and skipped.
static bool next_command(struct epochs *e, struct shm_command *c)
{
	struct shm_view *shm = &e->model.dp->shm;

	while (shm_ring_pop(shm->commands, SHM_COMMAND_SLOTS, c)) {
		if (c->kind == SHM_COMMAND_BEGIN || c->kind == SHM_COMMAND_OP)
			return true;
		atomic_fetch_add_explicit(&shm->header->garbage, 1, memory_order_relaxed);
	}
	return false;
}

static void begin(struct epochs *e, const struct shm_command *c)
{
	uint64_t applied = atomic_load(&e->model.dp->shm.header->applied_epoch);

	if (c->epoch <= applied) { // a replay: what it did then still holds
		e->hooks.acked(e->hooks.context, c->epoch);
		return;
	}
	if (c->op_count == 0 || c->op_count > SHM_EPOCH_OPS_MAX) {
		ack(e, c->epoch, SHM_REFUSAL_MALFORMED, 0);
		return;
	}
	epoch_clear(&e->epoch);
	e->epoch.number = c->epoch;
	e->begun = true;
	e->ops_expected = c->op_count;
	e->ops_read = 0;
	e->refusal = SHM_REFUSAL_NONE;
}

static void collect(struct epochs *e, const struct shm_command *c)
{
	if (e->refusal == SHM_REFUSAL_NONE) {
		e->refusal = model_build_op(&e->model, &e->epoch, c);
		e->refused_op = e->ops_read;
	}
	e->ops_read++;
}

static void refuse(struct epochs *e)
{
	uint64_t number = e->epoch.number;

	model_abort(&e->model, &e->epoch);
	epoch_clear(&e->epoch);
	e->begun = false;
	ack(e, number, e->refusal, e->refused_op);
}

// As refuse(); where many ufrags wait for their release, an empty epoch goes round first, since no
// other may come that could.
static void refuse_complete(struct epochs *e)
{
	uint64_t number = e->epoch.number;

	if (2 * e->model.ufrag_place_count < e->model.ufrag_place_room) {
		refuse(e);
		return;
	}
	model_abort(&e->model, &e->epoch);
	epoch_clear(&e->epoch);
	e->epoch.number = number;
	e->begun = false;
}

static void collected(struct epochs *e)
{
	if (e->refusal == SHM_REFUSAL_NONE)
		e->refusal = model_check_references(&e->model);
	if (e->refusal == SHM_REFUSAL_NONE)
		e->refusal = model_build_lists(&e->model, &e->epoch);
	if (e->refusal != SHM_REFUSAL_NONE) {
		refuse_complete(e);
		return;
	}
	e->begun = false;
	e->refused_op = 0;
	model_publish(&e->model, &e->epoch);
}

// True when no epoch is under way any more.
static bool advance(struct epochs *e)
{
	struct epoch *epoch = &e->epoch;
	struct xmsg msg = {.kind = XMSG_EPOCH, .pointer = epoch};

	if (epoch->number == 0 || e->begun)
		return epoch->number == 0;
	while (epoch->workers_sent < e->model.dp->worker_count &&
	       e->hooks.send(e->hooks.context, epoch->workers_sent, &msg))
		epoch->workers_sent++;
	// Pairs with the release in epoch_apply().
	if (atomic_load_explicit(&epoch->workers_done, memory_order_acquire) !=
	    e->model.dp->worker_count)
		return false;
	uint64_t number = epoch->number;
	model_retire(&e->model, epoch);
	epoch_clear(epoch);
	ack(e, number, e->refusal, e->refused_op);
	return true;
}

void epochs_poll(struct epochs *e)
{
	struct shm_command c;

	if (!e->begun && !advance(e))
		return;
	while (next_command(e, &c)) {
		if (c.kind == SHM_COMMAND_BEGIN) {
			if (e->begun) { // the one before was never completed
				e->refusal = SHM_REFUSAL_MALFORMED;
				refuse(e);
			}
			begin(e, &c);
			continue;
		}
		if (!e->begun) // an op without its BEGIN, or of a replayed epoch
			continue;
		collect(e, &c);
		if (e->ops_read < e->ops_expected)
			continue;
		collected(e);
		advance(e);
		return;
	}
}

bool epochs_settle(struct epochs *e)
{
	if (!shm_ring_is_empty(e->model.dp->shm.commands, SHM_COMMAND_SLOTS))
		return false;
	if (e->begun) {
		e->refusal = SHM_REFUSAL_MALFORMED;
		refuse(e);
	}
	return e->epoch.number == 0;
}

static void want_stream(struct epochs *e, unsigned worker, const struct xmsg *msg)
{
	const struct transport_config *t = model_transport(&e->model, msg->ref);
	struct xmsg answer = {.kind = XMSG_STREAM, .ref = msg->ref, .b = msg->b};
	struct srtp_stream *made = NULL;

	if (t != NULL && t->established)
		made = e->model.engine->stream_new((enum shm_suite)t->shm.suite, SRTP_RECEIVE,
						   t->shm.receive_master, msg->b, 0);
	answer.pointer = made;
	if (!e->hooks.send(e->hooks.context, worker, &answer))
		e->model.engine->stream_free(made); // the worker asks again
}

void epochs_message(struct epochs *e, unsigned worker, const struct xmsg *msg)
{
	if (msg->kind == XMSG_WANT_STREAM)
		want_stream(e, worker, msg);
	else if (msg->kind == XMSG_FREE_STREAM)
		e->model.engine->stream_free(msg->pointer);
	else if (msg->kind == XMSG_FREE_SOURCE)
		free(msg->pointer);
	else
		assert(!"not a message for epochs");
}

bool epochs_transport_by_port(const struct epochs *e, uint16_t internal_port, struct shm_ref *ref)
{
	uint32_t slot = e->model.by_port[internal_port];

	if (slot == 0 || e->model.transports[slot - 1] == NULL)
		return false;
	*ref = (struct shm_ref){slot - 1, e->model.transports[slot - 1]->generation};
	return true;
}

uint64_t epochs_track_changes(const struct epochs *e, uint32_t *end)
{
	*end = e->model.tracks_end;
	return e->model.track_changes;
}
