// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_allocate_test.c - cases in words, then the properties on random rooms: never
// above the estimate, monotone in it, no oscillation on a constant link, audio never starved.
#include "tests/unit/rtc/test.h"

#include "proto/rtc/layer/allocate.h"

#include <string.h>

enum { SUBSCRIPTIONS_MAX = 24 };

static const struct allocate_step opus[] = {{.rate_bps = 32000, .active = true}};
static const struct allocate_step simulcast[] = {
	{.rate_bps = 100000, .active = true},
	{.rate_bps = 150000, .active = true},
	{.rate_bps = 500000, .active = true},
	{.rate_bps = 1500000, .active = true},
};

static struct allocate_subscription video(uint8_t priority)
{
	return (struct allocate_subscription){
		.steps = simulcast,
		.step_count = 4,
		.wanted = 3,
		.current = ALLOCATE_PAUSED,
		.ceiling = 3,
		.priority = priority,
	};
}

static struct allocate_subscription audio(void)
{
	return (struct allocate_subscription){
		.steps = opus, .step_count = 1, .is_audio = true, .current = ALLOCATE_PAUSED};
}

// Any number may get larger pictures.
static uint64_t grant(struct allocate_subscription *subs, uint16_t *order, size_t count,
		      uint64_t estimate_bps)
{
	return allocate(subs, order, count,
			&(struct allocate_bounds){.estimate_bps = estimate_bps, .larger = count});
}

static void audio_goes_first(void **state)
{
	struct allocate_subscription s[] = {video(9), audio(), audio()};
	uint16_t order[3];

	(void)state;
	assert_int_equal(grant(s, order, 3, 0), 64000);
	assert_int_equal(s[0].step, ALLOCATE_PAUSED);
	assert_int_equal(s[0].reason, ALLOCATE_BANDWIDTH);
	assert_int_equal(s[1].step, 0);
	assert_int_equal(s[1].reason, ALLOCATE_REQUESTED);
	grant(s, order, 3, 168000); // 164 k fit, but not with the headroom
	assert_int_equal(s[0].step, ALLOCATE_PAUSED);
	grant(s, order, 3, 180000);
	assert_int_equal(s[0].step, 0);
	s[0].current = 0; // what it has may use all there is
	grant(s, order, 3, 164000);
	assert_int_equal(s[0].step, 0);
	grant(s, order, 3, 163999);
	assert_int_equal(s[0].step, ALLOCATE_PAUSED);
}

static void everybody_before_anybody_more(void **state)
{
	struct allocate_subscription s[] = {video(1), video(2), video(1)};
	uint16_t order[3];

	(void)state;
	grant(s, order, 3, 340000);
	assert_int_equal(s[0].step + s[1].step + s[2].step, 0);
	grant(s, order, 3, 1780000); // 1.7 M and the headroom: then the one of higher priority
	assert_int_equal(s[1].step, 3);
	assert_int_equal(s[0].step, 0);
	assert_int_equal(s[2].step, 0);
	grant(s, order, 3, 1830000); // 50 k more, for one of two equals
	assert_int_equal(s[0].step, 1);
	assert_int_equal(s[2].step, 0);
	s[2].speaking = true;
	grant(s, order, 3, 1830000);
	assert_int_equal(s[0].step, 0);
	assert_int_equal(s[2].step, 1);
	s[2].speaking = false;
	s[2].tile_pixels = 640 * 360;
	grant(s, order, 3, 1830000);
	assert_int_equal(s[0].step, 0);
	assert_int_equal(s[2].step, 1);
}

static const struct allocate_step two_pictures[] = {
	{.rate_bps = 100000, .active = true},
	{.rate_bps = 150000, .active = true},
	{.rate_bps = 300000, .picture = 1, .active = true},
	{.rate_bps = 500000, .picture = 1, .active = true},
};

static struct allocate_subscription pictures(int8_t current)
{
	struct allocate_subscription s = video(1);

	s.steps = two_pictures;
	s.current = current;
	s.picture = two_pictures[current].picture;
	return s;
}

// The first in order gets a larger picture; the others all that theirs has.
static void so_many_get_larger_pictures(void **state)
{
	static const int8_t steps[3][3] = {{1, 1, 1}, {3, 1, 1}, {3, 3, 1}};
	struct allocate_subscription s[] = {pictures(0), pictures(0), pictures(0)};
	uint16_t order[3];

	(void)state;
	for (size_t larger = 0; larger < 3; larger++) {
		allocate(s, order, 3,
			 &(struct allocate_bounds){.estimate_bps = 10000000, .larger = larger});
		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(s[i].step, steps[larger][i]);
	}
}

static void a_larger_picture_has_a_layer_to_spare(void **state)
{
	struct allocate_subscription s = pictures(1);
	uint16_t order[1];

	(void)state;
	grant(&s, order, 1, 515000); // 500 k and the headroom are 515464
	assert_int_equal(s.step, 1);
	grant(&s, order, 1, 516000);
	assert_int_equal(s.step, 3);
	s = pictures(3); // and gives it away first
	grant(&s, order, 1, 300000);
	assert_int_equal(s.step, 2);
}

static void nobody_grows_at_the_cost_of_an_equal(void **state)
{
	struct allocate_subscription s[] = {pictures(1), pictures(2)};
	uint16_t order[2];

	(void)state;
	grant(s, order, 2, 670500); // one larger picture and its next layer, or both without
	assert_int_equal(s[0].step, 1);
	assert_int_equal(s[1].step, 2);
	s[0].tile_pixels = 640 * 360; // no equal any more
	grant(s, order, 2, 670500);
	assert_int_equal(s[0].step, 2);
	assert_int_equal(s[1].step, 2);
	s[1].steps = simulcast;
	s[1].picture = 0;
	s[1].current = 3;
	grant(s, order, 2, 1900000);
	assert_int_equal(s[0].step, 3);
	assert_int_equal(s[1].step, 2);
}

static void held_under_its_ceiling(void **state)
{
	struct allocate_subscription s[] = {video(1), video(1)};
	uint16_t order[2];

	(void)state;
	s[0].ceiling = 1;
	grant(s, order, 2, 10000000);
	assert_int_equal(s[0].step, 1);
	assert_int_equal(s[0].reason, ALLOCATE_BANDWIDTH);
	assert_int_equal(s[1].step, 3); // the other is not held
	assert_int_equal(s[1].reason, ALLOCATE_REQUESTED);
}

static void reasons(void **state)
{
	struct allocate_step gone[] = {simulcast[0], simulcast[1], simulcast[2], simulcast[3]};
	struct allocate_subscription s = video(1);
	uint16_t order[1];

	(void)state;
	grant(&s, order, 1, 10000000);
	assert_int_equal(s.step, 3);
	assert_int_equal(s.reason, ALLOCATE_REQUESTED);
	s.wanted = 1;
	grant(&s, order, 1, 10000000);
	assert_int_equal(s.step, 1);
	assert_int_equal(s.reason, ALLOCATE_REQUESTED);
	s.wanted = 3;
	s.steps = gone;
	gone[3].active = gone[1].active = false;
	grant(&s, order, 1, 10000000);
	assert_int_equal(s.step, 2); // over the pause in the middle
	assert_int_equal(s.reason, ALLOCATE_PUBLISHER);
	grant(&s, order, 1, 200000);
	assert_int_equal(s.step, 0);
	assert_int_equal(s.reason, ALLOCATE_BANDWIDTH);
	s.wanted = ALLOCATE_PAUSED;
	grant(&s, order, 1, 10000000);
	assert_int_equal(s.step, ALLOCATE_PAUSED);
	assert_int_equal(s.reason, ALLOCATE_REQUESTED);
	s.step_count = 0;
	s.wanted = 0;
	assert_int_equal(grant(&s, order, 1, 10000000), 0);
	assert_int_equal(s.step, ALLOCATE_PAUSED);
	assert_int_equal(s.reason, ALLOCATE_PUBLISHER);
}

struct random_room {
	struct allocate_step steps[SUBSCRIPTIONS_MAX][ALLOCATE_STEPS_MAX];
	struct allocate_subscription subs[SUBSCRIPTIONS_MAX];
	uint16_t order[SUBSCRIPTIONS_MAX];
	size_t count;
};

static void room_make(struct random_room *r, struct prng *rng)
{
	r->count = 1 + prng_below(rng, SUBSCRIPTIONS_MAX);
	for (size_t i = 0; i < r->count; i++) {
		struct allocate_subscription *s = &r->subs[i];
		uint64_t rate = 20000 + prng_below(rng, 100000);

		*s = (struct allocate_subscription){
			.steps = r->steps[i],
			.step_count = (uint8_t)(1 + prng_below(rng, 9)),
			.is_audio = prng_below(rng, 3) == 0,
			.speaking = prng_below(rng, 4) == 0,
			.priority = (uint8_t)prng_below(rng, 3),
			.tile_pixels = (uint32_t)prng_below(rng, 4) * 100000,
		};
		if (s->is_audio)
			s->step_count = 1;
		s->wanted = (int8_t)((int)prng_below(rng, s->step_count + 1u) - 1);
		s->current = (int8_t)((int)prng_below(rng, s->step_count + 1u) - 1);
		s->ceiling = (int8_t)((int)prng_below(rng, s->step_count + 1u) - 1);
		unsigned layers = 1 + (unsigned)prng_below(rng, 3);
		for (unsigned j = 0; j < s->step_count; j++, rate += prng_below(rng, 300000))
			r->steps[i][j] = (struct allocate_step){.rate_bps = rate,
								.picture = (uint8_t)(j / layers),
								.active = prng_below(rng, 6) != 0};
		s->picture = r->steps[i][s->current == ALLOCATE_PAUSED ? 0 : s->current].picture;
	}
}

static uint64_t cost(const struct random_room *r, bool audio_only)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < r->count; i++) {
		const struct allocate_subscription *s = &r->subs[i];
		if (s->step == ALLOCATE_PAUSED || (audio_only && !s->is_audio))
			continue;
		assert_true(s->step <= s->wanted && s->steps[s->step].active);
		assert_true(s->is_audio || s->step <= s->ceiling);
		sum += s->steps[s->step].rate_bps;
	}
	return sum;
}

static size_t larger(const struct random_room *r)
{
	size_t count = 0;

	for (size_t i = 0; i < r->count; i++)
		count += !r->subs[i].is_audio && r->subs[i].step != ALLOCATE_PAUSED &&
			 r->steps[i][r->subs[i].step].picture > r->subs[i].picture;
	return count;
}

static void properties(void **state)
{
	struct prng rng = prng_start(5);

	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		static struct random_room r;
		int8_t before[SUBSCRIPTIONS_MAX];

		room_make(&r, &rng);
		struct allocate_bounds bounds = {.larger = prng_below(&rng, r.count + 1)};
		memset(before, ALLOCATE_PAUSED, sizeof(before));
		for (uint64_t estimate = 0; estimate < 12000000;
		     estimate += 1 + prng_below(&rng, 400000)) {
			bounds.estimate_bps = estimate;
			uint64_t granted = allocate(r.subs, r.order, r.count, &bounds);

			assert_int_equal(granted, cost(&r, false));
			assert_true(larger(&r) <= bounds.larger);
			assert_true(granted <= estimate || granted == cost(&r, true));
			for (size_t i = 0; i < r.count; i++) {
				assert_true(r.subs[i].step >= before[i]);
				before[i] = r.subs[i].step;
			}
		}
	}
}

// What was granted becomes the present; under an estimate that wavers less than the headroom nobody
// who was raised falls back, and nobody who fell is raised again.
static void no_oscillation(void **state)
{
	struct prng rng = prng_start(6);

	(void)state;
	for (unsigned round = 0; round < 2000; round++) {
		static struct random_room r;
		uint64_t estimate = prng_below(&rng, 8000000);
		bool raised = false, fell[SUBSCRIPTIONS_MAX] = {false};

		room_make(&r, &rng);
		for (unsigned turn = 0; turn < 20; turn++) {
			uint64_t now = estimate + prng_below(&rng, estimate / 50 + 1);

			grant(r.subs, r.order, r.count, now);
			for (size_t i = 0; turn > 0 && i < r.count; i++) {
				int by = r.subs[i].step - r.subs[i].current;

				assert_false(raised && by < 0);
				assert_false(fell[i] && by > 0);
				fell[i] |= by < 0;
			}
			for (size_t i = 0; i < r.count; i++) {
				raised |= turn > 0 && r.subs[i].step > r.subs[i].current;
				r.subs[i].current = r.subs[i].step;
				if (r.subs[i].step != ALLOCATE_PAUSED)
					r.subs[i].picture = r.steps[i][r.subs[i].step].picture;
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(audio_goes_first),
		cmocka_unit_test(everybody_before_anybody_more),
		cmocka_unit_test(so_many_get_larger_pictures),
		cmocka_unit_test(a_larger_picture_has_a_layer_to_spare),
		cmocka_unit_test(nobody_grows_at_the_cost_of_an_equal),
		cmocka_unit_test(held_under_its_ceiling),
		cmocka_unit_test(reasons),
		cmocka_unit_test(properties),
		cmocka_unit_test(no_oscillation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
