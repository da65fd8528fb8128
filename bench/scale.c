// SPDX-License-Identifier: Apache-2.0
//
// bench/scale.c - one room over 1 to 4 workers: the publisher's worker opens and hands references
// over the rings, every worker seals for its own consumers on its own queue of a null port.
//
// Blocks   received packets are made beforehand and not timed. Then all workers start at once; the
//          block has ended when the last consumer's packet went to the port.
// Cores    a worker each, or the row is not made: workers that take turns on one core measure the
//          kernel's scheduler.
// Thread   worker 0 is main, the others are lcores; they meet at 'round' and 'running'.
#include "bench/options.h"
#include "bench/rig.h"
#include "bench/timing.h"
#include "dataplane/core/path.h"
#include "dataplane/core/xmsg.h"
#include "dataplane/srtp/engine.h"
#include "dataplane/srtp/ipsec_mb.h"

#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_pause.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_PACKETS = 1000, WARM_BLOCKS = 20, WORKERS_MAX = RIG_WORKERS_MAX };

struct round {
	struct rig *rig;
	_Atomic unsigned number; // of the block that runs; workers wait for the next
	_Atomic unsigned running; // workers that have not sealed all of theirs
	_Atomic bool stop;
	unsigned expected[WORKERS_MAX]; // packets of a block
};

// Takes what other workers hand over until all of this block's packets went out.
static void worker_block(struct round *r, unsigned id)
{
	struct worker *w = rig_worker(r->rig, id);
	uint64_t end = w->stats.packets_sent + r->expected[id];

	while (w->stats.packets_sent < end) {
		struct xmsg msgs[BURST_PKTS_MAX];
		unsigned count = xmsg_receive(w->from_worker[0], msgs, BURST_PKTS_MAX);
		if (count == 0) {
			rte_pause();
			continue;
		}
		w->now_us += 1000;
		for (unsigned i = 0; i < count; i++)
			path_message(w, &msgs[i]);
		path_flush(w);
	}
	atomic_fetch_sub_explicit(&r->running, 1, memory_order_release);
}

static int worker_run(void *arg)
{
	struct round *r = arg;
	unsigned id = rte_lcore_id(), seen = 0;

	while (!atomic_load_explicit(&r->stop, memory_order_acquire)) {
		unsigned number = atomic_load_explicit(&r->number, memory_order_acquire);
		if (number == seen) {
			rte_pause();
			continue;
		}
		seen = number;
		worker_block(r, id);
	}
	return 0;
}

static uint64_t block(struct round *r, unsigned workers, unsigned received)
{
	rig_receive(r->rig, received);
	atomic_store_explicit(&r->running, workers, memory_order_relaxed);
	uint64_t start = ticks_now();
	atomic_fetch_add_explicit(&r->number, 1, memory_order_release);
	if (rig_run(r->rig) != r->expected[0] ||
	    rig_worker(r->rig, 0)->stats.egress_drops[SHM_EGRESS_DROP_FANOUT_FULL] != 0) {
		fprintf(stderr, "bench: packets were dropped: the figures would be wrong\n");
		exit(1);
	}
	atomic_fetch_sub_explicit(&r->running, 1, memory_order_release);
	while (atomic_load_explicit(&r->running, memory_order_acquire) != 0)
		rte_pause();
	return ticks_now() - start;
}

// That we may run on; the rig has an lcore on each, and no other. Counted before the EAL starts,
// which leaves this thread one.
static long cores = 1;

static void cores_count(void)
{
	cpu_set_t allowed;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0)
		cores = CPU_COUNT(&allowed);
}

// Beyond this share of time lost to others the row says so.
static const double SPOILED = 0.2;

static void print(const struct options *o, const struct rig_plan *plan, const struct clock_facts *c,
		  const struct summary *s)
{
	double ns = s->quartile / c->ghz;

	printf("{\"bench\": \"scale\", \"engine\": \"%s\", \"instruction_set\": \"%s\", "
	       "\"suite\": \"%s\", \"bytes\": %u, \"consumers\": %u, \"workers\": %u, \"cores\": "
	       "%ld, "
	       "\"blocks\": %u, \"ns_per_packet\": %.2f, \"packets_per_second\": %.0f, "
	       "\"minimum\": "
	       "%.2f, \"median\": %.2f, \"gap_share\": %.4f, \"spoiled\": %s, \"tsc_ghz\": %.4f, "
	       "\"core_cycles_per_tsc_cycle\": %.3f, \"idle_gap_share\": %.4f}\n",
	       plan->engine->name, ipsec_mb_instruction_set_name(), srtp_suite_name(plan->suite),
	       plan->bytes, plan->consumers, plan->workers, cores, o->blocks, ns, 1e9 / ns,
	       s->minimum / c->ghz, s->median / c->ghz, s->gap_share,
	       s->gap_share > SPOILED ? "true" : "false", c->ghz, c->core_ratio, c->gap_share);
	fflush(stdout);
}

// Packets a second.
static double run(const struct options *o, const struct rig_plan *plan, const struct clock_facts *c)
{
	static struct samples samples;
	struct round r = {.rig = rig_new(plan)};
	unsigned received = BLOCK_PACKETS * plan->workers / plan->consumers;

	received = received == 0 ? 1 : received;
	for (unsigned i = 0; i < plan->consumers; i++)
		r.expected[i % plan->workers] += received;
	for (unsigned id = 1; id < plan->workers; id++)
		if (rte_eal_remote_launch(worker_run, &r, id) != 0)
			exit(1);
	for (unsigned i = 0; i < WARM_BLOCKS; i++)
		block(&r, plan->workers, received);
	samples.count = 0;
	for (unsigned i = 0; i < o->blocks; i++)
		samples_add(&samples, block(&r, plan->workers, received),
			    received * plan->consumers);
	atomic_store_explicit(&r.stop, true, memory_order_release);
	rte_eal_mp_wait_lcore();
	struct summary s = samples_summary(&samples);
	print(o, plan, c, &s);
	rig_free(r.rig);
	return 1e9 * c->ghz / s.quartile;
}

struct points {
	unsigned count;
	double workers[WORKERS_MAX], rate[WORKERS_MAX];
};

// Gunther's law: X(N) = X(1) N / (1 + sigma (N - 1) + kappa N (N - 1)), so what is left of linear,
// N X(1) / X(N) - 1, is linear in sigma and kappa. One point beside N = 1 gives sigma alone.
static void model_print(const struct rig_plan *plan, const struct points *p)
{
	double aa = 0, ab = 0, bb = 0, ay = 0, by = 0;

	if (p->count < 2)
		return;
	for (unsigned i = 1; i < p->count; i++) {
		double n = p->workers[i], a = n - 1, b = n * (n - 1);
		double y = n * p->rate[0] / p->rate[i] - 1;
		aa += a * a, ab += a * b, bb += b * b, ay += a * y, by += b * y;
	}
	double det = aa * bb - ab * ab;
	bool both = p->count > 2 && det != 0;
	double sigma = both ? (ay * bb - by * ab) / det : ay / aa;
	double kappa = both ? (by * aa - ay * ab) / det : 0;
	printf("{\"bench\": \"scale\", \"model\": \"universal scalability law\", \"measured\": "
	       "false, \"bytes\": %u, \"consumers\": %u, \"sigma\": %.5f, ",
	       plan->bytes, plan->consumers, sigma);
	printf(both ? "\"kappa\": %.6f" : "\"kappa\": null", kappa);
	for (unsigned n = 4; n <= 16; n *= 2)
		printf(", \"model_packets_per_second_%u\": %.0f", n,
		       p->rate[0] * n / (1 + sigma * (n - 1) + kappa * n * (n - 1)));
	printf("}\n");
}

// One room with 1 to 4 workers, as far as there are cores.
static void scale(const struct options *o, struct rig_plan *plan, const struct clock_facts *clock)
{
	struct points p = {0};

	for (plan->workers = 1; plan->workers <= WORKERS_MAX; plan->workers++) {
		if ((long)plan->workers > cores || plan->workers > plan->consumers) {
			fprintf(stderr,
				"bench: %u workers are not measured: they need as many cores (it "
				"may run on %ld) and as many consumers (%u)\n",
				plan->workers, cores, plan->consumers);
			continue;
		}
		p.workers[p.count] = plan->workers;
		p.rate[p.count++] = run(o, plan, clock);
	}
	model_print(plan, &p);
}

static void each(const struct options *o, struct rig_plan *plan, const struct clock_facts *clock)
{
	for (unsigned s = 0; s < o->suites.count; s++)
		for (unsigned b = 0; b < o->bytes.count; b++)
			for (unsigned n = 0; n < o->consumers.count; n++) {
				plan->suite = (enum shm_suite)o->suites.value[s];
				plan->bytes = o->bytes.value[b];
				plan->consumers = o->consumers.value[n];
				scale(o, plan, clock);
			}
}

int main(int argc, char **argv)
{
	struct options o;

	options_read(&o, argc, argv);
	cores_count();
	if (!ipsec_mb_instruction_set(o.instruction_set)) {
		fprintf(stderr, "--instruction-set %s is wrong: this CPU has not got it\n",
			o.instruction_set);
		return 2;
	}
	struct rig_plan plan = {.engine = option_engine(o.engines.value[0]),
				.tracks = 1,
				.features = BENCH_NUMBERS};
	if (!plan.engine->start())
		return 1;
	struct clock_facts clock = clock_calibrate();
	each(&o, &plan, &clock);
	return 0;
}
