// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/rtc/rtc_consent_test.c - consent over virtual time (RFC 7675 5.1), and the keyframe
// gate.
#include "tests/unit/rtc/test.h"

#include "proto/rtc/consent.h"
#include "proto/rtc/keyframe_gate.h"

#include <string.h>

#define S UINT64_C(1000000)

static void fill(void *ctx, uint8_t *out, size_t size)
{
	for (size_t i = 0; i < size; i++)
		out[i] = (uint8_t)prng_next(ctx);
}

static void a_lite_agent_lives_on_checks_alone(void **state)
{
	(void)state;
	struct prng p = {1};
	struct rtc_random random = {fill, &p};
	struct consent c;
	uint8_t id[STUN_TRANSACTION_BYTES];
	consent_init(&c, 100 * S, false, &random);
	assert_true(consent_deadline_us(&c) == 130 * S);
	assert_int_equal(consent_poll(&c, 129 * S, &random, id), CONSENT_NOTHING);
	consent_check_received(&c, 129 * S);
	assert_true(consent_deadline_us(&c) == 159 * S);
	assert_int_equal(consent_poll(&c, 159 * S - 1, &random, id), CONSENT_NOTHING);
	assert_int_equal(consent_poll(&c, 159 * S, &random, id), CONSENT_STOP);
	assert_int_equal(consent_poll(&c, 159 * S, &random, id), CONSENT_NOTHING);
	assert_int_equal(c.state, CONSENT_EXPIRED);
	consent_check_received(&c, 160 * S); // nothing revives it
	assert_int_equal(c.state, CONSENT_EXPIRED);
	assert_true(consent_deadline_us(&c) == UINT64_MAX);
}

static void a_renewal_after_the_last_moment_is_too_late(void **state)
{
	(void)state;
	struct prng p = {1};
	struct rtc_random random = {fill, &p};
	struct consent c;
	uint8_t id[STUN_TRANSACTION_BYTES];
	consent_init(&c, 0, false, &random);
	consent_check_received(&c, 30 * S); // the poll at 30 s has not come round yet
	assert_int_equal(consent_poll(&c, 30 * S, &random, id), CONSENT_STOP);
}

static void a_full_agent_asks_every_4_to_6_seconds(void **state)
{
	(void)state;
	struct prng p = prng_start(0xc0);
	struct rtc_random random = {fill, &p};
	struct consent c;
	uint8_t id[STUN_TRANSACTION_BYTES], older[STUN_TRANSACTION_BYTES] = {0};
	uint64_t now = 50 * S, low = UINT64_MAX, high = 0;
	consent_init(&c, now, true, &random);
	for (int i = 0; i < 1000; i++) {
		uint64_t due = consent_deadline_us(&c);
		assert_in_range(due - now, 4 * S, 6 * S);
		low = due - now < low ? due - now : low;
		high = due - now > high ? due - now : high;
		now = due;
		assert_int_equal(consent_poll(&c, now - 1, &random, id), CONSENT_NOTHING);
		assert_int_equal(consent_poll(&c, now, &random, id), CONSENT_SEND_REQUEST);
		assert_memory_not_equal(id, older, sizeof(id));
		assert_true(consent_is_pending(&c, id));
		assert_false(consent_response_received(&c, older, now));
		assert_true(consent_response_received(&c, id, now));
		assert_false(consent_response_received(&c, id, now)); // once
		memcpy(older, id, sizeof(id));
	}
	assert_true(low < 4200000 && high > 5800000); // and not always the same
}

static void a_silent_peer_is_noticed_in_30_seconds(void **state)
{
	(void)state;
	struct prng p = prng_start(0x51e);
	struct rtc_random random = {fill, &p};
	struct consent c;
	uint8_t first[STUN_TRANSACTION_BYTES], id[STUN_TRANSACTION_BYTES];
	consent_init(&c, 0, true, &random);
	uint64_t now = consent_deadline_us(&c);
	assert_int_equal(consent_poll(&c, now, &random, first), CONSENT_SEND_REQUEST);
	int requests = 1;
	for (;;) {
		now = consent_deadline_us(&c);
		enum consent_action action = consent_poll(&c, now, &random, id);
		if (action == CONSENT_STOP)
			break;
		assert_int_equal(action, CONSENT_SEND_REQUEST);
		requests++;
		assert_true(consent_is_pending(&c, first)); // even the oldest may still be answered
	}
	assert_true(now == 30 * S);
	assert_in_range(requests, 4, 7);
	assert_false(consent_is_pending(&c, first));
}

static void a_new_path_asks_at_once(void **state)
{
	(void)state;
	struct prng p = {1};
	struct rtc_random random = {fill, &p};
	struct consent c;
	uint8_t id[STUN_TRANSACTION_BYTES], again[STUN_TRANSACTION_BYTES];
	consent_init(&c, 0, true, &random);
	uint64_t now = consent_deadline_us(&c);
	assert_int_equal(consent_poll(&c, now, &random, id), CONSENT_SEND_REQUEST);
	consent_path_changed(&c, now);
	assert_false(consent_is_pending(&c, id)); // an answer from the old path proves nothing
	assert_int_equal(consent_poll(&c, now, &random, again), CONSENT_SEND_REQUEST);
	consent_init(&c, 0, false, &random);
	consent_path_changed(&c, S);
	assert_int_equal(consent_poll(&c, S, &random, id), CONSENT_NOTHING); // lite never asks
}

static void keyframe_requests_merge(void **state)
{
	(void)state;
	struct keyframe_gate g;
	keyframe_gate_init(&g, 500000, 3);
	assert_false(keyframe_gate_poll(&g, 10 * S));
	assert_true(keyframe_gate_deadline_us(&g) == UINT64_MAX);
	keyframe_gate_request(&g);
	assert_true(keyframe_gate_poll(&g, 10 * S)); // the first leaves at once
	keyframe_gate_request(&g);
	keyframe_gate_request(&g);
	assert_false(keyframe_gate_poll(&g, 10 * S + 499999));
	assert_true(keyframe_gate_deadline_us(&g) == 10 * S + 500000);
	assert_true(keyframe_gate_poll(&g, 10 * S + 500000));
	assert_false(keyframe_gate_poll(&g, 10 * S + 500000));
}

static void keyframe_requests_end(void **state)
{
	(void)state;
	struct keyframe_gate g;
	unsigned sent = 0;
	keyframe_gate_init(&g, 500000, 3);
	keyframe_gate_request(&g);
	for (uint64_t now = 0; now < 10 * S; now += 1000)
		sent += keyframe_gate_poll(&g, now);
	assert_int_equal(sent, 3); // the publisher will not: leave it alone
	keyframe_gate_request(&g);
	assert_true(keyframe_gate_poll(&g, 10 * S));
	keyframe_gate_seen(&g);
	assert_false(keyframe_gate_poll(&g, 20 * S));
	keyframe_gate_request(&g); // a keyframe does not lift the limit
	keyframe_gate_poll(&g, 30 * S);
	keyframe_gate_seen(&g);
	keyframe_gate_request(&g);
	assert_false(keyframe_gate_poll(&g, 30 * S + 1));
	assert_true(keyframe_gate_poll(&g, 30 * S + 500000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lite_agent_lives_on_checks_alone),
		cmocka_unit_test(a_renewal_after_the_last_moment_is_too_late),
		cmocka_unit_test(a_full_agent_asks_every_4_to_6_seconds),
		cmocka_unit_test(a_silent_peer_is_noticed_in_30_seconds),
		cmocka_unit_test(a_new_path_asks_at_once),
		cmocka_unit_test(keyframe_requests_merge),
		cmocka_unit_test(keyframe_requests_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
