// SPDX-License-Identifier: Apache-2.0
// tests/unit/whip/precondition_test.c - If-Match against an entity-tag: RFC 9110 13.1.1, 8.8.3.2.
#include "controlplane/whip/precondition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
	const char *if_match;
	enum whip_precondition wanted;
} cases[] = {
	{NULL, WHIP_IF_MATCH_MISSING},
	{"", WHIP_IF_MATCH_MISSING},
	{"*", WHIP_IF_MATCH_ANY},
	{" * ", WHIP_IF_MATCH_ANY},
	{"\"*\"", WHIP_IF_MATCH_ANY}, // RFC 9725, figure 4
	{"\"xyzzy\"", WHIP_IF_MATCH_HELD},
	{"\"other\", \"xyzzy\"", WHIP_IF_MATCH_HELD},
	{"\"xyzzy\",\"other\"", WHIP_IF_MATCH_HELD},
	{"\"other\"", WHIP_IF_MATCH_STALE},
	{"xyzzy", WHIP_IF_MATCH_STALE},
	{"W/\"xyzzy\"", WHIP_IF_MATCH_STALE}, // weak tags never match here
	{"\"XYZZY\"", WHIP_IF_MATCH_STALE},
	{",", WHIP_IF_MATCH_STALE},
};

static void table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(whip_precondition(cases[i].if_match, "\"xyzzy\""),
				 cases[i].wanted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(table)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
