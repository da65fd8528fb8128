// SPDX-License-Identifier: Apache-2.0
// tests/unit/rpc/grpc_text_test.c - tables for grpc-timeout, grpc-message and base64 bodies.
#include "controlplane/rpc/grpc_text.h"

#include <errno.h>
#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_timeouts(void **state)
{
	static const struct {
		const char *text;
		int64_t us; // -1: refused
	} rows[] = {
		{"1H", INT64_C(3600000000)},
		{"2M", 120000000},
		{"3S", 3000000},
		{"100m", 100000},
		{"7u", 7},
		{"1999n", 1},
		{"0S", 0},
		{"99999999H", INT64_C(359999996400000000)},
		{"99999999n", 99999},
		{"", -1},
		{"S", -1},
		{"1", -1},
		{"1s", -1},
		{"100000000S", -1},
		{"-1S", -1},
		{"+1S", -1},
		{" 1S", -1},
		{"1S ", -1},
		{"1.5S", -1},
		{"1SS", -1},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		int64_t us = -1;

		assert_int_equal(grpc_timeout_parse(rows[i].text, &us), rows[i].us >= 0);
		if (rows[i].us >= 0)
			assert_int_equal(us, rows[i].us);
	}
}

static void test_messages(void **state)
{
	static const struct {
		const char *text;
		size_t max;
		const char *want;
	} rows[] = {
		{"plain ~", 100, "plain ~"},   {"100%", 100, "100%25"},
		{"a\nb", 100, "a%0Ab"},	       {"\x7f", 100, "%7F"},
		{"\xc3\xa9", 100, "%C3%A9"},   {"ab\xc3\xa9", 3, "ab"}, // never half a character
		{"ab\xc3\xa9", 4, "ab%C3%A9"}, {"abc", 0, ""},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		char *got = grpc_message_encode(rows[i].text, rows[i].max);

		assert_string_equal(got, rows[i].want);
		g_free(got);
	}
}

// RFC 4648 section 10, and padded pieces in a row.
static void test_base64(void **state)
{
	static const struct {
		const char *text, *want; // NULL: refused
	} rows[] = {
		{"", ""},
		{"Zg==", "f"},
		{"Zm8=", "fo"},
		{"Zm9v", "foo"},
		{"Zm9vYg==", "foob"},
		{"Zm9vYmE=", "fooba"},
		{"Zm9vYmFy", "foobar"},
		{"Zg==Zm8=Zm9v", "ffofoo"},
		{"Zg=v", NULL},
		{"=g==", NULL},
		{"Z===", NULL},
		{"Zm 9", NULL},
		{"Zm-_", NULL},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const uint8_t *text = (const uint8_t *)rows[i].text;

		for (size_t cut = 0; cut <= strlen(rows[i].text); cut++) {
			struct grpc_base64 b = {0};
			uint8_t out[32] = {0};
			long first = grpc_base64_decode(&b, text, cut, out);
			long second = first < 0 ? first
						: grpc_base64_decode(&b, text + cut,
								     strlen(rows[i].text) - cut,
								     out + first);

			if (rows[i].want == NULL)
				assert_int_equal(second, -EINVAL);
			else
				assert_string_equal((char *)out, rows[i].want);
		}
	}
}

// RFC 4648 section 10, with and without padding, as "-bin" fields join them.
static void test_binary_fields(void **state)
{
	static const struct {
		const char *text, *want; // values, a slash behind each; "!": refused there
	} rows[] = {
		{"", "/"},
		{"Zg", "f/"},
		{"Zg==", "f/"},
		{"Zm8", "fo/"},
		{"Zm9v", "foo/"},
		{"Zm9vYg==,Zm8=", "foob/fo/"},
		{"Zm9vYg, Zm8 ,,Zm9v", "foob/fo//foo/"},
		{"Zg=", "!"},
		{"Zg===", "!"},
		{"Zm9v=", "!"},
		{"Zg==Zg==", "!"},
		{"Zm9vY", "!"},
		{"Zm8,Zm-_", "fo/!"},
		{"=", "!"},
		{"Z g=", "!"},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		GString *got = g_string_new(NULL);
		const char *at = rows[i].text;

		while (at != NULL) {
			GBytes *value = grpc_binary_next(&at);
			gsize size;

			if (value == NULL) {
				g_string_append_c(got, '!');
				break;
			}
			const char *bytes = g_bytes_get_data(value, &size);
			g_string_append_len(got, bytes, (gssize)size);
			g_string_append_c(got, '/');
			g_bytes_unref(value);
		}
		assert_string_equal(got->str, rows[i].want);
		g_string_free(got, TRUE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timeouts),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_binary_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
