// SPDX-License-Identifier: Apache-2.0
// controlplane/link/slots.c - which slots of the three tables are free, and the blobs beside them.
//
// A slot in use when we attach belongs to sessions of an earlier control plane: it stays taken
// until whoever looks after those (session/orphans.c) releases it.

#include "controlplane/link/client_state.h"

#include <string.h>
#include <zlib.h>

static uint32_t running_generation(const struct link_client *c, enum shm_record_type type,
				   uint32_t index)
{
	struct shm_transport_state transport;
	struct shm_track_state track;
	struct shm_subscription_state subscription;

	switch (type) {
	case SHM_RECORD_TRANSPORT:
		return link_transport_state(c, index, &transport) &&
				       transport.phase != SHM_PHASE_FREE
			       ? transport.generation
			       : 0;
	case SHM_RECORD_TRACK:
		return link_track_state(c, index, &track) ? track.generation : 0;
	case SHM_RECORD_SUBSCRIPTION:
		break;
	}
	return link_subscription_state(c, index, &subscription) ? subscription.generation : 0;
}

static uint32_t config_generation(const struct link_client *c, enum shm_record_type type,
				  uint32_t index)
{
	switch (type) {
	case SHM_RECORD_TRANSPORT:
		return c->view.transports[index].config.generation;
	case SHM_RECORD_TRACK:
		return c->view.tracks[index].config.generation;
	case SHM_RECORD_SUBSCRIPTION:
		break;
	}
	return c->view.subscriptions[index].config.generation;
}

static void scan_table(struct link_client *c, enum shm_record_type type, uint32_t count)
{
	struct link_slots *s = &c->slots[type];
	// Generations of an earlier control plane must not come again either: they start at random,
	// far from where it can have got to.
	uint32_t start = g_random_int() | 1;

	s->count = count;
	s->generation = g_new0(uint32_t, count);
	s->taken = g_new0(bool, count);
	s->running = g_new0(uint32_t, count);
	s->next = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t running = running_generation(c, type, i);
		s->taken[i] = running != 0;
		s->running[i] = running;
		s->generation[i] =
			running != 0 ? running : MAX(start, config_generation(c, type, i));
	}
}

void link_slots_scan(struct link_client *c)
{
	scan_table(c, SHM_RECORD_TRANSPORT, c->view.limits.transports);
	scan_table(c, SHM_RECORD_TRACK, c->view.limits.tracks);
	scan_table(c, SHM_RECORD_SUBSCRIPTION, c->view.limits.subscriptions);
}

void link_slots_clear(struct link_client *c)
{
	for (size_t i = 0; i < G_N_ELEMENTS(c->slots); i++) {
		g_clear_pointer(&c->slots[i].generation, g_free);
		g_clear_pointer(&c->slots[i].taken, g_free);
		g_clear_pointer(&c->slots[i].running, g_free);
		c->slots[i].count = 0;
	}
}

struct shm_ref link_slot_take(struct link_client *c, enum shm_record_type type)
{
	struct link_slots *s = &c->slots[type];

	for (uint32_t n = 0; n < s->count; n++) {
		uint32_t i = (s->next + n) % s->count;
		if (s->taken[i])
			continue;
		s->taken[i] = true;
		s->next = i + 1;
		if (++s->generation[i] == 0)
			s->generation[i] = 1;
		return (struct shm_ref){.index = i, .generation = s->generation[i]};
	}
	return (struct shm_ref){0};
}

void link_slot_release(struct link_client *c, enum shm_record_type type, struct shm_ref ref)
{
	struct link_slots *s = &c->slots[type];

	if (ref.generation == 0 || ref.index >= s->count ||
	    s->generation[ref.index] != ref.generation)
		return; // detached meanwhile: the table is another one
	s->taken[ref.index] = false;
	if (type == SHM_RECORD_TRANSPORT)
		link_blob_write(c, ref, NULL, 0);
}

uint32_t link_slots_taken(const struct link_client *c, enum shm_record_type type)
{
	const struct link_slots *s = &c->slots[type];
	uint32_t taken = 0;

	for (uint32_t i = 0; i < s->count; i++)
		taken += s->taken[i];
	return taken;
}

void link_slot_ran(struct link_client *c, const struct shm_command *op)
{
	c->slots[op->record_type].running[op->ref.index] =
		op->action == SHM_ACTION_APPLY ? op->ref.generation : 0;
}

bool link_slot_runs(const struct link_client *c, const struct shm_command *op)
{
	const struct link_slots *s = &c->slots[op->record_type];

	return op->ref.index < s->count && s->running[op->ref.index] == op->ref.generation;
}

void link_blob_write(struct link_client *c, struct shm_ref transport, const void *bytes,
		     size_t size)
{
	if (!c->attached || transport.index >= c->view.limits.transports)
		return;
	struct shm_blob *b = &c->view.blobs[transport.index];
	b->generation = 0; // torn until the last word is written
	if (bytes == NULL || size > sizeof(b->bytes)) {
		explicit_bzero(b->bytes, sizeof(b->bytes));
		b->size = 0;
		return;
	}
	memcpy(b->bytes, bytes, size);
	b->size = (uint32_t)size;
	b->crc32 = (uint32_t)crc32(0, bytes, (uInt)size);
	atomic_thread_fence(memory_order_release);
	b->generation = transport.generation;
}

GBytes *link_blob_read(const struct link_client *c, struct shm_ref transport)
{
	if (c->view.header == NULL || transport.index >= c->view.limits.transports)
		return NULL;
	const struct shm_blob *b = &c->view.blobs[transport.index];
	uint32_t size = b->size;
	if (b->generation != transport.generation || size > sizeof(b->bytes))
		return NULL;
	uint8_t *copy = g_memdup2(b->bytes, size);
	if ((uint32_t)crc32(0, copy, size) != b->crc32) {
		g_free(copy);
		return NULL;
	}
	return g_bytes_new_take(copy, size);
}
