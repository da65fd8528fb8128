// SPDX-License-Identifier: Apache-2.0
//
// tests/sim/choose.c - which layers each consumer gets, and which frames those are. Contract in
// world.h.
//
// What the product decides is proto/rtc/layer; how its worker gathers tracks and consumers for it
// (dataplane/ingress/layers.c, dataplane/forward/allocation.c) is done here for the simulation's.
#include "tests/sim/world.h"

void sim_sfu_ladders(struct sim_world *w)
{
	if (w->events.now_us < w->ladders_us + LAYER_RATES_SLOT_US)
		return;
	w->ladders_us = w->events.now_us;
	layer_rates_settle(&w->audio_rates, w->events.now_us);
	for (int i = 0; i < w->config.tracks; i++) {
		struct sim_track *t = &w->tracks[i];
		t->ladder.count = 0;
		for (uint8_t e = 0; e < ENCODINGS_MAX; e++) {
			layer_rates_settle(&t->encodings[e].rates, w->events.now_us);
			layer_ladder_add(&t->ladder, e, &t->encodings[e].rates);
		}
	}
}

struct choice {
	struct allocate_step cost[TRACKS_MAX][ALLOCATE_STEPS_MAX];
	struct allocate_subscription subs[TRACKS_MAX];
	uint16_t order[TRACKS_MAX];
};

static void add(const struct sim_world *w, const struct sim_transport *t, struct choice *c, int i)
{
	const struct layer_ladder *ladder = &w->tracks[i].ladder;
	const struct sim_target *target = &t->consumers[i].target;
	int now = target->paused ? ALLOCATE_PAUSED
				 : layer_step_find(ladder->step, ladder->count, &target->step);

	c->subs[i] = (struct allocate_subscription){
		.steps = c->cost[i],
		.step_count = (uint8_t)ladder->count,
		.wanted = (int8_t)((int)ladder->count - 1),
		.current = (int8_t)now,
		.held_us = t->consumers[i].held_us,
	};
	layer_step_costs(ladder->step, ladder->count, now, c->cost[i]);
}

static void settle(struct sim_world *w, struct sim_transport *t, const struct choice *c, int i)
{
	const struct allocate_subscription *sub = &c->subs[i];
	struct sim_consumer *consumer = &t->consumers[i];
	struct sim_target target = {.paused = sub->step == ALLOCATE_PAUSED};

	if (!target.paused)
		target.step = w->tracks[i].ladder.step[sub->step];
	bool other = target.paused != consumer->target.paused ||
		     target.step.encoding != consumer->target.step.encoding;
	consumer->target = target;
	consumer->held_us = sub->held_us;
	if (!other)
		return;
	consumer->picture_changes += w->events.now_us >= w->config.measure_us;
	if (!target.paused)
		sim_sfu_want_keyframe(w, (uint32_t)i, target.step.encoding);
}

void sim_sfu_allocate(struct sim_world *w, struct sim_transport *t)
{
	struct choice c;
	size_t count = (size_t)w->config.tracks;

	if (w->events.now_us < t->allocated_us)
		return;
	t->allocated_us = w->events.now_us + STEADY_TURN_US;
	for (int i = 0; i < w->config.tracks; i++)
		add(w, t, &c, i);
	bool known = estimator_knows(&t->path.estimator);
	const struct steady_path path = {
		.now_us = w->events.now_us,
		.estimate_bps = known ? estimator_bps(&t->path.estimator) : ALLOCATE_UNBOUNDED_BPS,
		.audio_bps = layer_rates_bps(&w->audio_rates, 0, 0),
		.waiting_bits = t->path.pacer.queued_bytes * 8,
		.core_percent = 100,
		.known = known,
	};
	struct steady_out out = steady_turn(&t->steady, &path, c.subs, c.order, count);
	estimator_set_wanted(&t->path.estimator, out.wanted_bps / 4 * 5 + path.audio_bps);
	for (int i = 0; i < w->config.tracks; i++)
		settle(w, t, &c, i);
}

static void forward_frame(struct sim_consumer *c, const struct sim_frame *frame, int temporal)
{
	uint32_t position = c->forwarded++;
	struct sim_frame *f = &c->frames[position % FRAMES_KEPT];

	*f = *frame;
	f->needs = temporal == 2 ? c->last_middle : c->last_base;
	if (temporal == 0)
		c->last_base = position;
	if (temporal <= 1)
		c->last_middle = position;
}

void sim_sfu_choose(struct sim_world *w, uint32_t track, int encoding, int temporal,
		    const struct sim_frame *frame)
{
	for (int i = 0; i < w->config.transports; i++) {
		struct sim_transport *t = &w->transports[i];
		struct sim_consumer *c = &t->consumers[track];
		if (w->events.now_us < t->start_us)
			continue;
		int wanted = c->target.paused ? -1 : c->target.step.encoding;
		if (wanted == -1 && temporal == 0)
			c->encoding = -1;
		if (encoding == wanted && frame->key)
			c->encoding = encoding;
		if (encoding != c->encoding)
			continue;
		// Temporal layers change at the base alone; on the way down to another encoding
		// the base is enough.
		if (temporal == 0 && c->encoding == wanted)
			c->temporal = c->target.step.temporal;
		else if (temporal == 0)
			c->temporal = c->encoding > wanted ? 0 : TEMPORAL_LAYERS - 1;
		if (temporal <= c->temporal)
			forward_frame(c, frame, temporal);
	}
}
