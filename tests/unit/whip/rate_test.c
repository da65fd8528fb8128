// SPDX-License-Identifier: Apache-2.0
// tests/unit/whip/rate_test.c - a burst, then so many a second, each address for itself.
#include "controlplane/whip/rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum { SECOND_US = 1000000, RATE_BURST = 200, RATE_PER_S = 50 };

static unsigned take(struct rate_limit *r, const char *peer, unsigned tries, int64_t now_us)
{
	unsigned taken = 0;

	while (tries-- > 0)
		taken += rate_limit_take(r, peer, now_us);
	return taken;
}

static void burst_then_rate(void **state)
{
	struct rate_limit *r = rate_limit_new(RATE_BURST, RATE_PER_S);

	(void)state;
	assert_int_equal(take(r, "192.0.2.7:50000", 2 * RATE_BURST, SECOND_US), RATE_BURST);
	assert_int_equal(take(r, "192.0.2.7:50000", 2 * RATE_BURST, 2 * SECOND_US), RATE_PER_S);
	assert_int_equal(take(r, "192.0.2.7:50000", 2 * RATE_BURST, 1000 * (int64_t)SECOND_US),
			 RATE_BURST);
	rate_limit_free(&r);
	assert_null(r);
}

// Another port is the same peer, another address is not.
static void ports_share_addresses_do_not(void **state)
{
	struct rate_limit *r = rate_limit_new(RATE_BURST, RATE_PER_S);

	(void)state;
	assert_int_equal(take(r, "192.0.2.7:50000", RATE_BURST, 0), RATE_BURST);
	assert_false(rate_limit_take(r, "192.0.2.7:50001", 0));
	assert_true(rate_limit_take(r, "192.0.2.8:50000", 0));
	assert_int_equal(take(r, "[2001:db8::1]:50000", RATE_BURST, 0), RATE_BURST);
	assert_false(rate_limit_take(r, "[2001:db8::1]:50001", 0));
	assert_true(rate_limit_take(r, "[2001:db8::2]:50000", 0));
	assert_true(rate_limit_take(r, "unix", 0));
	rate_limit_free(&r);
}

// However many addresses come, memory stays bounded, and who was refused is not let in by it
// unless everybody is.
static void many_addresses(void **state)
{
	struct rate_limit *r = rate_limit_new(RATE_BURST, RATE_PER_S);

	(void)state;
	for (unsigned i = 0; i < 3 * RATE_PEERS_MAX; i++) {
		char peer[32];
		snprintf(peer, sizeof(peer), "10.%u.%u.%u:1", i >> 16, i >> 8 & 255, i & 255);
		assert_true(rate_limit_take(r, peer, i * (int64_t)SECOND_US));
	}
	rate_limit_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(burst_then_rate),
		cmocka_unit_test(ports_share_addresses_do_not),
		cmocka_unit_test(many_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
