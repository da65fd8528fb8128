// SPDX-License-Identifier: Apache-2.0
//
// tests/sim/world.c - one run. Contract in world.h.
#include "tests/sim/world.h"

#include <stdalign.h>
#include <string.h>

enum { TICK_US = 2000, FEEDBACK_INTERVAL_US = 50000 };

struct sim_world *sim_world_create(void)
{
	struct sim_world *w = aligned_alloc(alignof(struct sim_world), sizeof(*w));
	if (w == NULL)
		abort();
	memset(w, 0, sizeof(*w));
	events_create(&w->events);
	return w;
}

void sim_world_destroy(struct sim_world *w)
{
	events_destroy(&w->events);
	free(w);
}

static void clear(struct sim_world *w, const struct sim_config *config)
{
	struct events kept = w->events;

	memset(w, 0, sizeof(*w));
	w->events = kept;
	events_reset(&w->events);
	w->config = *config;
	w->random.state = config->seed;
}

static struct sim_link make_link(struct sim_world *w, uint64_t delay_us, uint32_t loss_ppm)
{
	return (struct sim_link){.random.state = prng_next(&w->random),
				 .delay_us = delay_us,
				 .jitter_us = w->config.jitter_us,
				 .loss_ppm = loss_ppm};
}

static void set_rate(struct sim_world *w, uint64_t rate_bps)
{
	w->downlink.rate_bps = rate_bps;
	w->downlink.queue_bytes = rate_bps / 8 * w->config.queue_ms / 1000;
}

static void start(struct sim_world *w)
{
	const struct sim_config *c = &w->config;

	w->uplink = make_link(w, c->uplink_delay_us, c->uplink_loss_ppm);
	w->uplink_feedback = make_link(w, c->uplink_delay_us, c->uplink_loss_ppm);
	w->downlink = make_link(w, c->delay_us, c->loss_ppm);
	set_rate(w, c->link_bps);
	for (uint32_t i = 0; i < (uint32_t)c->transports; i++) {
		struct sim_transport *t = &w->transports[i];
		t->start_us = i == 0 ? 0 : c->second_start_us;
		t->feedback = make_link(w, c->delay_us, c->loss_ppm);
		twcc_init(&t->twcc, 1, FEEDBACK_INTERVAL_US);
		sim_sfu_start(w, i);
	}
	sim_publisher_start(w);
	for (int i = 0; i < 2; i++)
		if (c->changes[i].at_us != 0)
			events_set(&w->events, c->changes[i].at_us, EVENT_LINK, (uint32_t)i, NULL);
	events_set(&w->events, TICK_US, EVENT_TICK, 0, NULL);
}

static void tick(struct sim_world *w)
{
	uint64_t now_us = w->events.now_us;

	sim_sfu_tick(w);
	for (uint32_t i = 0; i < (uint32_t)w->config.transports; i++)
		if (now_us >= w->transports[i].start_us)
			sim_receiver_tick(w, &w->transports[i], i);
	if (w->config.watch != NULL)
		w->config.watch(w->config.watch_ctx, now_us, w->downlink.rate_bps,
				estimator_bps(&w->transports[0].path.estimator));
	events_set(&w->events, now_us + TICK_US, EVENT_TICK, 0, NULL);
}

static void dispatch(struct sim_world *w, const struct event *e)
{
	switch (e->kind) {
	case EVENT_FRAME:
		sim_publisher_frame(w, e->what);
		break;
	case EVENT_AUDIO:
		sim_publisher_audio(w);
		break;
	case EVENT_AT_SFU:
		sim_sfu_media(w, e->packet);
		break;
	case EVENT_AT_RECEIVER:
		e->packet->transport = (uint8_t)e->what;
		sim_receiver_media(w, e->packet);
		break;
	case EVENT_FEEDBACK_AT_SFU:
		sim_sfu_feedback(w, e->packet);
		break;
	case EVENT_FEEDBACK_AT_PUBLISHER:
		sim_publisher_feedback(w, e->packet);
		break;
	case EVENT_PACER:
		if (w->transports[e->what].pacer_us == w->events.now_us)
			sim_sfu_pacer(w, e->what);
		break;
	case EVENT_TICK:
		tick(w);
		break;
	case EVENT_LINK:
		set_rate(w, w->config.changes[e->what].rate_bps);
		break;
	}
}

void sim_world_run(struct sim_world *w, const struct sim_config *config)
{
	struct event e;

	clear(w, config);
	start(w);
	while (events_next(&w->events, config->end_us, &e))
		dispatch(w, &e);
}
