// SPDX-License-Identifier: Apache-2.0
// tests/unit/whip/target_test.c - which paths name an endpoint, which a session.
#include "controlplane/whip/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SECRET "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define LONG_ID SECRET // 64 characters, the most an id may have

static void endpoints(void **state)
{
	struct whip_target t;

	(void)state;
	assert_true(whip_target_parse("/whip/lobby", &t));
	assert_int_equal(t.kind, WHIP_ENDPOINT);
	assert_false(t.whep);
	assert_string_equal(t.room, "lobby");
	assert_string_equal(t.participant, "");
	assert_true(whip_target_parse("/whip/lobby?participant=obs&x=y", &t));
	assert_string_equal(t.participant, "obs");
	assert_true(whip_target_parse("/whep/lobby?offer=server", &t));
	assert_true(t.whep && t.server_offers);
	assert_true(whip_target_parse("/whep/lobby/obs", &t));
	assert_int_equal(t.kind, WHIP_ENDPOINT);
	assert_string_equal(t.participant, "obs");
	assert_false(t.server_offers);
	assert_true(whip_target_parse("/whip/" LONG_ID, &t));
}

static void sessions(void **state)
{
	struct whip_target t;

	(void)state;
	assert_true(whip_target_parse("/whip/lobby/obs/" SECRET, &t));
	assert_int_equal(t.kind, WHIP_SESSION);
	assert_string_equal(t.secret, SECRET);
	assert_true(whip_target_parse("/whep/lobby/eve/" SECRET "?offer=server", &t));
	assert_true(t.whep && !t.server_offers);
}

static void neither(void **state)
{
	static const char *const paths[] = {
		"/whip/",
		"/whip/?participant=obs",
		"/whep/",
		"/whip/lobby/", // an empty id
		"/whip/lobby/obs", // there is no such resource
		"/whep/lobby/obs/" SECRET "/",
		"/whep/lobby/obs/" SECRET "0",
		"/whep/lobby/obs/short",
		"/whip/lob by",
		"/whip/lobby%2f..",
		"/whip/../whep/lobby",
		"/whip/lobby?participant=",
		"/whip/lobby?participant=a/b",
		"/whip/" LONG_ID "0",
		"/other/lobby",
		"/whip",
		"",
	};
	struct whip_target t;

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (whip_target_parse(paths[i], &t))
			fail_msg("\"%s\" is taken", paths[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(endpoints),
		cmocka_unit_test(sessions),
		cmocka_unit_test(neither),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
