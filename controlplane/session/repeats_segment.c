// SPDX-License-Identifier: Apache-2.0
// controlplane/session/repeats_segment.c - slots and chains of blocks, and finding them again.

#include "controlplane/session/repeats_segment.h"

#include <glib.h>
#include <string.h>
#include <zlib.h>

struct repeats_segment {
	struct shm_repeats *mapped;
	bool slot_used[SHM_REPEATS_MAX];
	// None below is free. The lowest are taken first, so that the pages ever touched are those
	// of the most answers kept at once, not all there are.
	uint32_t next_slot, next_block;
	// Ours, as the segment may be scribbled on: the chains, and which blocks are free.
	uint32_t first[SHM_REPEATS_MAX];
	uint32_t next[SHM_REPEAT_BLOCKS_MAX];
	bool block_used[SHM_REPEAT_BLOCKS_MAX];
	uint32_t blocks_free;
};

static uint32_t blocks_of(uint32_t size)
{
	return size / SHM_REPEAT_BLOCK_BYTES + (size % SHM_REPEAT_BLOCK_BYTES != 0);
}

static uint32_t crc_of(const struct shm_repeat *entry, const uint8_t *bytes)
{
	const size_t from = offsetof(struct shm_repeat, until_us);
	uLong crc = crc32(0, (const Bytef *)entry + from, sizeof(*entry) - from);

	return (uint32_t)crc32(crc, bytes, entry->size);
}

static uint32_t take_block(struct repeats_segment *s)
{
	while (s->block_used[s->next_block])
		s->next_block++;
	s->block_used[s->next_block] = true;
	s->blocks_free--;
	return s->next_block;
}

static void wipe_blocks(struct repeats_segment *s, uint32_t slot)
{
	uint32_t at = s->first[slot];

	while (at != SHM_REPEAT_NO_BLOCK) {
		explicit_bzero(&s->mapped->blocks[at], sizeof(s->mapped->blocks[at]));
		s->block_used[at] = false;
		s->blocks_free++;
		s->next_block = MIN(s->next_block, at);
		at = s->next[at];
	}
	s->first[slot] = SHM_REPEAT_NO_BLOCK;
}

void repeats_segment_wipe(struct repeats_segment *s, uint32_t slot)
{
	struct shm_repeat *e = &s->mapped->entries[slot];

	atomic_store_explicit(&e->kept, 0, memory_order_release);
	explicit_bzero(e, sizeof(*e));
	wipe_blocks(s, slot);
	s->slot_used[slot] = false;
	s->next_slot = MIN(s->next_slot, slot);
}

// Copies an entry's bytes out by its chain and notes the chain as used. NULL if it leads astray.
static uint8_t *take_chain(struct repeats_segment *s, uint32_t slot, const struct shm_repeat *entry)
{
	uint32_t left = entry->size;
	uint32_t *link = &s->first[slot];
	uint32_t at = entry->first_block;

	if (blocks_of(left) > s->blocks_free)
		return NULL;
	uint8_t *bytes = g_malloc((gsize)left + 1);
	while (left > 0) {
		if (at >= SHM_REPEAT_BLOCKS_MAX || s->block_used[at]) {
			g_free(bytes);
			return NULL;
		}
		const struct shm_repeat_block *b = &s->mapped->blocks[at];
		uint32_t part = MIN(left, SHM_REPEAT_BLOCK_BYTES);
		memcpy(bytes + entry->size - left, b->bytes, part);
		left -= part;
		s->block_used[at] = true;
		s->blocks_free--;
		*link = at;
		link = &s->next[at];
		*link = SHM_REPEAT_NO_BLOCK;
		at = b->next;
	}
	return bytes;
}

static void find(struct repeats_segment *s, uint32_t slot, repeats_found_fn found, void *user)
{
	struct shm_repeat entry;

	if (atomic_load_explicit(&s->mapped->entries[slot].kept, memory_order_acquire) == 0)
		return;
	memcpy(&entry, &s->mapped->entries[slot], sizeof(entry));
	s->slot_used[slot] = true;
	uint8_t *bytes = take_chain(s, slot, &entry);
	bool taken = bytes != NULL && crc_of(&entry, bytes) == entry.crc32 &&
		     found(user, slot, &entry, bytes);
	if (!taken)
		repeats_segment_wipe(s, slot);
	if (bytes != NULL)
		explicit_bzero(bytes, entry.size);
	g_free(bytes);
}

struct repeats_segment *repeats_segment_new(struct shm_repeats *mapped, repeats_found_fn found,
					    void *user)
{
	struct repeats_segment *s = g_new0(struct repeats_segment, 1);

	s->mapped = mapped;
	s->blocks_free = SHM_REPEAT_BLOCKS_MAX;
	for (uint32_t i = 0; i < SHM_REPEATS_MAX; i++)
		s->first[i] = SHM_REPEAT_NO_BLOCK;
	for (uint32_t i = 0; i < SHM_REPEATS_MAX; i++)
		find(s, i, found, user);
	return s;
}

void repeats_segment_free(struct repeats_segment **segment)
{
	g_clear_pointer(segment, g_free);
}

static uint32_t free_slot(const struct repeats_segment *s)
{
	for (uint32_t i = s->next_slot; i < SHM_REPEATS_MAX; i++)
		if (!s->slot_used[i])
			return i;
	return REPEATS_NO_SLOT;
}

uint32_t repeats_segment_put(struct repeats_segment *s, const struct shm_repeat *entry,
			     const uint8_t *bytes)
{
	uint32_t slot = free_slot(s);
	struct shm_repeat e = *entry;

	if (slot == REPEATS_NO_SLOT || blocks_of(e.size) > s->blocks_free)
		return REPEATS_NO_SLOT;
	s->slot_used[slot] = true;
	s->next_slot = slot + 1;
	uint32_t *link = &s->first[slot];
	for (uint32_t done = 0; done < e.size; done += SHM_REPEAT_BLOCK_BYTES) {
		uint32_t at = take_block(s);
		memcpy(s->mapped->blocks[at].bytes, bytes + done,
		       MIN(e.size - done, SHM_REPEAT_BLOCK_BYTES));
		*link = at;
		link = &s->next[at];
		*link = SHM_REPEAT_NO_BLOCK;
	}
	for (uint32_t at = s->first[slot]; at != SHM_REPEAT_NO_BLOCK; at = s->next[at])
		s->mapped->blocks[at].next = s->next[at];
	e.first_block = s->first[slot];
	e.crc32 = crc_of(&e, bytes);
	atomic_store_explicit(&e.kept, 0, memory_order_relaxed);
	memcpy(&s->mapped->entries[slot], &e, sizeof(e));
	// Pairs with find(): whoever sees it sees all of the above.
	atomic_store_explicit(&s->mapped->entries[slot].kept, 1, memory_order_release);
	return slot;
}
