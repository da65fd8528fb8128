// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/allocation.c - which layer each consumer of a transport shall get: from what
// publishers send, what the subscriber wishes, and what its path carries.
//
// Path     core/path.c (housekeeping) -> [allocation] -> forward/layers.c, statistics
// Thread   the worker that owns the subscriber's transport; rates of layers are read from where
//          publishers' workers keep them (tables/track.h).
#include "dataplane/forward/allocation.h"

#include "dataplane/core/limits.h"
#include "dataplane/forward/bandwidth.h"
#include "dataplane/forward/layers.h"
#include "dataplane/forward/wanted.h"
#include "dataplane/tables/transport.h"

#include <rte_malloc.h>
#include <string.h>

enum { MEDIA_PERCENT = 95 }; // of the estimate; the rest is for retransmissions
enum { CONSUMERS_MAX = 256 }; // of one transport that are chosen for; others get the best running

struct allocation {
	unsigned count;
	struct subscription *subscription[CONSUMERS_MAX];
	struct layer_step step[CONSUMERS_MAX][ALLOCATE_STEPS_MAX];
	struct allocate_step cost[CONSUMERS_MAX][ALLOCATE_STEPS_MAX];
	struct allocate_subscription subs[CONSUMERS_MAX];
	uint16_t order[CONSUMERS_MAX];
	uint64_t audio_bps;
	bool by_core; // what bounds is the core's time, not the path
};

struct allocation *allocation_new(void)
{
	return rte_zmalloc("allocation", sizeof(struct allocation), RTE_CACHE_LINE_SIZE);
}

static unsigned steps_of(const struct track *t, struct layer_step out[ALLOCATE_STEPS_MAX])
{
	unsigned count = 0;

	while (count < ALLOCATE_STEPS_MAX) {
		uint64_t word = atomic_load_explicit(&t->steps[count], memory_order_relaxed);

		if (word == 0)
			break;
		memcpy(&out[count++], &word, sizeof(word));
	}
	return count;
}

static uint8_t level(const struct track_config *track, const struct layer_step *s)
{
	return track->shm.encoding_count > 1 ? s->encoding : s->spatial;
}

static bool above(const struct track_config *track, const struct layer_step *s,
		  const struct shm_layer *l)
{
	return level(track, s) > l->spatial || s->temporal > l->temporal;
}

static bool below(const struct track_config *track, const struct layer_step *s,
		  const struct shm_layer *l)
{
	return level(track, s) < l->spatial ||
	       (level(track, s) == l->spatial && s->temporal < l->temporal);
}

// Steps the subscriber would take, lowest first; at least one stays where it names no minimum.
static unsigned wishes(const struct shm_subscription_config *c, const struct track_config *track,
		       struct layer_step steps[ALLOCATE_STEPS_MAX], unsigned count)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < count; i++) {
		const struct layer_step *s = &steps[i];
		bool high =
			((c->layer_wishes & SHM_LAYER_MAXIMUM) != 0 &&
			 above(track, s, &c->maximum)) ||
			((c->layer_wishes & SHM_LAYER_WANTED) != 0 && above(track, s, &c->wanted));
		bool low =
			(c->layer_wishes & SHM_LAYER_MINIMUM) != 0 && below(track, s, &c->minimum);

		if (low || (high && i != 0))
			continue;
		steps[kept++] = *s;
	}
	return kept;
}

// A larger picture begins with a keyframe, which is what a path just found too narrow lacks most:
// chosen again too soon it would only go back and forth.
static int8_t ceiling(const struct worker *w, const struct subscription *s,
		      const struct track_config *track, const struct layer_step *steps,
		      unsigned count)
{
	const struct layer_target *t = &s->layers.target;
	const struct layer_step now = {.encoding = t->encoding, .spatial = t->step.spatial};

	if (w->now_us < s->layers.held_us)
		while (count > 1 && level(track, &steps[count - 1]) > level(track, &now))
			count--;
	return (int8_t)((int)count - 1);
}

static bool is_target(const struct layer_target *t, const struct layer_step *s)
{
	return t->set && !t->paused && t->encoding == s->encoding &&
	       t->step.spatial == s->spatial && t->step.temporal == s->temporal;
}

static void add(struct worker *w, struct allocation *a, const struct subscription_config *c,
		struct subscription *s, const struct track_config *track, const struct track *t)
{
	struct layer_step steps[ALLOCATE_STEPS_MAX];
	unsigned count = steps_of(t, steps);

	if (track->shm.kind == SHM_KIND_AUDIO) {
		a->audio_bps += count != 0 ? (uint64_t)steps[0].rate_kbps * 1000 : 0;
		return;
	}
	if (count == 0 || a->count == CONSUMERS_MAX) {
		layers_want(s, &(struct layer_target){.pair = {LAYER_HIGHEST, LAYER_HIGHEST}});
		return;
	}
	count = wishes(&c->shm, track, steps, count);
	memcpy(a->step[a->count], steps, count * sizeof(steps[0]));
	struct allocate_subscription *sub = &a->subs[a->count];
	*sub = (struct allocate_subscription){
		.steps = a->cost[a->count],
		.step_count = (uint8_t)count,
		.wanted = (int8_t)((int)count - 1),
		.current = ALLOCATE_PAUSED,
		.ceiling = ceiling(w, s, track, steps, count),
		.priority = c->shm.priority,
		.tile_pixels = c->shm.tile_pixels,
	};
	for (unsigned i = 0; i < count; i++) {
		a->cost[a->count][i] = (struct allocate_step){
			.rate_bps = (uint64_t)steps[i].rate_kbps * 1000,
			.active = steps[i].active != 0,
		};
		if (is_target(&s->layers.target, &steps[i]))
			sub->current = (int8_t)i;
	}
	// What cannot be made smaller is not taken away before the path carries less than half.
	if (count == 1 && sub->current == 0)
		a->cost[a->count][0].rate_bps /= 2;
	a->subscription[a->count++] = s;
}

// True if the room's limits leave the track out: it costs nothing, and is not chosen for.
static bool held_back(struct subscription *s, const struct track *t)
{
	if (track_held_back(t)) {
		s->stats.layer_reason = SHM_LAYER_SPEAKERS;
		s->stats.target_layer = (struct shm_layer){SHM_LAYER_NONE, SHM_LAYER_NONE};
		return true;
	}
	if (s->stats.layer_reason == SHM_LAYER_SPEAKERS)
		s->stats.layer_reason = SHM_LAYER_REQUESTED;
	return false;
}

static bool is_smaller(const struct layer_target *t, const struct layer_target *before)
{
	if (t->paused || !before->set || before->paused)
		return false;
	return t->encoding != before->encoding ? t->encoding < before->encoding
					       : t->step.spatial < before->step.spatial;
}

// Of the encoding chosen, what the consumer gets. Where the path is not what bounds, layers that
// are not sent now are let through when they are; at the top nothing is left out, whatever is
// added.
static struct layer_pair not_left_out(const struct allocation *a, unsigned i)
{
	const struct allocate_subscription *sub = &a->subs[i];
	const struct track_step *steps = a->step[i];
	int top = sub->step;

	if (sub->reason != ALLOCATE_BANDWIDTH)
		while (top + 1 < sub->step_count && steps[top + 1].encoding == steps[top].encoding)
			top++;
	if (top == sub->step_count - 1 && !a->subscription[i]->layers.bounded)
		return (struct layer_pair){LAYER_HIGHEST, LAYER_HIGHEST};
	return (struct layer_pair){steps[top].spatial, steps[top].temporal};
}

static void settle(const struct worker *w, const struct allocation *a, unsigned i)
{
	const struct allocate_subscription *sub = &a->subs[i];
	struct subscription *s = a->subscription[i];

	// Nothing is sent now: what comes next goes on as it was.
	if (sub->step == ALLOCATE_PAUSED && sub->reason == ALLOCATE_PUBLISHER) {
		s->stats.layer_reason = SHM_LAYER_PUBLISHER;
		return;
	}
	struct layer_target target = {
		.set = true,
		.paused = sub->step == ALLOCATE_PAUSED,
		.encoding = s->layers.target.encoding,
		.pair = {LAYER_HIGHEST, LAYER_HIGHEST},
	};

	if (!target.paused) {
		const struct layer_step *step = &a->step[i][sub->step];
		target.encoding = step->encoding;
		target.step = (struct layer_pair){step->spatial, step->temporal};
		target.pair = not_left_out(a, i);
	}
	if (sub->reason == ALLOCATE_BANDWIDTH && is_smaller(&target, &s->layers.target))
		s->layers.held_us = w->now_us + LARGER_AFTER_US;
	layers_want(s, &target);
	s->stats.layer_reason =
		sub->reason == ALLOCATE_BANDWIDTH && a->by_core ? SHM_LAYER_CPU : sub->reason;
	s->stats.target_layer = (struct shm_layer){
		target.paused ? SHM_LAYER_NONE : (uint8_t)(target.encoding + target.step.spatial),
		target.paused ? SHM_LAYER_NONE : target.step.temporal,
	};
}

static uint64_t less(uint64_t bps, uint64_t by_bps)
{
	return bps > by_bps ? bps - by_bps : 0;
}

static uint64_t lowest_bps(const struct allocation *a)
{
	uint64_t bps = 0;

	for (unsigned i = 0; i < a->count; i++)
		if (a->subs[i].step_count != 0)
			bps += a->cost[i][0].rate_bps;
	return bps;
}

// Audio first, and something for repairs. What waits in the pacer goes before what is chosen now,
// but for its sake nothing is paused: that would need a keyframe to come back.
static uint64_t for_video(const struct allocation *a, const struct transport *t)
{
	uint64_t bps = less(bandwidth_bps(t) / 100 * MEDIA_PERCENT, a->audio_bps);
	uint64_t least = lowest_bps(a);
	uint64_t rest = less(bps, bandwidth_backlog_bps(t));

	if (rest >= least)
		return rest;
	return bps < least ? bps : least;
}

static uint64_t wanted_bps(const struct allocation *a)
{
	uint64_t bps = 0;

	for (unsigned i = 0; i < a->count; i++)
		if (a->subs[i].step_count != 0)
			bps += a->cost[i][a->subs[i].step_count - 1].rate_bps;
	return bps;
}

// The same as far as this core has the time, which pauses nobody.
static uint64_t for_core(struct worker *w, struct allocation *a, uint64_t bps)
{
	uint64_t least = lowest_bps(a);

	core_load_update(&w->load, w->stats.busy_us, w->now_us);
	uint64_t share = wanted_bps(a) / 100 * w->load.share;
	if (share < least)
		share = least;
	a->by_core = w->load.share < 100 && share < bps;
	return a->by_core ? share : bps;
}

void allocation_due(struct worker *w, struct transport *t)
{
	const struct transport_links *l = atomic_load_explicit(&t->links, memory_order_acquire);
	struct allocation *a = w->allocation;

	if (l == NULL || l->subscription_count == 0 || w->now_us < t->allocation_due_us)
		return;
	t->allocation_due_us = w->now_us + ALLOCATION_US;
	a->count = 0;
	a->audio_bps = 0;
	for (uint32_t i = 0; i < l->subscription_count; i++) {
		uint32_t index = l->index[l->track_count + i];
		struct subscription *s = &w->dp->subscriptions[index];
		const struct subscription_config *c =
			atomic_load_explicit(&s->config, memory_order_acquire);
		if (c == NULL || c->generation != s->generation || c->shm.paused)
			continue;
		const struct track_config *track = track_config_of(w->dp, c->shm.track);
		if (track == NULL)
			continue;
		s->layers.bounded = c->shm.layer_wishes != 0;
		if (held_back(s, &w->dp->tracks[c->shm.track.index]))
			continue;
		wanted_by_consumer(w, track, &c->shm);
		add(w, a, c, s, track, &w->dp->tracks[c->shm.track.index]);
	}
	t->stats.allocated_bps = a->audio_bps + allocate(a->subs, a->order, a->count,
							 for_core(w, a, for_video(a, t)));
	bandwidth_want(t, wanted_bps(a) / 4 * 5 + a->audio_bps);
	for (unsigned i = 0; i < a->count; i++)
		settle(w, a, i);
}
