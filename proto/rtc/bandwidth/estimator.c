// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/bandwidth/estimator.c - the parts put together. Contract in estimator.h.
#include "proto/rtc/bandwidth/estimator.h"

#define SILENCE_FACTOR 0.8
enum {
	SILENCE_STEP_US = 500000,
	SATURATED_PERCENT = 85, // of a probe arrived: it found the end of the path
	REPORT_PKTS = 256, // a receiver report counts as this many packets
};

void estimator_init(struct estimator *e, const struct estimator_limits *limits,
		    struct sent_packet *slots, uint32_t count, uint64_t now_us)
{
	*e = (struct estimator){.limits = *limits, .rtt_us = 100000};
	sent_log_init(&e->log, slots, count);
	arrival_groups_init(&e->groups);
	trendline_init(&e->trend);
	standing_queue_init(&e->standing);
	throughput_init(&e->acked);
	throughput_init(&e->sent);
	rate_control_init(&e->rate, limits->start_bps, limits->min_bps, limits->max_bps);
	loss_control_init(&e->loss, limits->start_bps, limits->min_bps, limits->max_bps);
	app_limit_init(&e->app, now_us);
	probe_control_init(&e->probes, limits->start_bps);
	probe_results_init(&e->results);
}

void estimator_set_wanted(struct estimator *e, uint64_t bps)
{
	e->wanted_bps = bps < e->limits.max_bps ? bps : e->limits.max_bps;
}

uint64_t estimator_bps(const struct estimator *e)
{
	double bps = e->loss.limit_bps;

	if (e->feedback_us != 0 && e->rate.rate_bps < bps)
		bps = e->rate.rate_bps;
	if (e->feedback_us == 0 && e->remb_bps != 0 && (double)e->remb_bps < bps)
		bps = (double)e->remb_bps;
	uint64_t estimate = (uint64_t)bps;
	return estimate < e->limits.min_bps ? e->limits.min_bps : estimate;
}

void estimator_account(struct estimator *e)
{
	struct sent_log *l = &e->log;

	if (l->bytes == 0)
		return;
	throughput_add(&e->sent, (int64_t)l->newest_us, l->bytes);
	app_limit_sent(&e->app, l->bytes, estimator_bps(e), l->newest_us);
	l->bytes = 0;
}

struct tally {
	uint32_t received;
	uint32_t lost;
	uint64_t newest_sent_us;
	uint64_t probed_bps;
	bool over;
};

static void feed_arrival(struct estimator *e, const struct sent_result *s, struct tally *t)
{
	struct arrival_delta d;
	uint64_t probed_bps = probe_results_feed(&e->results, s);

	if (probed_bps != 0)
		t->probed_bps = probed_bps;
	throughput_add(&e->acked, s->arrival_us, s->size);
	standing_queue_feed(&e->standing, s->arrival_us - (int64_t)s->sent_us);
	// A probe is meant to fill the queue for a moment.
	if (s->probe == 0 && arrival_groups_feed(&e->groups, s->sent_us, s->arrival_us, &d) &&
	    trendline_feed(&e->trend, &d) == USAGE_OVER)
		t->over = true;
}

static void read_results(struct estimator *e, struct sent_log_reader *r, struct tally *t)
{
	struct sent_result s;

	while (sent_log_next(r, &s)) {
		if (!s.received) {
			t->lost++;
			probe_results_feed(&e->results, &s);
			continue;
		}
		t->received += !s.was_lost;
		if (s.sent_us > t->newest_sent_us)
			t->newest_sent_us = s.sent_us;
		feed_arrival(e, &s, t);
	}
}

static void use_probe(struct estimator *e, uint64_t probed_bps, uint64_t now_us)
{
	uint64_t estimate = estimator_bps(e);

	probe_control_result(&e->probes, probed_bps, estimate, now_us);
	if (probed_bps <= estimate || e->trend.usage == USAGE_OVER)
		return;
	// On a full path a probe takes from others for a moment: half of what it found.
	if (probed_bps * 100 < e->probes.sent_bps * SATURATED_PERCENT)
		probed_bps = (probed_bps + estimate) / 2;
	rate_control_set(&e->rate, probed_bps, now_us);
	loss_control_raise(&e->loss, probed_bps);
}

// What gets through says nothing of the path while less is sent than it may carry, and all of that
// arrives.
static bool unused(const struct estimator *e, uint64_t acked_bps)
{
	return e->app.limited && acked_bps * 10 >= throughput_bps(&e->sent) * 9;
}

void estimator_feedback(struct estimator *e, const struct twcc_feedback *f, uint64_t now_us)
{
	struct sent_log_reader r;
	struct tally t = {.over = false};

	estimator_account(e);
	if (!sent_log_read(&r, &e->log, f, now_us)) {
		arrival_groups_init(&e->groups);
		throughput_init(&e->acked);
		standing_queue_init(&e->standing);
	}
	read_results(e, &r, &t);
	e->feedback_us = now_us;
	e->silenced_us = now_us;
	e->feedbacks++;
	loss_control_feed(&e->loss, t.received, t.lost, estimator_bps(e), now_us);
	if (t.received == 0)
		return;
	e->rtt_us = (7 * e->rtt_us + (now_us - t.newest_sent_us)) / 8;
	e->rate.rtt_us = e->rtt_us;
	uint64_t acked_bps = throughput_bps(&e->acked);
	app_limit_sent(&e->app, 0, estimator_bps(e), now_us);
	if (t.over && unused(e, acked_bps))
		acked_bps = estimator_bps(e);
	// What gets through is the path's rate then, which a full queue needs less than to drain.
	if (standing_queue_over(&e->standing, now_us)) {
		t.over = true;
		if (acked_bps > estimator_bps(e))
			acked_bps = estimator_bps(e);
	}
	double before = e->rate.rate_bps;
	rate_control_update(&e->rate, t.over ? USAGE_OVER : e->trend.usage, acked_bps, now_us);
	if (t.over) {
		e->overused_us = now_us;
		e->overuses++;
		if (e->rate.rate_bps < before / 2)
			probe_control_reset_interval(&e->probes, now_us);
	}
	if (t.probed_bps != 0)
		use_probe(e, t.probed_bps, now_us);
}

void estimator_remb(struct estimator *e, uint64_t bps)
{
	estimator_account(e);
	e->remb_bps = bps < e->limits.min_bps ? e->limits.min_bps : bps;
	// It may say anything: believed up to twice what the peer is really sent, and gets.
	uint64_t proven_bps = 2 * throughput_bps(&e->sent);
	if (e->feedback_us == 0 && e->loss.last < LOSS_RISE_BELOW)
		loss_control_raise(&e->loss, proven_bps < e->remb_bps ? proven_bps : e->remb_bps);
}

// Without REMB nothing else bounds growth but what is really sent; and what is wanted, for less
// than that may be held back.
static bool grows(const struct estimator *e)
{
	double sent_bps = (double)throughput_bps(&e->sent);

	return e->loss.limit_bps <= 1.5 * sent_bps || e->loss.limit_bps < (double)e->wanted_bps;
}

void estimator_report(struct estimator *e, uint8_t fraction_lost, uint64_t rtt_us, uint64_t now_us)
{
	if (rtt_us != 0 && e->feedback_us == 0)
		e->rtt_us = rtt_us;
	if (e->feedback_us != 0)
		return;
	estimator_account(e);
	e->reported_us = now_us;
	if (!estimator_knows(e)) // what is sent now is what losses will lower
		loss_control_raise(&e->loss, throughput_bps(&e->sent));
	if (fraction_lost == 0 && (!estimator_knows(e) || !grows(e)))
		return;
	double before = e->loss.limit_bps;
	loss_control_feed(&e->loss, REPORT_PKTS - fraction_lost, fraction_lost, estimator_bps(e),
			  now_us);
	e->lossy = e->lossy || e->loss.limit_bps < before;
}

void estimator_left(struct estimator *e, uint64_t bytes, uint64_t now_us)
{
	if (e->feedback_us != 0 || bytes == 0)
		return;
	throughput_add(&e->sent, (int64_t)now_us, (uint32_t)bytes);
	app_limit_sent(&e->app, bytes, estimator_bps(e), now_us);
}

void estimator_unreported(struct estimator *e, uint64_t now_us)
{
	if (e->feedback_us == 0 && e->reported_us != 0 &&
	    now_us - e->reported_us >= ESTIMATOR_UNREPORTED_US && grows(e))
		loss_control_feed(&e->loss, REPORT_PKTS, 0, estimator_bps(e), now_us);
}

// What the trend says stands until it is fed again, which it is not where nothing is forwarded: for
// ever, no probe would go out and no result of one would count.
static void forget_overuse(struct estimator *e, uint64_t now_us)
{
	if (e->trend.usage != USAGE_OVER || now_us - e->overused_us < ESTIMATOR_CALM_US)
		return;
	arrival_groups_init(&e->groups);
	trendline_init(&e->trend);
}

bool estimator_poll(struct estimator *e, uint64_t now_us, struct probe *probe)
{
	estimator_account(e);
	if (e->feedback_us != 0 && sent_log_waits(&e->log) &&
	    now_us - e->log.newest_us < SILENCE_STEP_US &&
	    now_us - e->feedback_us >= ESTIMATOR_SILENCE_US + 2 * e->rtt_us &&
	    now_us - e->silenced_us >= SILENCE_STEP_US + 2 * e->rtt_us) {
		e->silenced_us = now_us;
		rate_control_set(&e->rate, (uint64_t)(e->rate.rate_bps * SILENCE_FACTOR), now_us);
	}
	forget_overuse(e, now_us);
	bool calm = e->trend.usage != USAGE_OVER &&
		    (e->overused_us == 0 || now_us - e->overused_us >= ESTIMATOR_CALM_US);
	if (!probe_control_poll(&e->probes, estimator_bps(e), e->wanted_bps, calm, now_us, probe))
		return false;
	probe_results_start(&e->results, probe);
	return true;
}
