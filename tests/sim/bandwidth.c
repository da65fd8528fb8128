// SPDX-License-Identifier: Apache-2.0
//
// tests/sim/bandwidth.c - what leaves when, and what is sent to find out more. Contract in world.h.
//
// What is decided, and when, is proto/rtc/bandwidth/send_path; here are packets and padding, as in
// dataplane/forward/bandwidth.c and dataplane/forward/pacing.c.
#include "tests/sim/world.h"

#include <inttypes.h>

enum {
	PADDING_BYTES = 255 + SIM_OVERHEAD_BYTES, // as much as RTP has (RFC 3550 5.1)
	PACER_TICK_US = 1000, // queues are looked at no more often
	STALE_US = 3000000, // a note of a packet the history has no more
};

void sim_sfu_bandwidth_start(struct sim_transport *t, uint64_t now_us)
{
	send_path_init(&t->path, t->log, LOG_SLOTS, t->pacer_items, PACER_SLOTS, now_us);
	t->pacer_us = UINT64_MAX;
}

static void schedule_pacer(struct sim_world *w, uint32_t number)
{
	struct sim_transport *t = &w->transports[number];
	uint64_t at_us = pacer_deadline_us(&t->path.pacer);

	if (at_us < w->events.now_us + PACER_TICK_US)
		at_us = w->events.now_us + PACER_TICK_US;
	if (at_us >= t->pacer_us)
		return;
	t->pacer_us = at_us;
	events_set(&w->events, at_us, EVENT_PACER, number, NULL);
}

static void trace_sent(const struct sim_world *w, const struct sim_packet *p, uint32_t probe)
{
	fprintf(w->config.trace, "sent %" PRIu64 " %u %u %u\n", w->events.now_us, p->size, p->kind,
		probe);
}

static void trace_probe(const struct sim_world *w, const struct probe *p)
{
	fprintf(w->config.trace, "probe %" PRIu64 " %u %" PRIu64 " %u %u\n", w->events.now_us,
		p->id, p->bps, p->bytes, p->pkts);
}

static void measure(struct sim_world *w, struct sim_transport *t, const struct sim_packet *p,
		    uint64_t queued_us)
{
	uint64_t ms = queued_us / 1000;
	uint64_t with_pacer_ms = (w->events.now_us - p->queued_us + queued_us) / 1000;

	if (w->events.now_us < w->config.measure_us)
		return;
	t->queueing_ms[ms < HISTOGRAM_MS ? ms : HISTOGRAM_MS - 1]++;
	t->waiting_ms[with_pacer_ms < HISTOGRAM_MS ? with_pacer_ms : HISTOGRAM_MS - 1]++;
	t->queued++;
}

static void leave(struct sim_world *w, uint32_t number, struct sim_packet *p)
{
	struct sim_transport *t = &w->transports[number];
	uint64_t arrival_us, queued_us, now_us = w->events.now_us;

	p->transport_number = send_path_number(&t->path, p->kind, p->size, now_us);
	if (w->config.trace != NULL && number == 0)
		trace_sent(w, p, t->path.probe_id);
	bool arrives = sim_link_send(&w->downlink, p->size, now_us, &arrival_us, &queued_us);
	measure(w, t, p, queued_us);
	if (arrives)
		events_set(&w->events, arrival_us, EVENT_AT_RECEIVER, number, p);
	else
		events_release(&w->events, p);
}

void sim_sfu_send(struct sim_world *w, uint32_t number, struct sim_packet *p)
{
	struct sim_transport *t = &w->transports[number];
	uint64_t now_us = w->events.now_us;

	p->transport = (uint8_t)number;
	p->queued_us = now_us;
	if (send_path_passes(&t->path, p->kind, p->size, now_us)) {
		leave(w, number, p);
		return;
	}
	if (!pacer_push(&t->path.pacer, (uintptr_t)p, p->size, now_us))
		events_release(&w->events, p);
	schedule_pacer(w, number);
}

void sim_sfu_pacer(struct sim_world *w, uint32_t number)
{
	struct sim_transport *t = &w->transports[number];
	struct pacer_out out;

	t->pacer_us = UINT64_MAX;
	while (pacer_poll(&t->path.pacer, w->events.now_us, &out)) {
		struct sim_packet *p = (struct sim_packet *)out.handle;

		if (w->events.now_us - out.queued_us <= STALE_US) {
			leave(w, number, p);
			continue;
		}
		pacer_undo(&t->path.pacer, &out);
		events_release(&w->events, p);
	}
	if (pacer_deadline_us(&t->path.pacer) != UINT64_MAX)
		schedule_pacer(w, number);
}

static void pad(struct sim_world *w, uint32_t number)
{
	struct sim_packet *p = events_packet(&w->events);

	p->size = PADDING_BYTES;
	p->kind = PACKET_PADDING;
	p->queued_us = w->events.now_us;
	leave(w, number, p);
}

void sim_sfu_bandwidth(struct sim_world *w, uint32_t number)
{
	struct sim_transport *t = &w->transports[number];
	uint64_t now_us = w->events.now_us;

	for (int i = 0; i < SEND_PATH_PADDING_ONCE && send_path_wants_padding(&t->path, now_us);
	     i++)
		pad(w, number);
	if (!send_path_is_due(&t->path, now_us))
		return;
	if (send_path_poll(&t->path, now_us) && w->config.trace != NULL && number == 0)
		trace_probe(w, &t->path.probe);
	send_path_pace(&t->path, false);
	resend_budget_set_rate(&t->resend_budget, estimator_bps(&t->path.estimator));
}
