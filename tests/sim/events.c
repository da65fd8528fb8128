// SPDX-License-Identifier: Apache-2.0
//
// tests/sim/events.c - a binary heap and a pool. Contract in events.h.
#include "tests/sim/events.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENTS_MAX = 1 << 15, PACKETS_MAX = 1 << 15 };

void events_create(struct events *e)
{
	*e = (struct events){
		.heap = malloc(EVENTS_MAX * sizeof(*e->heap)),
		.packets = malloc(PACKETS_MAX * sizeof(*e->packets)),
		.free_list = malloc(PACKETS_MAX * sizeof(*e->free_list)),
	};
	if (e->heap == NULL || e->packets == NULL || e->free_list == NULL)
		abort();
	events_reset(e);
}

void events_destroy(struct events *e)
{
	free(e->heap);
	free(e->packets);
	free(e->free_list);
}

void events_reset(struct events *e)
{
	e->count = 0;
	e->order = 0;
	e->now_us = 0;
	e->free_count = PACKETS_MAX;
	for (uint32_t i = 0; i < PACKETS_MAX; i++)
		e->free_list[i] = i;
}

static bool before(const struct event *a, const struct event *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

void events_set(struct events *e, uint64_t at_us, enum event_kind kind, uint32_t what,
		struct sim_packet *packet)
{
	if (e->count == EVENTS_MAX) {
		fputs("too many events under way\n", stderr);
		abort();
	}
	struct event new = {.at_us = at_us < e->now_us ? e->now_us : at_us,
			    .order = e->order++,
			    .kind = kind,
			    .what = what,
			    .packet = packet};
	uint32_t i = e->count++;
	for (; i > 0 && before(&new, &e->heap[(i - 1) / 2]); i = (i - 1) / 2)
		e->heap[i] = e->heap[(i - 1) / 2];
	e->heap[i] = new;
}

bool events_next(struct events *e, uint64_t end_us, struct event *out)
{
	if (e->count == 0 || e->heap[0].at_us >= end_us)
		return false;
	*out = e->heap[0];
	e->now_us = out->at_us;
	struct event last = e->heap[--e->count];
	uint32_t i = 0;
	for (;;) {
		uint32_t child = 2 * i + 1;
		if (child >= e->count)
			break;
		if (child + 1 < e->count && before(&e->heap[child + 1], &e->heap[child]))
			child++;
		if (!before(&e->heap[child], &last))
			break;
		e->heap[i] = e->heap[child];
		i = child;
	}
	e->heap[i] = last;
	return true;
}

struct sim_packet *events_packet(struct events *e)
{
	if (e->free_count == 0) {
		fputs("too many packets under way\n", stderr);
		abort();
	}
	struct sim_packet *p = &e->packets[e->free_list[--e->free_count]];
	memset(p, 0, offsetof(struct sim_packet, rtcp));
	p->references = 1;
	return p;
}

void events_hold(struct sim_packet *p)
{
	p->references++;
}

void events_release(struct events *e, struct sim_packet *p)
{
	if (--p->references == 0)
		e->free_list[e->free_count++] = (uint32_t)(p - e->packets);
}
