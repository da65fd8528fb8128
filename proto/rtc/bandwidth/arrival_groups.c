// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/bandwidth/arrival_groups.c - grouping packets. Contract in arrival_groups.h.
#include "proto/rtc/bandwidth/arrival_groups.h"

enum {
	BURST_MAX_US = 100000, // a burst longer than this is no burst
	JUMP_MAX_US = 3000000, // arrivals further apart than sent by this much: start over
};

void arrival_groups_init(struct arrival_groups *g)
{
	*g = (struct arrival_groups){.current = {.open = false}};
}

static void start(struct arrival_group *c, uint64_t sent_us, int64_t arrival_us)
{
	*c = (struct arrival_group){
		.first_sent_us = sent_us,
		.last_sent_us = sent_us,
		.first_arrival_us = arrival_us,
		.last_arrival_us = arrival_us,
		.open = true,
	};
}

// Arrived right behind the group although sent later: something held them up together, and the time
// it took says nothing of the queue.
static bool same_burst(const struct arrival_group *c, uint64_t sent_us, int64_t arrival_us)
{
	int64_t sent = (int64_t)(sent_us - c->last_sent_us);
	int64_t arrived = arrival_us - c->last_arrival_us;

	return arrived <= ARRIVAL_GROUP_US && arrived < sent &&
	       arrival_us - c->first_arrival_us < BURST_MAX_US;
}

static bool compare(struct arrival_groups *g, struct arrival_delta *d)
{
	const struct arrival_group *c = &g->current, *p = &g->previous;

	if (!p->open)
		return false;
	*d = (struct arrival_delta){
		.sent_us = (int64_t)(c->last_sent_us - p->last_sent_us),
		.arrival_us = c->last_arrival_us - p->last_arrival_us,
		.at_us = c->last_arrival_us,
	};
	// Reordered groups tell nothing; a clock that jumped starts over.
	if (d->arrival_us - d->sent_us > JUMP_MAX_US || d->arrival_us - d->sent_us < -JUMP_MAX_US) {
		arrival_groups_init(g);
		return false;
	}
	return d->arrival_us >= 0;
}

bool arrival_groups_feed(struct arrival_groups *g, uint64_t sent_us, int64_t arrival_us,
			 struct arrival_delta *d)
{
	struct arrival_group *c = &g->current;
	bool closed = false;

	if (!c->open) {
		start(c, sent_us, arrival_us);
		return false;
	}
	if (sent_us < c->first_sent_us)
		return false; // reported late
	if (sent_us - c->first_sent_us <= ARRIVAL_GROUP_US || same_burst(c, sent_us, arrival_us)) {
		if (sent_us > c->last_sent_us)
			c->last_sent_us = sent_us;
		if (arrival_us > c->last_arrival_us)
			c->last_arrival_us = arrival_us;
		return false;
	}
	closed = compare(g, d);
	if (g->current.open)
		g->previous = g->current;
	start(c, sent_us, arrival_us);
	return closed;
}
