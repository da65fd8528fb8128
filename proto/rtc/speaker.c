// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/speaker.c - audio activity. Contract in speaker.h.
#include "proto/rtc/speaker.h"

enum {
	LEVEL_QUIET = 60, // -dBov: nothing below counts
	SPEAKS_SHORT_MIN = SPEAKER_ACTIVITY_MAX / 8, // a dominant speaker has at least these
	SPEAKS_LONG_MIN = SPEAKER_ACTIVITY_MAX / 16,
	STEPS_FORGOTTEN = 16 * SPEAKER_LONG_STEPS, // after so many nothing is left
};

static uint32_t activity_of(uint8_t level, bool voice)
{
	if (level >= LEVEL_QUIET)
		return 0;
	uint32_t activity = (uint32_t)(LEVEL_QUIET - level) * SPEAKER_ACTIVITY_MAX / LEVEL_QUIET;
	return voice ? activity : activity / 2;
}

// One step of an exponential average; rounds towards the input so that it arrives.
static uint32_t approach(uint32_t average, uint32_t input, unsigned steps)
{
	if (input >= average)
		return average + (input - average + steps - 1) / steps;
	return average - (average - input + steps - 1) / steps;
}

static void step(struct speaker *s)
{
	s->short_activity = approach(s->short_activity, s->level_activity, SPEAKER_SHORT_STEPS);
	s->long_activity = approach(s->long_activity, s->level_activity, SPEAKER_LONG_STEPS);
	s->level_activity = 0;
	s->step++;
}

void speaker_settle(struct speaker *s, uint64_t now_us)
{
	uint64_t now = now_us / SPEAKER_STEP_US;

	if (now > s->step && now - s->step > STEPS_FORGOTTEN)
		*s = (struct speaker){.step = now};
	while (s->step < now)
		step(s);
}

void speaker_hear(struct speaker *s, uint8_t level, bool voice, uint64_t now_us)
{
	uint32_t activity = activity_of(level, voice);

	speaker_settle(s, now_us);
	if (activity > s->level_activity)
		s->level_activity = activity;
}

static bool speaks(const struct speaker *s)
{
	return s->short_activity >= SPEAKS_SHORT_MIN && s->long_activity >= SPEAKS_LONG_MIN;
}

// Half as much again on both scales.
static bool clearly_more(const struct speaker *a, const struct speaker *b)
{
	return 2 * (uint64_t)a->short_activity > 3 * (uint64_t)b->short_activity &&
	       2 * (uint64_t)a->long_activity > 3 * (uint64_t)b->long_activity;
}

int speaker_dominant(const struct speaker *speakers, size_t count, int current)
{
	int best = SPEAKER_NONE;

	for (size_t i = 0; i < count; i++)
		if (speaks(&speakers[i]) &&
		    (best == SPEAKER_NONE ||
		     speakers[i].long_activity > speakers[best].long_activity))
			best = (int)i;
	if (current < 0 || (size_t)current >= count)
		return best;
	if (best == SPEAKER_NONE || !clearly_more(&speakers[best], &speakers[current]))
		return current;
	return best;
}

static uint64_t rank_of(const struct speaker *s, bool stays)
{
	uint64_t activity = (uint64_t)s->short_activity + s->long_activity;

	return stays ? activity * (100 + SPEAKER_STAY_PERCENT) / 100 + 1 : activity;
}

// True if the first goes before the second: ranked higher, or as high and earlier in the list.
static bool goes_before(uint64_t rank, size_t place, uint64_t other_rank, size_t other_place)
{
	return rank > other_rank || (rank == other_rank && place < other_place);
}

// How many go before 'i'.
static size_t place_of(const struct speaker *speakers, size_t count, const bool *was, size_t i)
{
	uint64_t own = rank_of(&speakers[i], was[i]);
	size_t before = 0;

	for (size_t j = 0; j < count; j++)
		before += goes_before(rank_of(&speakers[j], was[j]), j, own, i);
	return before;
}

void speaker_choose(const struct speaker *speakers, size_t count, size_t n, const bool *was,
		    bool *now)
{
	for (size_t i = 0; i < count; i++)
		now[i] = place_of(speakers, count, was, i) < n;
}

void speaker_choose_recent(const uint64_t *turns, size_t count, size_t n, const bool *was,
			   bool *now)
{
	for (size_t i = 0; i < count; i++) {
		size_t before = 0;

		for (size_t j = 0; j < count; j++)
			before += goes_before(2 * turns[j] + was[j], j, 2 * turns[i] + was[i], i);
		now[i] = before < n;
	}
}
