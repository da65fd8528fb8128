// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/layer/allocate.c - layers by bandwidth. Contract in allocate.h.
#include "proto/rtc/layer/allocate.h"

// The highest step that is wanted and sent now; a step the publisher paused is passed over.
static int reachable(const struct allocate_subscription *s)
{
	int top = s->wanted < s->step_count ? s->wanted : s->step_count - 1;

	while (top >= 0 && !s->steps[top].active)
		top--;
	return top;
}

static int step_above(const struct allocate_subscription *s, int step)
{
	do
		step++;
	while (step < s->step_count && !s->steps[step].active);
	return step;
}

static bool goes_before(const struct allocate_subscription *a,
			const struct allocate_subscription *b)
{
	if (a->priority != b->priority)
		return a->priority > b->priority;
	if (a->speaking != b->speaking)
		return a->speaking;
	return a->tile_pixels > b->tile_pixels;
}

// Stable: among equals the caller's order holds. Short lists, nearly sorted from time to time.
static void sort(const struct allocate_subscription *subs, uint16_t *order, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t at = i;

		for (; at > 0 && goes_before(&subs[i], &subs[order[at - 1]]); at--)
			order[at] = order[at - 1];
		order[at] = (uint16_t)i;
	}
}

struct allocation {
	uint64_t estimate_bps;
	uint64_t granted_bps;
	bool full; // a step did not fit: nothing after it is granted
};

static uint64_t rate_of(const struct allocate_subscription *s)
{
	return s->step == ALLOCATE_PAUSED ? 0 : s->steps[s->step].rate_bps;
}

// One step up, if there is one and it fits. Returns true if it was granted.
static bool raise(struct allocation *a, struct allocate_subscription *s)
{
	int to = step_above(s, s->step);

	if (a->full || to > reachable(s) || to > s->ceiling)
		return false;
	uint64_t total = a->granted_bps - rate_of(s) + s->steps[to].rate_bps;
	uint64_t room = a->estimate_bps;
	if (to > s->current)
		room -= room / 100 * ALLOCATE_HEADROOM_PERCENT;
	if (total > room) {
		a->full = true;
		return false;
	}
	a->granted_bps = total;
	s->step = (int8_t)to;
	return true;
}

static void grant_audio(struct allocation *a, struct allocate_subscription *subs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct allocate_subscription *s = &subs[i];

		s->step = ALLOCATE_PAUSED;
		if (!s->is_audio || reachable(s) < 0)
			continue;
		s->step = (int8_t)reachable(s);
		a->granted_bps += rate_of(s);
	}
}

static void grant_lowest(struct allocation *a, struct allocate_subscription *subs,
			 const uint16_t *order, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!subs[order[i]].is_audio)
			raise(a, &subs[order[i]]);
}

// Priority by priority, a step each in turn until none is left to give.
static void grant_higher(struct allocation *a, struct allocate_subscription *subs,
			 const uint16_t *order, size_t count)
{
	for (size_t from = 0, to; from < count; from = to) {
		bool more = true;

		for (to = from;
		     to < count && subs[order[to]].priority == subs[order[from]].priority;)
			to++;
		while (more) {
			more = false;
			for (size_t i = from; i < to; i++)
				if (!subs[order[i]].is_audio)
					more |= raise(a, &subs[order[i]]);
		}
	}
}

static enum allocate_reason reason_of(const struct allocate_subscription *s)
{
	if (s->step < reachable(s))
		return ALLOCATE_BANDWIDTH;
	return s->step < s->wanted ? ALLOCATE_PUBLISHER : ALLOCATE_REQUESTED;
}

uint64_t allocate(struct allocate_subscription *subs, uint16_t *order, size_t count,
		  uint64_t estimate_bps)
{
	struct allocation a = {.estimate_bps = estimate_bps};

	sort(subs, order, count);
	grant_audio(&a, subs, count);
	grant_lowest(&a, subs, order, count);
	grant_higher(&a, subs, order, count);
	for (size_t i = 0; i < count; i++)
		subs[i].reason = (uint8_t)reason_of(&subs[i]);
	return a.granted_bps;
}
