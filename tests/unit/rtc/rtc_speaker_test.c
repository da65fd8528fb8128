// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_speaker_test.c - a conversation on virtual time: who is dominant, and who is
// among the N forwarded.
#include "tests/unit/rtc/test.h"

#include "proto/rtc/speaker.h"

#include <string.h>

enum { PEOPLE = 5, PACKET_US = 20000, LOUD = 20, NOISE = 55 };

struct talk {
	struct speaker people[PEOPLE];
	uint64_t now_us;
	int dominant;
	unsigned changes;
};

// For 'ms' those in 'mask' speak; the others send nothing, as with DTX.
static void speak(struct talk *t, unsigned mask, unsigned ms)
{
	for (uint64_t end = t->now_us + ms * UINT64_C(1000); t->now_us < end;
	     t->now_us += PACKET_US) {
		for (unsigned i = 0; i < PEOPLE; i++) {
			if ((mask >> i & 1) != 0)
				speaker_hear(&t->people[i], LOUD, true, t->now_us);
			else
				speaker_settle(&t->people[i], t->now_us);
		}
		int dominant = speaker_dominant(t->people, PEOPLE, t->dominant);
		t->changes += dominant != t->dominant;
		t->dominant = dominant;
	}
}

static struct talk begin(void)
{
	return (struct talk){.now_us = 1000000, .dominant = SPEAKER_NONE};
}

static void speech_wins_and_silence_changes_nothing(void **state)
{
	struct talk t = begin();

	(void)state;
	speak(&t, 0, 2000);
	assert_int_equal(t.dominant, SPEAKER_NONE);
	speak(&t, 1 << 2, 600);
	assert_int_equal(t.dominant, 2);
	speak(&t, 0, 60000);
	assert_int_equal(t.dominant, 2);
	speak(&t, 1 << 4, 1000);
	assert_int_equal(t.dominant, 4);
	assert_int_equal(t.changes, 2);
}

static void a_cough_wins_nothing(void **state)
{
	struct talk t = begin();

	(void)state;
	speak(&t, 1 << 1, 3000);
	assert_int_equal(t.dominant, 1);
	speak(&t, 1 << 1 | 1 << 3, 150);
	speak(&t, 1 << 1, 2000);
	assert_int_equal(t.dominant, 1);
	assert_int_equal(t.changes, 1);
}

static void two_at_once_do_not_flap(void **state)
{
	struct talk t = begin();

	(void)state;
	speak(&t, 1, 2000);
	speak(&t, 3, 30000);
	assert_int_equal(t.dominant, 0);
	assert_int_equal(t.changes, 1);
	speak(&t, 2, 2000);
	assert_int_equal(t.dominant, 1);
}

static void noise_is_no_speech(void **state)
{
	struct talk t = begin();

	(void)state;
	for (unsigned i = 0; i < 500; i++, t.now_us += PACKET_US)
		speaker_hear(&t.people[0], NOISE, false, t.now_us);
	assert_int_equal(speaker_dominant(t.people, PEOPLE, SPEAKER_NONE), SPEAKER_NONE);
	speaker_hear(&t.people[0], SPEAKER_LEVEL_SILENT, true, t.now_us);
	speaker_settle(&t.people[0], t.now_us + 3600 * UINT64_C(1000000));
	assert_int_equal(t.people[0].short_activity + t.people[0].long_activity, 0);
}

static unsigned chosen(const bool *set)
{
	unsigned mask = 0;

	for (unsigned i = 0; i < PEOPLE; i++)
		mask |= (unsigned)set[i] << i;
	return mask;
}

static void the_loudest_n(void **state)
{
	struct talk t = begin();
	bool was[PEOPLE] = {false}, now[PEOPLE];

	(void)state;
	speaker_choose(t.people, PEOPLE, 2, was, now); // all alike: the first
	assert_int_equal(chosen(now), 3);
	speak(&t, 1 << 2 | 1 << 4, 1000);
	speaker_choose(t.people, PEOPLE, 2, was, now);
	assert_int_equal(chosen(now), 1 << 2 | 1 << 4);
	memcpy(was, now, sizeof(was));
	// A third as loud takes nobody's place.
	speak(&t, 1 << 2 | 1 << 4 | 1 << 0, 4000);
	speaker_choose(t.people, PEOPLE, 2, was, now);
	assert_int_equal(chosen(now), 1 << 2 | 1 << 4);
	speak(&t, 1 << 0 | 1 << 4, 1000);
	speaker_choose(t.people, PEOPLE, 2, was, now);
	assert_int_equal(chosen(now), 1 << 0 | 1 << 4);
	speaker_choose(t.people, PEOPLE, 9, was, now);
	assert_int_equal(chosen(now), (1 << PEOPLE) - 1);
	speaker_choose(t.people, PEOPLE, 0, was, now);
	assert_int_equal(chosen(now), 0);
}

// Turns: who had the word when. Those who never had it keep what they have.
static void the_last_n(void **state)
{
	static const struct {
		uint64_t turns[PEOPLE];
		unsigned n, was, now; // bit masks
	} rows[] = {
		{{0, 0, 0, 0, 0}, 2, 0x1f, 0x03}, {{0, 0, 0, 0, 0}, 2, 0x18, 0x18},
		{{0, 0, 7, 0, 0}, 2, 0x18, 0x0c}, {{3, 1, 2, 5, 4}, 3, 0x06, 0x19},
		{{3, 1, 2, 5, 4}, 0, 0x1f, 0x00}, {{3, 1, 2, 5, 4}, 9, 0x00, 0x1f},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool was[PEOPLE], now[PEOPLE];

		for (unsigned k = 0; k < PEOPLE; k++)
			was[k] = (rows[i].was >> k & 1) != 0;
		speaker_choose_recent(rows[i].turns, PEOPLE, rows[i].n, was, now);
		assert_int_equal(chosen(now), rows[i].now);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(speech_wins_and_silence_changes_nothing),
		cmocka_unit_test(a_cough_wins_nothing),
		cmocka_unit_test(two_at_once_do_not_flap),
		cmocka_unit_test(noise_is_no_speech),
		cmocka_unit_test(the_loudest_n),
		cmocka_unit_test(the_last_n),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
