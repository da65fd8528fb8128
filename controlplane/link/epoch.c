// SPDX-License-Identifier: Apache-2.0
// controlplane/link/epoch.c - epochs, one under way at a time, so that a slot's config is never
// written while the dataplane may still be reading it.

#include "controlplane/link/client_state.h"

#include <string.h>
#include <unistd.h>

struct link_op {
	struct shm_command command;
	void *config; // NULL for a removal
	size_t size;
};

struct link_epoch {
	struct link_client *client;
	GArray *ops; // struct link_op
	uint64_t number; // 0: not pushed yet
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

// Writes the configs and pushes the commands. False if the ring has no room now.
static bool push(struct link_client *c, struct link_epoch *e)
{
	uint64_t number = atomic_load(&c->view.header->control_epoch) + 1;
	uint32_t count = e->ops->len + 1;
	struct shm_command *commands = g_new0(struct shm_command, count);

	commands[0] = (struct shm_command){
		.kind = SHM_COMMAND_BEGIN,
		.op_count = e->ops->len,
		.epoch = number,
	};
	for (guint i = 0; i < e->ops->len; i++) {
		struct link_op *op = &g_array_index(e->ops, struct link_op, i);
		op->command.epoch = number;
		commands[i + 1] = op->command;
		if (op->config != NULL)
			memcpy(slot_config(&c->view, &op->command), op->config, op->size);
	}
	bool pushed = shm_ring_push(c->view.commands, SHM_COMMAND_SLOTS, commands, count);
	g_free(commands);
	if (!pushed)
		return false;
	e->number = number;
	atomic_store(&c->view.header->control_epoch, number);
	uint64_t one = 1;
	if (write(c->command_fd, &one, sizeof(one)) != sizeof(one))
		return true; // the eventfd is already set: the dataplane looks anyway
	return true;
}

// Removed records' configs held keys and passwords; their slots are free from now on.
static void removed(struct link_client *c, const struct link_epoch *e)
{
	for (guint i = 0; i < e->ops->len; i++) {
		const struct shm_command *op = &g_array_index(e->ops, struct link_op, i).command;
		if (op->action != SHM_ACTION_REMOVE)
			continue;
		explicit_bzero(slot_config(&c->view, op), config_bytes(op->record_type));
		link_slot_release(c, (enum shm_record_type)op->record_type, op->ref);
	}
}

static void finish(struct link_client *c, struct link_epoch *e, const struct link_result *result)
{
	if (c->attached && result->kind == LINK_APPLIED)
		removed(c, e);
	if (e->done != NULL)
		e->done(e->user, result);
	link_epoch_discard(e);
}

static bool read_ack(const struct link_client *c, uint64_t number, struct link_result *result)
{
	struct shm_ack *ack = &c->view.acks[number % SHM_ACK_SLOTS];

	if (atomic_load_explicit(&ack->epoch, memory_order_acquire) != number)
		return false;
	uint32_t refusal = atomic_load_explicit(&ack->refusal, memory_order_relaxed);
	*result = (struct link_result){
		.kind = refusal == SHM_REFUSAL_NONE ? LINK_APPLIED : LINK_REFUSED,
		.refusal = (enum shm_refusal)refusal,
		.op = atomic_load_explicit(&ack->op, memory_order_relaxed),
	};
	return true;
}

static void next(struct link_client *c)
{
	struct link_epoch *head = g_queue_peek_head(&c->epochs);

	if (head != NULL && head->number == 0)
		push(c, head); // a full ring: the heartbeat comes by again
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
		if (!read_ack(c, head->number, &result))
			return;
		g_queue_pop_head(&c->epochs);
		next(c); // before the callback, which may submit more
		finish(c, head, &result);
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
	// An empty epoch at the head has nothing to push.
	struct link_result applied = {.kind = LINK_APPLIED};
	struct link_epoch *head;
	while ((head = g_queue_peek_head(&c->epochs)) != NULL && head->ops->len == 0) {
		g_queue_pop_head(&c->epochs);
		finish(c, head, &applied);
	}
	next(c);
	return G_SOURCE_REMOVE;
}

void link_epoch_submit(struct link_epoch *e, link_done_fn done, void *user)
{
	struct link_client *c = e->client;

	e->done = done;
	e->user = user;
	g_queue_push_tail(&c->epochs, e);
	if (c->attached && e->ops->len != 0) {
		next(c);
		return;
	}
	if (c->finish_source == 0)
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
