// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_nack_test.c - asking for lost packets: tables, and random streams against a
// model that keeps every number.
#include "tests/unit/rtc/test.h"

#include "proto/rtc/loss/nack_generator.h"

#include <string.h>

enum { RTT_US = 100000, INTERVAL_US = RTT_US + NACK_MARGIN_US };

static struct nack_generator g;
static uint16_t asked[NACK_MISSING_MAX];

static size_t poll(uint64_t now_us)
{
	return nack_generator_poll(&g, now_us, RTT_US, asked, NACK_MISSING_MAX);
}

static void a_gap_is_asked_for_once_a_round_trip(void **state)
{
	(void)state;
	nack_generator_init(&g);
	nack_generator_receive(&g, 65534, 0);
	nack_generator_receive(&g, 65537, 1000); // 65535 and 65536 are missing
	assert_int_equal(poll(1000 + NACK_REORDER_MIN_US - 1), 0);
	uint64_t now = 1000 + NACK_REORDER_MIN_US;
	for (int try = 0; try < NACK_TRIES_MAX; try++) {
		assert_int_equal(poll(now), 2);
		assert_int_equal(asked[0], 65535);
		assert_int_equal(asked[1], 0);
		assert_int_equal(poll(now + INTERVAL_US - 1), 0);
		now += INTERVAL_US;
		assert_false(g.broken);
	}
	assert_int_equal(poll(now), 0);
	assert_true(g.broken);
	assert_int_equal(g.given_up, 2);
}

static void what_comes_is_not_asked_for(void **state)
{
	(void)state;
	nack_generator_init(&g);
	nack_generator_receive(&g, 10, 0);
	nack_generator_receive(&g, 13, 0);
	assert_int_equal(poll(NACK_REORDER_MIN_US), 2);
	nack_generator_receive(&g, 11, RTT_US);
	nack_generator_receive(&g, 11, RTT_US); // twice changes nothing
	assert_int_equal(g.recovered, 1);
	assert_int_equal(poll(NACK_REORDER_MIN_US + INTERVAL_US), 1);
	assert_int_equal(asked[0], 12);
}

static void reordering_is_waited_for(void **state)
{
	(void)state;
	nack_generator_init(&g);
	nack_generator_receive(&g, 1, 0);
	uint64_t now = 0;
	for (uint64_t i = 3; i < 40; i += 2, now += 20000) { // each pair swapped, 10 ms apart
		nack_generator_receive(&g, i, now);
		poll(now + 2000);
		nack_generator_receive(&g, i - 1, now + 10000);
	}
	uint64_t before = g.asked;
	for (uint64_t i = 41; i < 80; i += 2, now += 20000) {
		nack_generator_receive(&g, i, now);
		assert_int_equal(poll(now + 9999), 0);
		nack_generator_receive(&g, i - 1, now + 10000);
	}
	assert_int_equal(g.asked, before);
}

static void a_keyframe_ends_the_waiting(void **state)
{
	(void)state;
	uint64_t now = NACK_REORDER_MIN_US;

	nack_generator_init(&g);
	nack_generator_receive(&g, 1, 0);
	nack_generator_receive(&g, 5, 0);
	nack_generator_receive(&g, 9, 0);
	nack_generator_keyframe(&g, 7); // 2, 3, 4 and 6 are older, 7 and 8 are not
	for (int try = 0; try < NACK_TRIES_OLD; try++, now += INTERVAL_US)
		assert_int_equal(poll(now), 6);
	assert_int_equal(poll(now), 2);
	assert_int_equal(asked[0], 7);
	assert_int_equal(g.given_up, 4);
	assert_false(g.broken);
}

static void a_keyframe_ends_what_is_broken_at_once(void **state)
{
	(void)state;
	nack_generator_init(&g);
	nack_generator_receive(&g, 1, 0);
	nack_generator_receive(&g, 3 + NACK_MISSING_MAX, 0);
	nack_generator_receive(&g, 3 + NACK_MISSING_MAX + 3, 0);
	assert_true(g.broken);
	nack_generator_keyframe(&g, 3 + NACK_MISSING_MAX + 2);
	assert_int_equal(poll(1000000), 1);
	assert_false(g.broken);
}

static void too_long_a_gap_wants_a_keyframe(void **state)
{
	(void)state;
	nack_generator_init(&g);
	nack_generator_receive(&g, 1, 0);
	nack_generator_receive(&g, 3, 0);
	nack_generator_receive(&g, 4 + NACK_MISSING_MAX, 0); // with 2 that is one too many
	assert_true(g.broken);
	assert_int_equal(g.given_up, 1);
	assert_int_equal(poll(1000000), NACK_MISSING_MAX);
	nack_generator_receive(&g, UINT64_C(0xffffffffffff), 1000000);
	assert_int_equal(poll(2000000), 0);
	nack_generator_keyframe(&g, UINT64_C(0xffffffffffff));
	assert_false(g.broken);
}

static void few_at_a_time(void **state)
{
	(void)state;
	nack_generator_init(&g);
	nack_generator_receive(&g, 0, 0);
	nack_generator_receive(&g, 11, 0);
	assert_int_equal(nack_generator_poll(&g, 5000, RTT_US, asked, 4), 4);
	assert_int_equal(nack_generator_poll(&g, 5000, RTT_US, asked, 4), 4);
	assert_int_equal(asked[0], 5);
	assert_int_equal(nack_generator_poll(&g, 5000, RTT_US, asked, 4), 2);
}

// The model: an array over all numbers, scanned whole.
enum { MODEL_MAX = 20000 };
struct model_packet {
	bool received;
	unsigned tries;
	uint64_t asked_us;
};
static struct model_packet model[MODEL_MAX];

static void check_against_model(uint64_t highest, uint64_t now_us)
{
	size_t count = poll(now_us);
	for (size_t i = 0; i < count; i++) {
		assert_true(i == 0 || asked[i] > asked[i - 1]);
		struct model_packet *p = &model[asked[i]];
		assert_true(asked[i] < highest && !p->received); // lost, and not ahead of all
		assert_true(p->tries == 0 || now_us - p->asked_us >= INTERVAL_US);
		assert_true(++p->tries <= NACK_TRIES_MAX);
		p->asked_us = now_us;
	}
}

static void random_streams(void **state)
{
	(void)state;
	struct prng random = prng_start(0x4e41434b);
	uint64_t sent = 1, now = 0;

	nack_generator_init(&g);
	nack_generator_receive(&g, 0, 0);
	memset(model, 0, sizeof(model));
	uint64_t highest = 0;
	while (sent < MODEL_MAX) {
		now += prng_below(&random, 4000);
		uint64_t index = sent++;
		if (prng_below(&random, 10) == 0)
			index -= prng_below(&random, index < 50 ? index : 50); // late
		else if (prng_below(&random, 10) == 0)
			continue; // lost
		model[index].received = true;
		nack_generator_receive(&g, index, now);
		highest = index > highest ? index : highest;
		check_against_model(highest, now);
	}
	for (int i = 0; i < NACK_TRIES_MAX + 1; i++)
		check_against_model(highest, now += INTERVAL_US);
	for (uint64_t i = 1; i < highest; i++) // what never came was asked for every time
		assert_true(model[i].received || model[i].tries == NACK_TRIES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_gap_is_asked_for_once_a_round_trip),
		cmocka_unit_test(what_comes_is_not_asked_for),
		cmocka_unit_test(reordering_is_waited_for),
		cmocka_unit_test(a_keyframe_ends_the_waiting),
		cmocka_unit_test(a_keyframe_ends_what_is_broken_at_once),
		cmocka_unit_test(too_long_a_gap_wants_a_keyframe),
		cmocka_unit_test(few_at_a_time),
		cmocka_unit_test(random_streams),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
