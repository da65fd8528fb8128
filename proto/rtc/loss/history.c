// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/loss/history.c - a ring in order of arrival, and chains to find a packet by its number.
// Contract in history.h.
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

// Neighbours of one source lie in neighbouring buckets; sources are spread by a golden ratio.
static uint32_t *bucket_of(const struct history *h, uint32_t source, uint64_t index)
{
	uint32_t hash = source * UINT32_C(0x9e3779b1) + (uint32_t)index;
	return &h->slots[hash & h->mask].bucket;
}

static struct history_slot *find(const struct history *h, uint32_t source, uint64_t index)
{
	uint32_t at = *bucket_of(h, source, index);

	while (at != 0) {
		struct history_slot *s = &h->slots[at - 1];
		if (s->source == source && s->index == index)
			return s;
		at = s->next;
	}
	return NULL;
}

static void unchain(struct history *h, const struct history_slot *s)
{
	uint32_t place = (uint32_t)(s - h->slots) + 1;
	uint32_t *link = bucket_of(h, s->source, s->index);

	while (*link != place)
		link = &h->slots[*link - 1].next;
	*link = s->next;
}

uintptr_t history_evict(struct history *h)
{
	if (h->count == 0)
		return 0;
	struct history_slot *s = &h->slots[h->oldest];
	unchain(h, s);
	h->oldest = (h->oldest + 1) & h->mask;
	h->count--;
	return s->handle;
}

uintptr_t history_put(struct history *h, uint32_t source, uint64_t index, uintptr_t handle,
		      uint64_t now_us)
{
	uintptr_t replaced = 0;

	assert(handle != 0);
	if (find(h, source, index) != NULL)
		return handle;
	if (h->count > h->mask)
		replaced = history_evict(h);
	uint32_t place = (h->oldest + h->count++) & h->mask;
	struct history_slot *s = &h->slots[place];
	uint32_t *bucket = bucket_of(h, source, index);
	s->handle = handle;
	s->index = index;
	s->arrival_us = now_us;
	s->source = source;
	s->next = *bucket;
	*bucket = place + 1;
	return replaced;
}

uintptr_t history_find(const struct history *h, uint32_t source, uint64_t index)
{
	const struct history_slot *s = find(h, source, index);
	return s != NULL ? s->handle : 0;
}

uintptr_t history_expire(struct history *h, uint64_t now_us)
{
	if (h->count == 0 || now_us - h->slots[h->oldest].arrival_us <= h->age_max_us)
		return 0;
	return history_evict(h);
}
