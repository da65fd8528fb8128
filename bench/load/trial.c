// SPDX-License-Identifier: Apache-2.0
//
// bench/load/trial.c - the loop of one trial: send what is due, take what came, watch the clock.
#include "bench/load/trial.h"

#include <inttypes.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <stdio.h>
#include <string.h>

enum { SEND_BURST = 16, RECEIVE_BURST = 32, DRAIN_MS = 200 };

struct run {
	const struct trial *t;
	struct trial_result *r;
	struct latency window;
	uint64_t start, now, window_end, window_ticks, gap_ticks, gap_sum, busy;
	unsigned dirty; // windows to leave out, the present one included
	uint64_t slots; // packets that were due until now, skipped ones included
};

static uint64_t ticks_of(const struct trial *t, double ns)
{
	return (uint64_t)(ns * t->ghz);
}

static unsigned frames_make(struct run *run, struct rte_mbuf **frames, struct publish_id *ids,
			    unsigned count)
{
	if (rte_pktmbuf_alloc_bulk(run->t->packets, frames, count) != 0)
		return 0;
	for (unsigned i = 0; i < count; i++) {
		frames[i]->data_len = publishers_next(
			run->t->from, rte_pktmbuf_mtod(frames[i], uint8_t *), &ids[i]);
		frames[i]->pkt_len = frames[i]->data_len;
		run->r->expected += run->t->consumers[ids[i].publisher];
	}
	return count;
}

static void offer(struct run *run, unsigned count)
{
	struct rte_mbuf *frames[SEND_BURST];
	struct publish_id ids[SEND_BURST];
	unsigned made = frames_make(run, frames, ids, count);
	uint64_t left = rte_rdtsc();

	for (unsigned i = 0; i < made; i++)
		publishers_sent(run->t->from, &ids[i], left);
	unsigned taken = rte_eth_tx_burst(run->t->port, 0, frames, (uint16_t)made);
	rte_pktmbuf_free_bulk(frames + taken, made - taken);
	run->r->offered += made;
	run->r->refused += made - taken;
	run->r->skipped += count - made;
}

static bool send_due(struct run *run, double rate)
{
	double elapsed_ns = (double)(run->now - run->start) / run->t->ghz;
	uint64_t due = (uint64_t)(elapsed_ns * rate / 1e9);

	if (due > run->slots + TRIAL_DEBT) {
		run->r->skipped += due - run->slots - TRIAL_DEBT;
		run->slots = due - TRIAL_DEBT;
	}
	if (due == run->slots)
		return false;
	unsigned count = due - run->slots < SEND_BURST ? (unsigned)(due - run->slots) : SEND_BURST;
	offer(run, count);
	run->slots += count;
	return true;
}

static unsigned receive(struct run *run)
{
	struct rte_mbuf *frames[RECEIVE_BURST];
	unsigned count = rte_eth_rx_burst(run->t->port, 0, frames, RECEIVE_BURST);
	uint64_t came = rte_rdtsc();

	for (unsigned i = 0; i < count; i++)
		sinks_take(run->t->to, rte_pktmbuf_mtod(frames[i], uint8_t *), frames[i]->data_len,
			   came, &run->window);
	rte_pktmbuf_free_bulk(frames, count);
	return count;
}

static void window_close(struct run *run)
{
	latency_merge(&run->r->raw, &run->window);
	run->r->windows++;
	if (run->dirty != 0) {
		run->dirty--;
		run->r->windows_left_out++;
	} else {
		latency_merge(&run->r->gapless, &run->window);
	}
	memset(&run->window, 0, sizeof(run->window));
	run->window_end = run->now + run->window_ticks;
}

// 'worked': the turn since the last reading did.
static void clock_read(struct run *run, bool worked)
{
	uint64_t now = rte_rdtsc();

	if (worked)
		run->busy += now - run->now;
	if (now - run->now > run->gap_ticks) {
		run->gap_sum += now - run->now;
		run->dirty = 2;
	}
	run->now = now;
	if (now > run->window_end)
		window_close(run);
}

static void drain(struct run *run)
{
	uint64_t quiet = run->now + ticks_of(run->t, DRAIN_MS * 1e6);

	while (run->now < quiet && sinks_counts(run->t->to).media < run->r->expected) {
		bool came = receive(run) != 0;
		if (came)
			quiet = run->now + ticks_of(run->t, DRAIN_MS * 1e6);
		clock_read(run, came);
	}
	window_close(run);
}

void trial_run(const struct trial *t, double rate, double seconds, struct trial_result *r)
{
	static struct run run;

	memset(r, 0, sizeof(*r));
	run = (struct run){.t = t, .r = r};
	sinks_reset(t->to);
	run.window_ticks = ticks_of(t, TRIAL_WINDOW_US * 1e3);
	run.gap_ticks = ticks_of(t, TRIAL_GAP_US * 1e3);
	run.start = run.now = rte_rdtsc();
	run.window_end = run.now + run.window_ticks;
	uint64_t end = run.start + ticks_of(t, seconds * 1e9);
	while (run.now < end) {
		bool sent = send_due(&run, rate);
		bool came = receive(&run) != 0;
		clock_read(&run, sent || came);
	}
	r->seconds = (double)(run.now - run.start) / t->ghz / 1e9;
	r->gap_share = (double)run.gap_sum / (double)(run.now - run.start);
	r->busy_share = (double)run.busy / (double)(run.now - run.start);
	drain(&run);
	r->sinks = sinks_counts(t->to);
}

static void latency_print(const struct trial *t, const char *name, const struct latency *l)
{
	static const double shares[] = {0.5, 0.99, 0.999, 0.9999};
	static const char *const names[] = {"p50", "p99", "p99_9", "p99_99"};

	printf(", \"%s\": {\"count\": %" PRIu64, name, l->count);
	for (unsigned i = 0; i < 4; i++)
		printf(", \"%s\": %.0f", names[i],
		       (double)latency_percentile(l, shares[i]) / t->ghz);
	printf(", \"maximum\": %.0f}", (double)l->maximum / t->ghz);
}

void trial_print(const struct trial *t, double rate, const struct trial_result *r)
{
	const struct sink_counts *s = &r->sinks;

	printf("{\"rate\": %.0f, \"seconds\": %.3f, \"offered\": %" PRIu64 ", \"refused\": %" PRIu64
	       ", \"skipped\": %" PRIu64 ", \"expected\": %" PRIu64 ", \"media\": %" PRIu64,
	       rate, r->seconds, r->offered, r->refused, r->skipped, r->expected, s->media);
	printf(", \"holes\": %" PRIu64 ", \"late\": %" PRIu64 ", \"rtcp\": %" PRIu64
	       ", \"other\": %" PRIu64 ", \"opened\": %" PRIu64 ", \"wrong\": %" PRIu64
	       ", \"least\": %" PRIu64 ", \"most\": %" PRIu64,
	       s->holes, s->late, s->rtcp, s->other, s->opened, s->wrong, s->least, s->most);
	printf(", \"gap_share\": %.5f, \"windows\": %" PRIu64 ", \"windows_left_out\": %" PRIu64
	       ", \"busy_share\": %.4f",
	       r->gap_share, r->windows, r->windows_left_out, r->busy_share);
	latency_print(t, "latency_ns", &r->raw);
	latency_print(t, "latency_gapless_ns", &r->gapless);
	printf("}\n");
	fflush(stdout);
}
