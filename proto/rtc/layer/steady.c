// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/layer/steady.c - bounds of a turn, and what outlasts it. Contract in steady.h.
#include "proto/rtc/layer/steady.h"

static uint64_t less(uint64_t bps, uint64_t by_bps)
{
	return bps > by_bps ? bps - by_bps : 0;
}

static uint64_t at_most(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

// What all would take at one step of theirs.
static uint64_t sum_bps(const struct allocate_subscription *subs, size_t count,
			int (*step_of)(const struct allocate_subscription *s))
{
	uint64_t bps = 0;

	for (size_t i = 0; i < count; i++) {
		int step = step_of(&subs[i]);

		if (step != ALLOCATE_PAUSED)
			bps += subs[i].steps[step].rate_bps;
	}
	return bps;
}

static int lowest(const struct allocate_subscription *s)
{
	return s->step_count != 0 ? 0 : ALLOCATE_PAUSED;
}

static int highest(const struct allocate_subscription *s)
{
	return s->step_count - 1;
}

static int current(const struct allocate_subscription *s)
{
	return s->current;
}

// The lowest step of the picture that is forwarded now.
static int still(const struct allocate_subscription *s)
{
	int step = s->current;

	while (step > 0 && s->steps[step - 1].picture == s->steps[step].picture)
		step--;
	return step;
}

static uint64_t within(const struct steady_path *p, uint64_t us)
{
	return p->estimate_bps / 1000 * us / 1000;
}

// Audio first, and something for repairs. What waits too long goes before what is chosen now, but
// for its sake nothing is paused: that would need a keyframe to come back.
static uint64_t for_path(const struct steady_path *p, uint64_t least_bps)
{
	if (!p->known)
		return ALLOCATE_UNBOUNDED_BPS;
	uint64_t bps = less(p->estimate_bps / 100 * STEADY_MEDIA_PERCENT, p->audio_bps);
	uint64_t rest = less(bps, less(p->waiting_bits, within(p, STEADY_WAITING_US)));

	return rest >= least_bps ? rest : at_most(bps, least_bps);
}

// As much of what is wanted as the core has the time for, which pauses nobody.
static uint64_t for_core(const struct steady_path *p, uint64_t wanted_bps, uint64_t least_bps)
{
	if (p->core_percent >= 100)
		return ALLOCATE_UNBOUNDED_BPS;
	uint64_t bps = wanted_bps / 100 * p->core_percent;

	return bps > least_bps ? bps : least_bps;
}

// Whether pictures stay what they are though they cost more than there is.
static bool sits_out(struct steady *st, const struct steady_path *p, uint64_t needed_bps,
		     uint64_t have_bps)
{
	if (needed_bps <= have_bps) {
		st->over = false;
		return false;
	}
	if (!st->over)
		st->over_us = p->now_us;
	st->over = true;
	return p->now_us - st->over_us < STEADY_SIT_OUT_US &&
	       p->waiting_bits <= within(p, STEADY_WAITING_MAX_US) &&
	       less(p->estimate_bps, p->audio_bps) >= needed_bps / 100 * STEADY_DEEP_PERCENT;
}

static size_t may_grow(const struct steady *st, const struct steady_path *p, size_t count)
{
	if (!p->known)
		return count;
	return p->now_us >= st->larger_us && p->waiting_bits <= within(p, STEADY_WAITING_US);
}

// A picture that was made smaller stays so for a while; what begins is small; and nobody gets more
// while others sit a fall out.
static void hold(struct allocate_subscription *s, const struct steady_path *p, bool sits)
{
	s->ceiling = (int8_t)highest(s);
	s->picture = 0;
	if (s->step_count == 0)
		return;
	s->picture = s->steps[s->current == ALLOCATE_PAUSED ? 0 : s->current].picture;
	bool held = p->now_us < s->held_us || (s->current == ALLOCATE_PAUSED && p->known);
	while (held && s->ceiling > 0 && s->steps[s->ceiling].picture > s->picture)
		s->ceiling--;
	if (sits && s->current != ALLOCATE_PAUSED)
		s->ceiling = s->current;
}

// The step that the subscription keeps while a fall is sat out.
static int kept(const struct steady *st, const struct steady_path *p,
		const struct allocate_subscription *s)
{
	bool all = p->now_us - st->over_us < STEADY_ALL_US &&
		   p->waiting_bits <= within(p, STEADY_WAITING_US);
	int step = all ? s->current : still(s);

	return step != ALLOCATE_PAUSED && step <= s->wanted && s->steps[step].active
		       ? step
		       : ALLOCATE_PAUSED;
}

static uint64_t rate_of(const struct allocate_subscription *s)
{
	return s->step == ALLOCATE_PAUSED ? 0 : s->steps[s->step].rate_bps;
}

static void note(struct steady *st, const struct steady_path *p, struct allocate_subscription *s)
{
	if (s->step == ALLOCATE_PAUSED || s->current == ALLOCATE_PAUSED)
		return;
	const struct allocate_step *step = &s->steps[s->step];
	if (step->picture < s->picture && s->reason == ALLOCATE_BANDWIDTH)
		s->held_us = p->now_us + STEADY_HOLD_US;
	if (step->picture > s->picture && p->known)
		st->larger_us = p->now_us + STEADY_GROW_US * step->rate_bps / p->estimate_bps;
}

struct steady_out steady_turn(struct steady *st, const struct steady_path *p,
			      struct allocate_subscription *subs, uint16_t *order, size_t count)
{
	struct steady_out out = {.wanted_bps = sum_bps(subs, count, highest)};
	uint64_t least_bps = sum_bps(subs, count, lowest);
	uint64_t path_bps = for_path(p, least_bps);
	uint64_t core_bps = for_core(p, out.wanted_bps, least_bps);
	bool over = sits_out(st, p, sum_bps(subs, count, current), path_bps);
	bool sits = over && core_bps >= path_bps;
	const struct allocate_bounds bounds = {
		.estimate_bps = at_most(path_bps, core_bps),
		.larger = may_grow(st, p, count),
	};

	out.by_core = core_bps < path_bps;
	for (size_t i = 0; i < count; i++)
		hold(&subs[i], p, sits);
	allocate(subs, order, count, &bounds);
	for (size_t i = 0; i < count; i++) {
		int step = sits ? kept(st, p, &subs[i]) : ALLOCATE_PAUSED;

		if (step > subs[i].step)
			subs[i].step = (int8_t)step;
		note(st, p, &subs[i]);
		out.granted_bps += rate_of(&subs[i]);
	}
	return out;
}
