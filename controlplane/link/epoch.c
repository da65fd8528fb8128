// SPDX-License-Identifier: Apache-2.0
// controlplane/link/epoch.c - epochs, one under way at a time, so that a slot's config is never
// written while the dataplane may still be reading it.

#include "controlplane/link/client_state.h"

#include <string.h>
#include <unistd.h>

enum { RETRY_MS = 50, RETRIES_MAX = 100 };

struct link_op {
	struct shm_command command;
	void *config; // NULL for a removal
	size_t size;
	bool moot; // the removal of what never ran: not pushed
};

struct link_epoch {
	struct link_client *client;
	GArray *ops; // struct link_op
	uint64_t number; // 0: not pushed yet
	uint32_t pushed; // operations that were
	unsigned retries;
	link_prepare_fn prepare; // NULL once it was called
	void *prepare_user;
	int64_t submitted_us;
	link_done_fn done;
	void *user;
};

struct link_epoch *link_epoch_new(struct link_client *client)
{
	struct link_epoch *e = g_new0(struct link_epoch, 1);

	e->client = client;
	e->ops = g_array_new(FALSE, TRUE, sizeof(struct link_op));
	return e;
}

void link_epoch_discard(struct link_epoch *e)
{
	if (e == NULL)
		return;
	for (guint i = 0; i < e->ops->len; i++) {
		struct link_op *op = &g_array_index(e->ops, struct link_op, i);
		if (op->config != NULL)
			explicit_bzero(op->config, op->size);
		g_free(op->config);
	}
	g_array_free(e->ops, TRUE);
	g_free(e);
}

static void add(struct link_epoch *e, enum shm_record_type type, enum shm_action action,
		struct shm_ref ref, const void *config, size_t size)
{
	struct link_op op = {
		.command =
			{
				.kind = SHM_COMMAND_OP,
				.record_type = type,
				.action = action,
				.ref = ref,
			},
		.config = g_memdup2(config, size),
		.size = size,
	};

	g_array_append_val(e->ops, op);
}

void link_epoch_transport(struct link_epoch *e, struct shm_ref ref,
			  const struct shm_transport_config *config)
{
	struct shm_transport_config c = *config;

	c.generation = ref.generation;
	add(e, SHM_RECORD_TRANSPORT, SHM_ACTION_APPLY, ref, &c, sizeof(c));
	explicit_bzero(&c, sizeof(c));
}

void link_epoch_track(struct link_epoch *e, struct shm_ref ref,
		      const struct shm_track_config *config)
{
	struct shm_track_config c = *config;

	c.generation = ref.generation;
	add(e, SHM_RECORD_TRACK, SHM_ACTION_APPLY, ref, &c, sizeof(c));
}

void link_epoch_subscription(struct link_epoch *e, struct shm_ref ref,
			     const struct shm_subscription_config *config)
{
	struct shm_subscription_config c = *config;

	c.generation = ref.generation;
	add(e, SHM_RECORD_SUBSCRIPTION, SHM_ACTION_APPLY, ref, &c, sizeof(c));
}

void link_epoch_remove(struct link_epoch *e, enum shm_record_type type, struct shm_ref ref)
{
	add(e, type, SHM_ACTION_REMOVE, ref, NULL, 0);
}

void link_epoch_on_push(struct link_epoch *e, link_prepare_fn prepare, void *user)
{
	e->prepare = prepare;
	e->prepare_user = user;
}

bool link_epoch_is_empty(const struct link_epoch *e)
{
	return e->ops->len == 0;
}

static void *slot_config(const struct shm_view *v, const struct shm_command *c)
{
	switch ((enum shm_record_type)c->record_type) {
	case SHM_RECORD_TRANSPORT:
		return &v->transports[c->ref.index].config;
	case SHM_RECORD_TRACK:
		return &v->tracks[c->ref.index].config;
	case SHM_RECORD_SUBSCRIPTION:
		break;
	}
	return &v->subscriptions[c->ref.index].config;
}

static size_t config_bytes(uint32_t type)
{
	if (type == SHM_RECORD_TRANSPORT)
		return sizeof(struct shm_transport_config);
	return type == SHM_RECORD_TRACK ? sizeof(struct shm_track_config)
					: sizeof(struct shm_subscription_config);
}

// Every epoch before this one has been answered, so what runs is known. The dataplane would refuse
// the removal of what never ran, and with it all else in the epoch.
static void complete(struct link_client *c, struct link_epoch *e)
{
	link_prepare_fn prepare = e->prepare;

	e->prepare = NULL;
	if (prepare != NULL)
		prepare(e->prepare_user, e);
	e->pushed = 0;
	for (guint i = 0; i < e->ops->len; i++) {
		struct link_op *op = &g_array_index(e->ops, struct link_op, i);
		op->moot =
			op->command.action == SHM_ACTION_REMOVE && !link_slot_runs(c, &op->command);
		e->pushed += !op->moot;
	}
}

// Writes the configs and pushes the commands, unless the ring has no room now.
static void push(struct link_client *c, struct link_epoch *e)
{
	struct shm_command *commands = g_new0(struct shm_command, e->pushed + 1);
	uint64_t number = c->epoch_pushed + 1;
	uint32_t count = 0;

	commands[count++] = (struct shm_command){
		.kind = SHM_COMMAND_BEGIN,
		.op_count = e->pushed,
		.epoch = number,
	};
	// Said before it is pushed: should we end in between, the next control plane must not use
	// the number again, or its epoch would pass for a repeat of this one.
	atomic_store(&c->view.header->control_epoch, number);
	for (guint i = 0; i < e->ops->len; i++) {
		struct link_op *op = &g_array_index(e->ops, struct link_op, i);
		op->command.epoch = number;
		if (op->moot)
			continue;
		commands[count++] = op->command;
		if (op->config != NULL)
			memcpy(slot_config(&c->view, &op->command), op->config, op->size);
	}
	bool pushed = shm_ring_push(c->view.commands, SHM_COMMAND_SLOTS, commands, count);
	g_free(commands);
	if (!pushed)
		return;
	e->number = c->epoch_pushed = number;
	uint64_t one = 1;
	if (write(c->command_fd, &one, sizeof(one)) != sizeof(one))
		return; // the eventfd is already set: the dataplane looks anyway
}

// Removed records' configs held keys and passwords; their slots are free from now on.
static void applied(struct link_client *c, const struct link_epoch *e)
{
	for (guint i = 0; i < e->ops->len; i++) {
		const struct link_op *op = &g_array_index(e->ops, struct link_op, i);
		if (!op->moot)
			link_slot_ran(c, &op->command);
		if (op->command.action != SHM_ACTION_REMOVE)
			continue;
		if (!op->moot)
			explicit_bzero(slot_config(&c->view, &op->command),
				       config_bytes(op->command.record_type));
		link_slot_release(c, (enum shm_record_type)op->command.record_type,
				  op->command.ref);
	}
}

static void count(struct link_counts *counts, const struct link_epoch *e,
		  const struct link_result *result)
{
	int64_t us = g_get_monotonic_time() - e->submitted_us;

	if (result->kind == LINK_GONE) {
		counts->gone++;
		return;
	}
	if (result->kind == LINK_APPLIED)
		counts->applied++;
	else if ((size_t)result->refusal < LINK_REFUSALS)
		counts->refused[result->refusal]++;
	metrics_observe(&counts->seconds, &metrics_call_bounds, (double)us / G_USEC_PER_SEC);
}

static void finish(struct link_client *c, struct link_epoch *e, const struct link_result *result)
{
	count(&c->counts, e, result);
	if (c->attached && result->kind == LINK_APPLIED)
		applied(c, e);
	if (e->done != NULL)
		e->done(e->user, result);
	link_epoch_discard(e);
}

// The operation the dataplane refused, counted as the caller counts them.
static uint32_t op_of_pushed(const struct link_epoch *e, uint32_t pushed)
{
	for (guint i = 0; i < e->ops->len; i++)
		if (!g_array_index(e->ops, struct link_op, i).moot && pushed-- == 0)
			return i;
	return 0;
}

static bool read_ack(const struct link_client *c, const struct link_epoch *e,
		     struct link_result *result)
{
	struct shm_ack *ack = &c->view.acks[e->number % SHM_ACK_SLOTS];

	if (atomic_load_explicit(&ack->epoch, memory_order_acquire) != e->number)
		return false;
	uint32_t refusal = atomic_load_explicit(&ack->refusal, memory_order_relaxed);
	*result = (struct link_result){
		.kind = refusal == SHM_REFUSAL_NONE ? LINK_APPLIED : LINK_REFUSED,
		.refusal = (enum shm_refusal)refusal,
		.op = op_of_pushed(e, atomic_load_explicit(&ack->op, memory_order_relaxed)),
	};
	return true;
}

static gboolean finish_later(gpointer data);

static void next(struct link_client *c)
{
	struct link_epoch *head = g_queue_peek_head(&c->epochs);

	if (head == NULL || head->number != 0 || c->retry_source != 0)
		return;
	complete(c, head);
	if (head->pushed != 0 && head->pushed <= SHM_EPOCH_OPS_MAX)
		push(c, head); // a full ring: the heartbeat comes by again
	else if (c->finish_source == 0)
		c->finish_source = g_idle_add(finish_later, c);
}

static bool only_removes(const struct link_epoch *e)
{
	for (guint i = 0; i < e->ops->len; i++)
		if (g_array_index(e->ops, struct link_op, i).command.action != SHM_ACTION_REMOVE)
			return false;
	return true;
}

static gboolean push_again(gpointer data)
{
	struct link_client *c = data;

	c->retry_source = 0;
	next(c);
	return G_SOURCE_REMOVE;
}

// True if the head is to be pushed again, a moment later and under a new number.
static bool retry(struct link_client *c, struct link_epoch *e, const struct link_result *result)
{
	if (result->kind != LINK_REFUSED ||
	    (result->refusal != SHM_REFUSAL_NO_MEMORY && result->refusal != SHM_REFUSAL_IN_USE) ||
	    !only_removes(e) || e->retries == RETRIES_MAX)
		return false;
	e->retries++;
	e->number = 0;
	c->retry_source = g_timeout_add(RETRY_MS, push_again, c);
	return true;
}

void link_epochs_acked(struct link_client *c)
{
	while (c->attached) {
		struct link_epoch *head = g_queue_peek_head(&c->epochs);
		struct link_result result;

		if (head == NULL)
			return;
		if (head->number == 0) {
			next(c);
			return;
		}
		if (!read_ack(c, head, &result) || retry(c, head, &result))
			return;
		g_queue_pop_head(&c->epochs);
		finish(c, head, &result); // first: the next one stands on what it says
		next(c);
	}
}

void link_epochs_gone(struct link_client *c)
{
	struct link_result gone = {.kind = LINK_GONE};
	struct link_epoch *e;

	while ((e = g_queue_pop_head(&c->epochs)) != NULL)
		finish(c, e, &gone);
}

static gboolean finish_later(gpointer data)
{
	struct link_client *c = data;

	c->finish_source = 0;
	if (!c->attached) {
		link_epochs_gone(c);
		return G_SOURCE_REMOVE;
	}
	struct link_epoch *head = g_queue_peek_head(&c->epochs);
	if (head == NULL || head->number != 0 || c->retry_source != 0)
		return G_SOURCE_REMOVE;
	complete(c, head);
	if (head->pushed == 0 || head->pushed > SHM_EPOCH_OPS_MAX) {
		// Nothing to push is nothing to wait for; too much the dataplane would not take.
		struct link_result result = {
			.kind = head->pushed == 0 ? LINK_APPLIED : LINK_REFUSED,
			.refusal = head->pushed == 0 ? SHM_REFUSAL_NONE : SHM_REFUSAL_MALFORMED,
		};
		g_queue_pop_head(&c->epochs);
		finish(c, head, &result);
	}
	next(c);
	return G_SOURCE_REMOVE;
}

// Removals alone need not be one: of a record more or less at once nobody can tell. Splits off
// what is more than an epoch may hold, to go first.
static void split(struct link_epoch *e)
{
	const GArray *ops = e->ops;

	for (guint i = 0; i < ops->len; i++)
		if (g_array_index(ops, struct link_op, i).command.action != SHM_ACTION_REMOVE)
			return;
	while (e->ops->len > SHM_EPOCH_OPS_MAX) {
		struct link_epoch *part = link_epoch_new(e->client);
		part->submitted_us = e->submitted_us;
		g_array_append_vals(part->ops, e->ops->data, SHM_EPOCH_OPS_MAX);
		g_array_remove_range(e->ops, 0, SHM_EPOCH_OPS_MAX);
		g_queue_push_tail(&e->client->epochs, part);
	}
}

void link_epoch_submit(struct link_epoch *e, link_done_fn done, void *user)
{
	struct link_client *c = e->client;

	e->done = done;
	e->user = user;
	e->submitted_us = g_get_monotonic_time();
	split(e);
	g_queue_push_tail(&c->epochs, e);
	if (c->attached)
		next(c);
	else if (c->finish_source == 0)
		c->finish_source = g_idle_add(finish_later, c);
}

const char *link_result_text(const struct link_result *result)
{
	static const char *const text[] = {
#define X(name, sentence) [SHM_REFUSAL_##name] = (sentence),
		SHM_REFUSALS(X)
#undef X
	};

	if (result->kind == LINK_GONE)
		return "no dataplane is attached";
	if ((size_t)result->refusal >= G_N_ELEMENTS(text))
		return "the dataplane refused for a reason unknown here";
	return text[result->refusal];
}
