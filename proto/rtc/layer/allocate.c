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

static bool outranks(const struct allocate_subscription *a, const struct allocate_subscription *b)
{
	if (a->priority != b->priority)
		return a->priority > b->priority;
	if (a->speaking != b->speaking)
		return a->speaking;
	return a->tile_pixels > b->tile_pixels;
}

static bool goes_before(const struct allocate_subscription *a,
			const struct allocate_subscription *b)
{
	return outranks(a, b) || (!outranks(b, a) && a->current > b->current);
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
	struct allocate_bounds left; // of the bounds
	uint64_t granted_bps;
	bool full; // a step did not fit: nothing after it is granted
	const struct allocate_subscription *held; // the first that its ceiling keeps small
};

static uint64_t rate_of(const struct allocate_subscription *s)
{
	return s->step == ALLOCATE_PAUSED ? 0 : s->steps[s->step].rate_bps;
}

static bool is_larger(const struct allocate_subscription *s, int step)
{
	return step != ALLOCATE_PAUSED && s->steps[step].picture > s->picture;
}

// What has to fit for a step: a larger picture's next layer, too, which is the first thing to go.
static uint64_t fitting_bps(const struct allocate_subscription *s, int step)
{
	int next = step_above(s, step);

	if (is_larger(s, step) && next <= reachable(s) &&
	    s->steps[next].picture == s->steps[step].picture)
		step = next;
	return s->steps[step].rate_bps;
}

// One step up, if there is one and it fits.
static void raise(struct allocation *a, struct allocate_subscription *s)
{
	int to = step_above(s, s->step);

	if (a->full || to > reachable(s))
		return;
	bool grows = is_larger(s, to) && !is_larger(s, s->step);
	if (to > s->ceiling) {
		if (grows && a->held == NULL)
			a->held = s;
		return;
	}
	// Who outranks it will want that room again.
	if (grows && (a->left.larger == 0 || (a->held != NULL && outranks(a->held, s))))
		return;
	uint64_t others_bps = a->granted_bps - rate_of(s), room = a->left.estimate_bps;
	if (to > s->current)
		room -= room / 100 * ALLOCATE_HEADROOM_PERCENT;
	if (others_bps + (grows ? fitting_bps(s, to) : s->steps[to].rate_bps) > room) {
		a->full = true;
		return;
	}
	a->granted_bps = others_bps + s->steps[to].rate_bps;
	a->left.larger -= grows;
	s->step = (int8_t)to;
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

static int at_most(int a, int b)
{
	return a < b ? a : b;
}

// Among subscriptions of one priority, each keeps of what it has as much as those that outrank it
// have, unless they cannot get more.
static void protect(struct allocate_subscription *subs, const uint16_t *order, size_t count)
{
	int above = INT8_MAX, group = INT8_MAX;

	for (size_t i = 0; i < count; i++) {
		struct allocate_subscription *s = &subs[order[i]];

		if (i != 0 && outranks(&subs[order[i - 1]], s))
			above = at_most(above, group);
		s->kept = (int8_t)at_most(s->current, above);
		if (!s->is_audio && s->current < at_most(reachable(s), s->ceiling))
			group = at_most(group, s->current);
	}
}

// A step each in turn, the lower ones first; of what they keep only, or of all.
static void grant_in_turn(struct allocation *a, struct allocate_subscription *subs,
			  const uint16_t *order, size_t count, bool kept)
{
	for (int level = 0; level < ALLOCATE_STEPS_MAX; level++)
		for (size_t i = 0; i < count; i++) {
			struct allocate_subscription *s = &subs[order[i]];

			if (!s->is_audio && s->step <= level &&
			    (!kept || step_above(s, s->step) <= s->kept))
				raise(a, s);
		}
}

static void grant_higher(struct allocation *a, struct allocate_subscription *subs,
			 const uint16_t *order, size_t count)
{
	for (size_t from = 0, to; from < count; from = to) {
		for (to = from;
		     to < count && subs[order[to]].priority == subs[order[from]].priority;)
			to++;
		protect(subs, order + from, to - from);
		grant_in_turn(a, subs, order + from, to - from, true);
		grant_in_turn(a, subs, order + from, to - from, false);
	}
}

static enum allocate_reason reason_of(const struct allocate_subscription *s)
{
	if (s->step < reachable(s))
		return ALLOCATE_BANDWIDTH;
	return s->step < s->wanted ? ALLOCATE_PUBLISHER : ALLOCATE_REQUESTED;
}

uint64_t allocate(struct allocate_subscription *subs, uint16_t *order, size_t count,
		  const struct allocate_bounds *bounds)
{
	struct allocation a = {.left = *bounds};

	sort(subs, order, count);
	grant_audio(&a, subs, count);
	grant_lowest(&a, subs, order, count);
	grant_higher(&a, subs, order, count);
	for (size_t i = 0; i < count; i++)
		subs[i].reason = (uint8_t)reason_of(&subs[i]);
	return a.granted_bps;
}
