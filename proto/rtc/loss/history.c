// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/loss/history.c - a ring of packets by source index. Contract in history.h.
#include "proto/rtc/loss/history.h"

#include <assert.h>
#include <string.h>

void history_init(struct history *h, struct history_slot *slots, uint32_t count,
		  uint64_t age_max_us)
{
	assert(count != 0 && (count & (count - 1)) == 0);
	memset(slots, 0, count * sizeof(*slots));
	*h = (struct history){.slots = slots, .mask = count - 1, .age_max_us = age_max_us};
}

static struct history_slot *slot_of(const struct history *h, uint64_t index)
{
	return &h->slots[index & h->mask];
}

uintptr_t history_put(struct history *h, uint64_t index, uintptr_t handle, uint64_t now_us)
{
	struct history_slot *s = slot_of(h, index);

	assert(handle != 0);
	if (s->handle != 0 && s->index >= index)
		return handle;
	uintptr_t replaced = s->handle;
	if (replaced == 0)
		h->count++;
	*s = (struct history_slot){.index = index, .arrival_us = now_us, .handle = handle};
	if (h->count == 1 || index < h->oldest)
		h->oldest = index;
	if (h->count == 1 || index >= h->next)
		h->next = index + 1;
	return replaced;
}

uintptr_t history_find(const struct history *h, uint64_t index)
{
	const struct history_slot *s = slot_of(h, index);
	return s->index == index ? s->handle : 0;
}

// Moves 'oldest' up to a packet that is kept, NULL if none is. A source that skips numbers leaves
// packets behind a lap or more ago; one that jumps leaves them further, where they count by slot.
static struct history_slot *find_oldest(struct history *h)
{
	uint64_t laps = 4 * ((uint64_t)h->mask + 1);

	if (h->count == 0)
		return NULL;
	if (h->next - h->oldest > laps)
		h->oldest = h->next - laps;
	for (;; h->oldest++) {
		struct history_slot *s = slot_of(h, h->oldest);
		if (s->handle != 0 && s->index <= h->oldest)
			return s;
	}
}

static uintptr_t take(struct history *h, struct history_slot *s)
{
	uintptr_t handle = s->handle;
	s->handle = 0;
	h->count--;
	return handle;
}

uintptr_t history_expire(struct history *h, uint64_t now_us)
{
	struct history_slot *s = find_oldest(h);
	if (s == NULL || now_us - s->arrival_us <= h->age_max_us)
		return 0;
	return take(h, s);
}

uintptr_t history_evict(struct history *h)
{
	struct history_slot *s = find_oldest(h);
	return s == NULL ? 0 : take(h, s);
}
