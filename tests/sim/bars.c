// SPDX-License-Identifier: Apache-2.0
//
// tests/sim/bars.c - many seeds of one scenario, and the bar its worst 5 % have to pass.
//
// usage: sim_bars SCENARIO [--seeds N] [--seed N [--trace FILE]]
//   --seed   one run, with what it did over time
//   --trace  what its estimator saw in the first TRACE_END_S seconds, for sim_traces
#include "tests/sim/world.h"

#include <string.h>

enum { SEEDS = 256, SEEDS_MAX = 65536, SECOND = 1000000 };

// A figure of one run. Higher is better unless the bar is an upper one.
struct bar {
	const char *what;
	const char *unit;
	double bound;
	bool upper; // the figure has to stay below
};

enum { FIGURES_MAX = 8 };
struct scenario {
	const char *name;
	struct sim_config (*configure)(uint64_t seed);
	void (*measure)(struct sim_world *w, double figures[FIGURES_MAX]);
	struct bar bars[FIGURES_MAX];
};

// What the scenarios see of the first transport's estimate, every 2 ms.
struct estimate_watch {
	uint64_t drop_us;
	uint64_t back_us;
	uint64_t below_us; // first time below the link after the drop
	uint64_t recovered_us; // first time back at 85 % after that
	uint64_t climbed_us; // first time at 85 % after the link came back
	uint64_t lowest_bps; // estimate while measuring
	uint64_t highest_bps;
	uint64_t measure_us;
};
static struct estimate_watch seen;
static bool verbose;

enum { DROP_FOR_S = 30, RESTORED_FOR_S = 30, TRACE_END_S = 14 };

static void watch(void *ctx, uint64_t now_us, uint64_t link_bps, uint64_t estimate_bps)
{
	struct estimate_watch *d = ctx;

	if (verbose && now_us % 200000 == 0)
		printf("%6.1f s link %7.0f estimate %7.0f kbit/s\n", (double)now_us / SECOND,
		       (double)link_bps / 1000, (double)estimate_bps / 1000);
	if (now_us >= d->measure_us) {
		d->lowest_bps = estimate_bps < d->lowest_bps ? estimate_bps : d->lowest_bps;
		d->highest_bps = estimate_bps > d->highest_bps ? estimate_bps : d->highest_bps;
	}
	if (d->drop_us == 0)
		return;
	if (now_us >= d->back_us) {
		if (d->climbed_us == 0 && estimate_bps * 100 >= 85 * link_bps)
			d->climbed_us = now_us;
	} else if (now_us >= d->drop_us) {
		if (d->below_us == 0 && estimate_bps < link_bps)
			d->below_us = now_us;
		if (d->below_us != 0 && d->recovered_us == 0 && estimate_bps * 100 >= 85 * link_bps)
			d->recovered_us = now_us;
	}
}

static struct prng of_seed(uint64_t seed)
{
	struct prng p = {.state = seed * UINT64_C(0x9e3779b97f4a7c15)};
	prng_next(&p);
	return p;
}

// 5 % loss and 100 ms round trip: on the downlink, on the uplink, or half of the delay each with
// the loss on both.
static struct sim_config loss_config(uint64_t seed)
{
	struct prng p = of_seed(seed);
	struct sim_config c = {
		.seed = seed,
		.end_us = 60 * SECOND,
		.tracks = 1,
		.transports = 1,
		.track_bps = {150000, 500000 + prng_below(&p, 1000000)},
		.jitter_us = prng_below(&p, 5000),
	};
	switch (seed % 3) {
	case 0:
		c.delay_us = 50000;
		c.loss_ppm = 50000;
		break;
	case 1:
		c.uplink_delay_us = 50000;
		c.uplink_loss_ppm = 50000;
		break;
	default:
		c.delay_us = c.uplink_delay_us = 25000;
		c.loss_ppm = c.uplink_loss_ppm = 50000;
	}
	return c;
}

static void loss_measure(struct sim_world *w, double figures[FIGURES_MAX])
{
	struct sim_transport *t = &w->transports[0];
	figures[0] = 100.0 * (double)t->frames_decoded / (double)t->frames_expected;
}

static struct sim_config shared_config(uint64_t seed)
{
	struct prng p = of_seed(seed);
	return (struct sim_config){
		.seed = seed,
		.end_us = 120 * (uint64_t)SECOND,
		.measure_us = 60 * (uint64_t)SECOND,
		.tracks = 8,
		.transports = 1,
		.track_bps = {60000, 250000},
		.link_bps = 1000000,
		.queue_ms = 200 + prng_below(&p, 400),
		.delay_us = 5000 + prng_below(&p, 45000),
		.jitter_us = prng_below(&p, 5000),
		.uplink_delay_us = 10000,
	};
}

static double percentile_95(const uint32_t histogram_ms[HISTOGRAM_MS], uint64_t count)
{
	uint64_t below = 0;
	int ms = 0;

	for (; ms < HISTOGRAM_MS - 1 && below * 100 < count * 95; ms++)
		below += histogram_ms[ms];
	return ms;
}

static void bottleneck_measure(struct sim_world *w, double figures[FIGURES_MAX])
{
	struct sim_transport *t = &w->transports[0];
	double seconds = (double)(w->config.end_us - w->config.measure_us) / SECOND;

	figures[0] = 100.0 * (double)t->media_bytes * 8 / seconds / (double)w->config.link_bps;
	figures[1] = percentile_95(t->queueing_ms, t->queued);
	figures[2] = 100.0 * (double)seen.lowest_bps / (double)w->config.link_bps;
	figures[3] = 100.0 * (double)seen.highest_bps / (double)w->config.link_bps;
	figures[4] = 100.0 * (double)t->feedback_bytes / (double)t->media_bytes;
	figures[5] = percentile_95(t->waiting_ms, t->queued);
	// A link that does not change, long after the start: who watches takes a picture that
	// changes its size twice a minute, there and back, and four times of one that has bad luck.
	for (int i = 0; i < w->config.tracks; i++) {
		double changes = (double)t->consumers[i].picture_changes * 60 / seconds;

		figures[6] += changes / w->config.tracks;
		figures[7] = changes > figures[7] ? changes : figures[7];
	}
}

static struct sim_config drop_config(uint64_t seed)
{
	struct sim_config c = shared_config(seed);

	c.tracks = 12;
	c.track_bps[0] = 80000;
	c.track_bps[1] = 300000;
	c.link_bps = 3000000;
	// While layers are still being added, or when all of them run.
	uint64_t drop_us = (5 + 5 * (seed % 8)) * SECOND, back_us = drop_us + DROP_FOR_S * SECOND;
	c.end_us = back_us + RESTORED_FOR_S * SECOND;
	c.changes[0] = (struct sim_link_change){.at_us = drop_us, .rate_bps = 500000};
	c.changes[1] = (struct sim_link_change){.at_us = back_us, .rate_bps = 3000000};
	seen = (struct estimate_watch){.drop_us = drop_us, .back_us = back_us};
	return c;
}

static double since(uint64_t us, uint64_t from_us)
{
	return us == 0 ? 1000 : (double)(us - from_us) / SECOND;
}

static void drop_measure(struct sim_world *w, double figures[FIGURES_MAX])
{
	(void)w;
	figures[0] = since(seen.below_us, seen.drop_us);
	figures[1] = since(seen.recovered_us, seen.drop_us);
	figures[2] = since(seen.climbed_us, seen.back_us);
}

static struct sim_config fair_config(uint64_t seed)
{
	struct sim_config c = shared_config(seed);

	c.transports = 2;
	c.second_start_us = 10 * SECOND;
	c.link_bps = 2000000;
	return c;
}

static void fair_measure(struct sim_world *w, double figures[FIGURES_MAX])
{
	double a = (double)w->transports[0].media_bytes, b = (double)w->transports[1].media_bytes;
	double seconds = (double)(w->config.end_us - w->config.measure_us) / SECOND;

	figures[0] = 100 * (a > b ? a : b) / (a + b);
	figures[1] = percentile_95(w->transports[0].queueing_ms, w->transports[0].queued);
	figures[2] = 100 * (a + b) * 8 / seconds / (double)w->config.link_bps;
}

static const struct scenario scenarios[] = {
	{"loss", loss_config, loss_measure, {{"frames decodable within 400 ms", "%", 99.5, false}}},
	{"bottleneck",
	 shared_config,
	 bottleneck_measure,
	 {{"utilisation by media", "%", 85, false},
	  {"p95 queueing", "ms", 100, true},
	  {"lowest estimate", "% of the link", 60, false},
	  {"highest estimate", "% of the link", 130, true},
	  {"feedback", "% of the media", 5, true},
	  {"p95 queueing and pacing", "ms", 125, true},
	  {"changes of a picture's size", "a minute", 2, true},
	  {"of the most restless picture", "a minute", 4, true}}},
	{"drop",
	 drop_config,
	 drop_measure,
	 {{"estimate below the link after", "s", 1.5, true},
	  {"back at 85 % after", "s", 15, true},
	  {"at 85 % of the link restored after", "s", 15, true}}},
	{"fair",
	 fair_config,
	 fair_measure,
	 {{"larger share", "%", 60, true},
	  {"p95 queueing", "ms", 100, true},
	  {"utilisation by both", "%", 85, false}}},
};

static void run(struct sim_world *w, const struct scenario *s, uint64_t seed,
		double figures[FIGURES_MAX])
{
	struct sim_config c = s->configure(seed);

	c.watch = watch;
	c.watch_ctx = &seen;
	seen.measure_us = c.measure_us;
	seen.lowest_bps = UINT64_MAX;
	seen.highest_bps = 0;
	sim_world_run(w, &c);
	s->measure(w, figures);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static double figure_of[FIGURES_MAX][SEEDS_MAX];
static double sorted[SEEDS_MAX];

// The figure is the mean of the worst 5 % of seeds.
static bool passes(const struct bar *bar, const double *figures, int seeds)
{
	int worst = seeds / 20 > 0 ? seeds / 20 : 1, worst_seed = 0;
	double sum = 0;

	memcpy(sorted, figures, (size_t)seeds * sizeof(*sorted));
	qsort(sorted, (size_t)seeds, sizeof(*sorted), compare);
	for (int i = 0; i < worst; i++)
		sum += bar->upper ? sorted[seeds - 1 - i] : sorted[i];
	double extreme = bar->upper ? sorted[seeds - 1] : sorted[0];
	for (int i = 0; i < seeds; i++)
		if (figures[i] <= extreme && figures[i] >= extreme)
			worst_seed = i + 1;
	double figure = sum / worst;
	bool good = bar->upper ? figure <= bar->bound : figure >= bar->bound;
	printf("%s %s: worst 5 %% of %d seeds %.2f %s, median %.2f, worst %.2f (seed %d); bar %s "
	       "%.1f\n",
	       good ? "ok  " : "FAIL", bar->what, seeds, figure, bar->unit, sorted[seeds / 2],
	       extreme, worst_seed, bar->upper ? "<=" : ">=", bar->bound);
	return good;
}

// The same seed is the same run, to the last byte.
static bool repeats(struct sim_world *w, const struct scenario *s)
{
	double first[FIGURES_MAX] = {0}, second[FIGURES_MAX] = {0};

	run(w, s, 1, first);
	uint64_t events = w->events.order, bytes = w->transports[0].media_bytes;
	run(w, s, 1, second);
	bool same = memcmp(first, second, sizeof(first)) == 0 && events == w->events.order &&
		    bytes == w->transports[0].media_bytes;
	if (!same)
		puts("FAIL seed 1 gave two different runs");
	return same;
}

static bool run_seeds(struct sim_world *w, const struct scenario *s, int seeds)
{
	bool good = repeats(w, s);

	for (int i = 0; i < seeds; i++) {
		double figures[FIGURES_MAX] = {0};
		run(w, s, (uint64_t)i + 1, figures);
		for (int f = 0; f < FIGURES_MAX; f++)
			figure_of[f][i] = figures[f];
	}
	for (int f = 0; f < FIGURES_MAX && s->bars[f].what != NULL; f++)
		good = passes(&s->bars[f], figure_of[f], seeds) && good;
	return good;
}

static bool record(struct sim_world *w, const struct scenario *s, uint64_t seed, const char *path)
{
	struct sim_config c = s->configure(seed);

	c.trace = fopen(path, "w");
	if (c.trace == NULL) {
		perror(path);
		return false;
	}
	c.end_us = (uint64_t)TRACE_END_S * SECOND;
	sim_world_run(w, &c);
	return fclose(c.trace) == 0;
}

static void run_one(struct sim_world *w, const struct scenario *s, uint64_t seed)
{
	double figures[FIGURES_MAX] = {0};

	verbose = true;
	run(w, s, seed, figures);
	for (int f = 0; f < FIGURES_MAX && s->bars[f].what != NULL; f++)
		printf("%s: %.2f %s\n", s->bars[f].what, figures[f], s->bars[f].unit);
}

int main(int argc, char **argv)
{
	const struct scenario *s = NULL;
	const char *trace = NULL;
	uint64_t seed = 0, seeds = SEEDS;

	for (size_t i = 0; argc > 1 && i < sizeof(scenarios) / sizeof(*scenarios); i++)
		if (strcmp(argv[1], scenarios[i].name) == 0)
			s = &scenarios[i];
	for (int i = 2; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--seed") == 0)
			seed = strtoull(argv[i + 1], NULL, 0);
		else if (strcmp(argv[i], "--seeds") == 0)
			seeds = strtoull(argv[i + 1], NULL, 0);
		else if (strcmp(argv[i], "--trace") == 0)
			trace = argv[i + 1];
	}
	if (s == NULL || seeds == 0 || seeds > SEEDS_MAX) {
		fputs("usage: sim_bars loss|bottleneck|drop|fair [--seeds 1..65536] "
		      "[--seed N [--trace FILE]]\n",
		      stderr);
		return 2;
	}
	struct sim_world *w = sim_world_create();
	bool good = true;
	if (seed != 0 && trace != NULL)
		good = record(w, s, seed, trace);
	else if (seed != 0)
		run_one(w, s, seed);
	else
		good = run_seeds(w, s, (int)seeds);
	sim_world_destroy(w);
	return good ? 0 : 1;
}
