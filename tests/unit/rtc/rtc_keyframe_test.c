// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_keyframe_test.c - merged keyframe requests, what they may cost, and the group
// a newcomer starts from.
#include "tests/unit/rtc/test.h"

#include "proto/rtc/keyframe_gate.h"
#include "proto/rtc/loss/keyframe_budget.h"
#include "proto/rtc/loss/keyframe_cache.h"

static void requests_merge(void **state)
{
	(void)state;
	struct keyframe_gate g;

	keyframe_gate_init(&g, 500000, 2);
	assert_int_equal(keyframe_gate_deadline_us(&g), UINT64_MAX);
	for (int i = 0; i < 10; i++)
		keyframe_gate_request(&g);
	assert_true(keyframe_gate_poll(&g, 1));
	assert_false(keyframe_gate_poll(&g, 500000));
	assert_true(keyframe_gate_poll(&g, 500001));
	assert_false(keyframe_gate_poll(&g, 2000000)); // two tries
	keyframe_gate_request(&g);
	keyframe_gate_seen(&g);
	assert_false(keyframe_gate_poll(&g, 3000000));
}

static void a_flood_of_requests_is_paid_for(void **state)
{
	(void)state;
	struct keyframe_budget b;
	uint64_t media = 0, keyframes = 0;

	keyframe_budget_init(&b);
	// 60 s of 1 Mbit/s, a request every 10 ms, each keyframe 30 kB
	for (uint64_t now = 1; now < 60000000; now += 10000) {
		keyframe_budget_earn(&b, 1250);
		media += 1250;
		if (keyframe_budget_spend(&b, now)) {
			keyframe_budget_measure(&b, 30000);
			keyframes++;
		}
	}
	uint64_t share = media * KEYFRAME_BUDGET_SHARE_PERCENT / 100;
	assert_in_range(keyframes * 30000, share * 9 / 10, share + 5 * 30000);
}

static void a_viewer_waits_three_seconds_at_worst(void **state)
{
	(void)state;
	struct keyframe_budget b;
	uint64_t last = 0, longest = 0;

	keyframe_budget_init(&b);
	for (uint64_t now = 1; now < 60000000; now += 10000) { // a source that sends nothing
		if (!keyframe_budget_spend(&b, now))
			continue;
		longest = now - last > longest ? now - last : longest;
		last = now;
	}
	assert_in_range(longest, KEYFRAME_BUDGET_WAIT_US, KEYFRAME_BUDGET_WAIT_US + 10000);
}

static bool serves(const struct keyframe_cache *c, uint64_t bps, uint64_t now_us, uint64_t last)
{
	uint64_t a, b;
	return keyframe_cache_serves(c, bps, now_us, &a, &b) && a == 100 && b == last;
}

static void a_whole_young_small_group_serves(void **state)
{
	(void)state;
	struct keyframe_cache c;
	uint64_t a, b;

	c = (struct keyframe_cache){.usable = false};
	keyframe_cache_receive(&c, 99, 1000, false, 0);
	assert_false(keyframe_cache_serves(&c, UINT32_MAX, 0, &a, &b)); // no keyframe yet
	keyframe_cache_receive(&c, 100, 1000, true, 1000);
	keyframe_cache_receive(&c, 102, 1000, false, 2000);
	assert_false(serves(&c, 10000000, 2000, 102)); // 101 is missing
	keyframe_cache_receive(&c, 101, 1000, false, 3000);
	keyframe_cache_receive(&c, 101, 1000, false, 3000);
	assert_true(serves(&c, 48000, 3000, 102)); // 24000 bits in half a second
	assert_false(serves(&c, 47999, 3000, 102));
	assert_true(serves(&c, 48000, 1000 + KEYFRAME_CACHE_AGE_MAX_US, 102));
	assert_false(serves(&c, 48000, 1001 + KEYFRAME_CACHE_AGE_MAX_US, 102));
}

static void a_group_too_long_serves_nobody(void **state)
{
	(void)state;
	struct keyframe_cache c;
	uint64_t a, b;

	c = (struct keyframe_cache){.usable = false};
	keyframe_cache_receive(&c, 100, 10, true, 0);
	for (uint64_t i = 101; i < 100 + KEYFRAME_CACHE_PKTS_MAX; i++)
		keyframe_cache_receive(&c, i, 10, false, 0);
	assert_true(serves(&c, 10000000, 0, 99 + KEYFRAME_CACHE_PKTS_MAX));
	keyframe_cache_receive(&c, 100 + KEYFRAME_CACHE_PKTS_MAX, 10, false, 0);
	assert_false(keyframe_cache_serves(&c, 10000000, 0, &a, &b));
	keyframe_cache_receive(&c, 2000, 10, true, 0);
	assert_true(keyframe_cache_serves(&c, 10000000, 0, &a, &b));
	assert_int_equal(a, 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_merge),
		cmocka_unit_test(a_flood_of_requests_is_paid_for),
		cmocka_unit_test(a_viewer_waits_three_seconds_at_worst),
		cmocka_unit_test(a_whole_young_small_group_serves),
		cmocka_unit_test(a_group_too_long_serves_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
