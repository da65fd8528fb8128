// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_steady_test.c - an allocation over time: growth, falls and what is sat out, by
// hand; then on random rooms that nothing is above the estimate but what may be, and that a link
// that does not change leaves pictures alone.
#include "tests/unit/rtc/test.h"

#include "proto/rtc/layer/steady.h"

#include <string.h>

enum { TILES_MAX = 24, STEPS = 4 };

// Two pictures of two frame rates.
static const uint64_t rate_of_step[STEPS] = {50000, 80000, 120000, 200000};

struct tiles {
	struct steady steady;
	struct steady_path path;
	struct allocate_step steps[TILES_MAX][STEPS];
	struct allocate_subscription subs[TILES_MAX];
	uint16_t order[TILES_MAX];
	size_t count;
	struct steady_out out;
};

static void tiles_make(struct tiles *t, size_t count)
{
	*t = (struct tiles){
		.count = count,
		.path = {.now_us = 1000000, .core_percent = 100, .known = true},
	};
	for (size_t i = 0; i < count; i++) {
		for (unsigned n = 0; n < STEPS; n++)
			t->steps[i][n] = (struct allocate_step){
				.rate_bps = rate_of_step[n], .picture = n / 2, .active = true};
		t->subs[i] = (struct allocate_subscription){
			.steps = t->steps[i],
			.step_count = STEPS,
			.wanted = STEPS - 1,
			.current = ALLOCATE_PAUSED,
		};
	}
}

// So much for video.
static void estimate(struct tiles *t, uint64_t bps)
{
	t->path.estimate_bps = bps * 100 / STEADY_MEDIA_PERCENT + 100;
}

static void turn(struct tiles *t)
{
	for (size_t i = 0; i < t->count; i++)
		t->subs[i].step = ALLOCATE_PAUSED;
	t->out = steady_turn(&t->steady, &t->path, t->subs, t->order, t->count);
	t->path.now_us += STEADY_TURN_US;
}

// What was granted becomes the present.
static void settle(struct tiles *t)
{
	for (size_t i = 0; i < t->count; i++)
		t->subs[i].current = t->subs[i].step;
}

static void run(struct tiles *t, uint64_t us)
{
	for (uint64_t end_us = t->path.now_us + us; t->path.now_us < end_us;) {
		turn(t);
		settle(t);
	}
}

// How many are forwarded at each step.
static void assert_steps(const struct tiles *t, size_t none, size_t s0, size_t s1, size_t s2,
			 size_t s3)
{
	const size_t expected[STEPS + 1] = {none, s0, s1, s2, s3};
	size_t found[STEPS + 1] = {0};

	for (size_t i = 0; i < t->count; i++)
		found[t->subs[i].step + 1]++;
	for (size_t i = 0; i <= STEPS; i++)
		assert_int_equal(found[i], expected[i]);
}

static void pictures_get_larger_one_by_one(void **state)
{
	struct tiles t;

	(void)state;
	tiles_make(&t, 4);
	estimate(&t, 1000000);
	turn(&t);
	assert_steps(&t, 0, 0, 4, 0, 0); // what begins is small
	settle(&t);
	turn(&t);
	assert_steps(&t, 0, 0, 3, 0,
		     1); // a fifth of the estimate: the next after a fifth of 1.25 s
	settle(&t);
	run(&t, 200000);
	assert_steps(&t, 0, 0, 3, 0, 1);
	turn(&t);
	assert_steps(&t, 0, 0, 2, 0, 2);
	settle(&t);
	t.path.waiting_bits = 60000; // 57 ms: nobody grows
	estimate(&t, 1010000 + 60000);
	run(&t, 2000000);
	assert_steps(&t, 0, 0, 2, 0, 2);
	t.path.waiting_bits = 0;
	run(&t, 2000000);
	assert_steps(&t, 0, 0, 0, 0, 4);
}

static void all_at_once_where_nothing_is_known(void **state)
{
	struct tiles t;

	(void)state;
	tiles_make(&t, 4);
	t.path.known = false;
	turn(&t);
	assert_steps(&t, 0, 0, 0, 0, 4);
	assert_int_equal(t.out.granted_bps, 800000);
	assert_int_equal(t.out.wanted_bps, 800000);
}

static void all_at_the_top(struct tiles *t)
{
	tiles_make(t, 4);
	for (unsigned i = 0; i < 4; i++)
		t->subs[i].current = STEPS - 1;
	estimate(t, 800000);
	run(t, STEADY_TURN_US);
	assert_steps(t, 0, 0, 0, 0, 4);
}

// 400 k carry the four at their smallest or a little more: 80 + 80 + 120 + 120.
static void a_fall_is_sat_out(void **state)
{
	struct tiles t;

	(void)state;
	all_at_the_top(&t);
	estimate(&t, 600000);
	run(&t, STEADY_ALL_US);
	assert_steps(&t, 0, 0, 0, 0, 4); // everything
	turn(&t);
	assert_steps(&t, 0, 0, 0, 3, 1); // then what costs no keyframe goes
	assert_true(t.out.granted_bps <= 600000);
}

static void a_fall_that_lasts_makes_pictures_smaller(void **state)
{
	struct tiles t;

	(void)state;
	all_at_the_top(&t);
	for (unsigned i = 0; i < 4; i++)
		t.steps[i][2].rate_bps = 190000; // there is nothing but pictures to give away
	estimate(&t, 600000);
	run(&t, STEADY_SIT_OUT_US);
	assert_steps(&t, 0, 0, 0, 4, 0);
	turn(&t);
	assert_steps(&t, 0, 0, 2, 2, 0);
	assert_true(t.out.granted_bps <= 600000);
	settle(&t);
	estimate(&t, 850000);
	run(&t, STEADY_HOLD_US - STEADY_TURN_US);
	for (unsigned i = 0; i < 4; i++) // two are held, whatever the estimate
		assert_true((t.subs[i].held_us != 0) == (t.steps[i][t.subs[i].step].picture == 0));
	run(&t, 4 * STEADY_GROW_US);
	assert_steps(&t, 0, 0, 0, 0, 4);
}

static void a_deep_fall_is_not_sat_out(void **state)
{
	struct tiles t;

	(void)state;
	all_at_the_top(&t);
	estimate(&t, 400000);
	turn(&t);
	assert_true(t.out.granted_bps <= 400000);
	assert_steps(&t, 0, 0, 2, 2, 0);
}

static void what_waits_too_long_ends_it(void **state)
{
	struct tiles t;

	(void)state;
	all_at_the_top(&t);
	estimate(&t, 600000);
	run(&t, STEADY_TURN_US);
	t.path.waiting_bits = t.path.estimate_bps / 10; // 100 ms, of which half is taken off
	turn(&t);
	assert_steps(&t, 0, 0, 0, 3, 1);
	settle(&t);
	t.path.waiting_bits = t.path.estimate_bps / 4;
	turn(&t);
	assert_true(t.out.granted_bps <= 600000 - t.path.estimate_bps / 5);
	assert_steps(&t, 0, 0, 1, 3, 0);
}

// Nothing is paused for what waits, nor for want of the core's time.
static void nobody_is_paused_for_it(void **state)
{
	struct tiles t;

	(void)state;
	all_at_the_top(&t);
	t.path.waiting_bits = t.path.estimate_bps * 2;
	turn(&t);
	assert_steps(&t, 0, 4, 0, 0, 0);
	assert_false(t.out.by_core);
	all_at_the_top(&t);
	t.path.core_percent = 10;
	turn(&t);
	assert_steps(&t, 0, 4, 0, 0, 0);
	assert_true(t.out.by_core);
}

static void random_tiles(struct tiles *t, struct prng *rng)
{
	tiles_make(t, 1 + prng_below(rng, TILES_MAX));
	for (size_t i = 0; i < t->count; i++) {
		uint64_t rate_bps = 20000 + prng_below(rng, 100000);

		for (unsigned n = 0; n < STEPS; n++, rate_bps += prng_below(rng, 200000))
			t->steps[i][n].rate_bps = rate_bps;
		t->subs[i].priority = (uint8_t)prng_below(rng, 2);
		t->subs[i].tile_pixels = (uint32_t)prng_below(rng, 2) * 100000;
	}
}

static int8_t picture_of(const struct tiles *t, size_t i, int8_t step)
{
	return step == ALLOCATE_PAUSED ? -1 : (int8_t)t->steps[i][step].picture;
}

static void check_turn(const struct tiles *t, uint64_t now_us, uint64_t *over_since_us)
{
	uint64_t have_bps = t->path.estimate_bps / 100 * STEADY_MEDIA_PERCENT, needed_bps = 0;
	bool more = false;
	size_t larger = 0;

	for (size_t i = 0; i < t->count; i++) {
		const struct allocate_subscription *s = &t->subs[i];
		int8_t from = picture_of(t, i, s->current), to = picture_of(t, i, s->step);

		needed_bps += s->current < 0 ? 0 : t->steps[i][s->current].rate_bps;
		more |= s->current >= 0 && s->step > s->current;
		larger += from >= 0 && to > from;
		assert_true(from >= 0 || to <= 0);
	}
	assert_true(larger <= 1);
	if (needed_bps <= have_bps)
		*over_since_us = now_us;
	if (t->out.granted_bps <= have_bps)
		return;
	// Above the estimate: a fall, sat out.
	assert_false(more);
	assert_true(now_us - *over_since_us <= STEADY_SIT_OUT_US);
	assert_true(t->path.estimate_bps >= needed_bps / 100 * STEADY_DEEP_PERCENT);
	assert_true(t->path.waiting_bits <= t->path.estimate_bps / 5);
}

static void never_above_the_estimate(void **state)
{
	struct prng rng = prng_start(7);

	(void)state;
	for (unsigned round = 0; round < 500; round++) {
		struct tiles t;
		uint64_t over_since_us = 1000000;

		random_tiles(&t, &rng);
		t.path.estimate_bps = 100000 + prng_below(&rng, 4000000);
		for (unsigned n = 0; n < 300; n++) {
			uint64_t now_us = t.path.now_us;

			if (prng_below(&rng, 20) == 0)
				t.path.estimate_bps = 100000 + prng_below(&rng, 4000000);
			else
				t.path.estimate_bps += t.path.estimate_bps / 100;
			t.path.waiting_bits = prng_below(&rng, 4) == 0
						      ? prng_below(&rng, t.path.estimate_bps / 3)
						      : 0;
			turn(&t);
			check_turn(&t, now_us, &over_since_us);
			settle(&t);
		}
	}
}

// The estimate of a link that does not change: a quarter down, then up again by a tenth a second;
// and rates that waver, as they are measured.
static void no_oscillation_on_a_constant_link(void **state)
{
	enum { TURNS = 800, SETTLED = 400 };
	struct prng rng = prng_start(8);

	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		struct tiles t, wavering;
		uint64_t link_bps = 300000 + prng_below(&rng, 3000000), bps = link_bps;
		unsigned changes = 0;

		random_tiles(&t, &rng);
		wavering = t;
		for (unsigned n = 0; n < TURNS; n++) {
			for (size_t i = 0; i < t.count; i++)
				for (unsigned k = 0; k < STEPS; k++)
					t.steps[i][k].rate_bps = wavering.steps[i][k].rate_bps *
								 (98 + n / 2 % 5) / 100;
			bps = bps > link_bps * 11 / 10 ? bps * 3 / 4 : bps + link_bps / 100;
			t.path.estimate_bps = bps;
			turn(&t);
			for (size_t i = 0; n >= SETTLED && i < t.count; i++)
				changes += picture_of(&t, i, t.subs[i].step) !=
					   picture_of(&t, i, t.subs[i].current);
			settle(&t);
		}
		// Twice a minute and picture at most (tests/sim/bars.c).
		assert_true(changes * 60 <= 2 * t.count * (TURNS - SETTLED) / 10);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pictures_get_larger_one_by_one),
		cmocka_unit_test(all_at_once_where_nothing_is_known),
		cmocka_unit_test(a_fall_is_sat_out),
		cmocka_unit_test(a_fall_that_lasts_makes_pictures_smaller),
		cmocka_unit_test(a_deep_fall_is_not_sat_out),
		cmocka_unit_test(what_waits_too_long_ends_it),
		cmocka_unit_test(nobody_is_paused_for_it),
		cmocka_unit_test(never_above_the_estimate),
		cmocka_unit_test(no_oscillation_on_a_constant_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
