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

enum { CONSUMERS_MAX = 256 }; // of one transport that are chosen for; others get the best running

struct allocation {
	unsigned count;
	struct subscription *subscription[CONSUMERS_MAX];
	struct layer_step step[CONSUMERS_MAX][ALLOCATE_STEPS_MAX];
	struct allocate_step cost[CONSUMERS_MAX][ALLOCATE_STEPS_MAX];
	struct allocate_subscription subs[CONSUMERS_MAX];
	uint16_t order[CONSUMERS_MAX];
	uint64_t spoke[CONSUMERS_MAX]; // tables/track.h
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

// The step that the consumer's target is, among those it may choose from.
static int current(const struct subscription *s, const struct layer_step *steps, unsigned count)
{
	const struct layer_target *t = &s->layers.target;
	const struct layer_step now = {
		.encoding = t->encoding,
		.spatial = t->step.spatial,
		.temporal = t->step.temporal,
	};

	return t->set && !t->paused ? layer_step_find(steps, count, &now) : ALLOCATE_PAUSED;
}

static void add(struct allocation *a, const struct subscription_config *c, struct subscription *s,
		const struct track_config *track, const struct track *t)
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
	int now = current(s, steps, count);
	a->subs[a->count] = (struct allocate_subscription){
		.steps = a->cost[a->count],
		.step_count = (uint8_t)count,
		.wanted = (int8_t)((int)count - 1),
		.current = (int8_t)now,
		.held_us = s->layers.held_us,
		.priority = c->shm.priority,
		.tile_pixels = c->shm.tile_pixels,
	};
	layer_step_costs(steps, count, now, a->cost[a->count]);
	a->spoke[a->count] = track_spoke(t);
	a->subscription[a->count++] = s;
}

// Of those the subscriber may see, who spoke last: what it says itself moves nobody.
static void mark_speaker(struct allocation *a)
{
	uint64_t last = 0;

	for (unsigned i = 0; i < a->count; i++)
		last = a->spoke[i] > last ? a->spoke[i] : last;
	for (unsigned i = 0; i < a->count; i++)
		a->subs[i].speaking = last != 0 && a->spoke[i] == last;
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

// Of the encoding chosen, what the consumer gets. Where the path is not what bounds, layers that
// are not sent now are let through when they are; at the top nothing is left out, whatever is
// added.
static struct layer_pair not_left_out(const struct allocation *a, unsigned i)
{
	const struct allocate_subscription *sub = &a->subs[i];
	const struct layer_step *steps = a->step[i];
	int top = sub->step;

	if (sub->reason != ALLOCATE_BANDWIDTH)
		while (top + 1 < sub->step_count && steps[top + 1].encoding == steps[top].encoding)
			top++;
	if (top == sub->step_count - 1 && !a->subscription[i]->layers.bounded)
		return (struct layer_pair){LAYER_HIGHEST, LAYER_HIGHEST};
	return (struct layer_pair){steps[top].spatial, steps[top].temporal};
}

static void settle(const struct allocation *a, unsigned i)
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
	s->layers.held_us = sub->held_us;
	layers_want(s, &target);
	s->stats.layer_reason =
		sub->reason == ALLOCATE_BANDWIDTH && a->by_core ? SHM_LAYER_CPU : sub->reason;
	s->stats.target_layer = (struct shm_layer){
		target.paused ? SHM_LAYER_NONE : (uint8_t)(target.encoding + target.step.spatial),
		target.paused ? SHM_LAYER_NONE : target.step.temporal,
	};
}

static struct steady_path path_of(struct worker *w, const struct transport *t,
				  const struct allocation *a)
{
	uint64_t bps = bandwidth_bps(t);

	core_load_update(&w->load, w->stats.busy_us, w->now_us);
	return (struct steady_path){
		.now_us = w->now_us,
		.estimate_bps = bps,
		.audio_bps = a->audio_bps,
		.waiting_bits = bandwidth_waiting_bits(t),
		.core_percent = w->load.share,
		.known = bps != ALLOCATE_UNBOUNDED_BPS,
	};
}

void allocation_due(struct worker *w, struct transport *t)
{
	const struct transport_links *l = atomic_load_explicit(&t->links, memory_order_acquire);
	struct allocation *a = w->allocation;

	if (l == NULL || l->subscription_count == 0 || w->now_us < t->allocation_due_us)
		return;
	t->allocation_due_us = w->now_us + STEADY_TURN_US;
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
		add(a, c, s, track, &w->dp->tracks[c->shm.track.index]);
	}
	mark_speaker(a);
	const struct steady_path path = path_of(w, t, a);
	struct steady_out out = steady_turn(&t->steady, &path, a->subs, a->order, a->count);
	a->by_core = out.by_core;
	t->stats.allocated_bps = a->audio_bps + out.granted_bps;
	bandwidth_want(t, out.wanted_bps / 4 * 5 + a->audio_bps);
	for (unsigned i = 0; i < a->count; i++)
		settle(a, i);
}
