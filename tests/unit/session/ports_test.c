// SPDX-License-Identifier: Apache-2.0
// tests/unit/session/ports_test.c - internal ports and their rest. The clock is the test's own: the
// linker puts it in place of GLib's.
#include "controlplane/session/ports.h"

#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

static gint64 now_us = 1000;

gint64 __wrap_g_get_monotonic_time(void);
gint64 __wrap_g_get_monotonic_time(void)
{
	return now_us;
}

static void test_each_port_once(void **state)
{
	struct ports *p = ports_new(40000, 40003);
	bool seen[4] = {false};

	(void)state;
	for (int i = 0; i < 4; i++) {
		uint16_t port = ports_take(p);
		assert_in_range(port, 40000, 40003);
		assert_false(seen[port - 40000]);
		seen[port - 40000] = true;
	}
	assert_int_equal(ports_take(p), 0);
	ports_free(&p);
	assert_null(p);
	ports_free(&p);
}

static void test_rest(void **state)
{
	struct ports *p = ports_new(65535, 65535);

	(void)state;
	assert_int_equal(ports_take(p), 65535);
	ports_release(p, 65535);
	assert_int_equal(ports_take(p), 0);
	now_us += 60 * G_USEC_PER_SEC - 1; // design, section 5: 60 s
	assert_int_equal(ports_take(p), 0);
	now_us += 1;
	assert_int_equal(ports_take(p), 65535);
	assert_int_equal(ports_take(p), 0);
	ports_free(&p);
}

static void test_found_in_use(void **state)
{
	struct ports *p = ports_new(40000, 40001);

	(void)state;
	ports_reserve(p, 40000);
	ports_reserve(p, 39999); // a segment may say anything
	ports_reserve(p, 0);
	ports_release(p, 40002);
	assert_int_equal(ports_take(p), 40001);
	assert_int_equal(ports_take(p), 0);
	ports_release(p, 40000);
	now_us += 60 * G_USEC_PER_SEC;
	assert_int_equal(ports_take(p), 40000);
	ports_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_port_once),
		cmocka_unit_test(test_rest),
		cmocka_unit_test(test_found_in_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
