// SPDX-License-Identifier: Apache-2.0
// tests/unit/session/names_test.c - resource names as the API's proto describes them.
#include "controlplane/session/names.h"

#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ID_64 "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789ABCDEF"

static void test_ids(void **state)
{
	static const char *const good[] = {"a", "A-b_9", "-", ID_64};
	static const char *const bad[] = {"", ID_64 "0", "a b", "a/b", "a.b", "\xc3\xa4", "a\n"};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(good); i++)
		assert_true(name_id_ok(good[i]));
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		assert_false(name_id_ok(bad[i]));
}

static void test_names(void **state)
{
	static const struct {
		const char *text;
		enum name_depth depth;
		const char *room, *participant, *track; // NULL: not a name of that depth
	} rows[] = {
		{"rooms/r", NAME_ROOM, "r", "", ""},
		{"rooms/" ID_64, NAME_ROOM, ID_64, "", ""},
		{"rooms/r/participants/p", NAME_PARTICIPANT, "r", "p", ""},
		{"rooms/r/participants/p/tracks/t", NAME_TRACK, "r", "p", "t"},
		{"rooms/r", NAME_PARTICIPANT, NULL, NULL, NULL},
		{"rooms/r/participants/p", NAME_ROOM, NULL, NULL, NULL},
		{"rooms/r/participants/p", NAME_TRACK, NULL, NULL, NULL},
		{"rooms/r/participants/p/tracks/t/x", NAME_TRACK, NULL, NULL, NULL},
		{"rooms/r/participants/p/tracks/t/x/y", NAME_TRACK, NULL, NULL, NULL},
		{"", NAME_ROOM, NULL, NULL, NULL},
		{"rooms/", NAME_ROOM, NULL, NULL, NULL},
		{"rooms", NAME_ROOM, NULL, NULL, NULL},
		{"rooms//", NAME_ROOM, NULL, NULL, NULL},
		{"/rooms/r", NAME_ROOM, NULL, NULL, NULL},
		{"rooms/r/", NAME_ROOM, NULL, NULL, NULL},
		{"room/r", NAME_ROOM, NULL, NULL, NULL},
		{"rooms/" ID_64 "0", NAME_ROOM, NULL, NULL, NULL},
		{"rooms/r/tracks/p", NAME_PARTICIPANT, NULL, NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct resource_name n;
		bool ok = name_parse(rows[i].text, rows[i].depth, &n);
		assert_int_equal(ok, rows[i].room != NULL);
		if (!ok)
			continue;
		assert_string_equal(n.room, rows[i].room);
		assert_string_equal(n.participant, rows[i].participant);
		assert_string_equal(n.track, rows[i].track);
	}
}

static void test_random_names(void **state)
{
	char *a = name_random(32);
	char *b = name_random(32);

	(void)state;
	assert_int_equal(strlen(a), 64);
	assert_true(name_id_ok(a));
	assert_string_not_equal(a, b);
	g_free(a);
	g_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_random_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
