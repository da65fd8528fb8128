// SPDX-License-Identifier: Apache-2.0
// tests/unit/rpc/h1_head_test.c - heads that are fine, and one row for every way not to be.
#include "controlplane/rpc/h1_head.h"

#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct h1_framing framing;

static void check(const char *lines, unsigned expected)
{
	char *head = g_strconcat(lines, "\r\n\r\n", NULL);
	size_t size = h1_head_size(head, strlen(head));

	assert_int_equal(size, strlen(head));
	assert_int_equal(h1_head_check(head, size, &framing), expected);
	g_free(head);
}

static void test_fine(void **state)
{
	(void)state;
	check("GET / HTTP/1.1", 0);
	check("OPTIONS * HTTP/1.0\r\nhost: x", 0);
	check("M-SEARCH /a?b=c HTTP/1.1\r\nHost:x\r\nX-Empty:\r\nx: \ta\tb \r\nX: again", 0);
	check("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 0", 0);
	check("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\tChunked ", 0);
	assert_true(framing.chunked);
	check("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 00123456789012345", 0);
	assert_true(framing.body_bytes == 123456789012345 && !framing.chunked);
	check("GET / HTTP/1.1\r\nx: caf\xc3\xa9 \xff", 0); // obs-text
}

static void test_request_lines(void **state)
{
	static const char *const bad[] = {
		"",
		"GET",
		"GET /",
		"GET  / HTTP/1.1",
		"GET / HTTP/1.1 ",
		" GET / HTTP/1.1",
		"GET / HTTP/1.2",
		"GET / HTTP/2.0",
		"GET / http/1.1",
		"GET / HTTP/1.1x",
		"G{T / HTTP/1.1",
		"GET\t/ HTTP/1.1",
		"GET / a HTTP/1.1",
		"GET  HTTP/1.1",
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		check(bad[i], 400);
}

static void test_fields(void **state)
{
	static const struct {
		const char *field;
		unsigned status;
	} rows[] = {
		{"no colon", 400},
		{": value", 400},
		{"name : value", 400},
		{" name: value", 400},
		{"\tname: value", 400},
		{"a: b\r\n folded", 400},
		{"na(me: value", 400},
		{"a: b\nc: d", 400},
		{"a: b\rc: d", 400},
		{"a: b\x01", 400},
		{"a: b\x7f", 400},
		{"host: y", 400},
		{"content-length: ", 400},
		{"content-length: -1", 400},
		{"content-length: +1", 400},
		{"content-length: 0x1", 400},
		{"content-length: 1, 1", 400},
		{"content-length: 1 1", 400},
		{"content-length: 9999999999999999999", 400},
		{"content-length: 1\r\ncontent-length: 1", 400},
		{"content-length: 1\r\ntransfer-encoding: chunked", 400},
		{"transfer-encoding: chunked\r\ntransfer-encoding: chunked", 400},
		{"transfer-encoding: identity", 501},
		{"transfer-encoding: gzip, chunked", 501},
		{"transfer-encoding: \"chunked\"", 501},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		char *head = g_strconcat("POST / HTTP/1.1\r\nHost: x\r\n", rows[i].field, NULL);

		check(head, rows[i].status);
		g_free(head);
	}
}

static void test_nul(void **state)
{
	static const char head[] = "GET / HTTP/1.1\r\nx: a\0b\r\n\r\n";

	(void)state;
	assert_int_equal(h1_head_check(head, sizeof(head) - 1, &framing), 400);
}

static void test_size(void **state)
{
	static const char head[] = "GET / HTTP/1.1\r\n\r\n";

	(void)state;
	for (size_t i = 0; i < sizeof(head) - 1; i++)
		assert_int_equal(h1_head_size(head, i), 0);
	assert_int_equal(h1_head_size(head, sizeof(head) - 1), sizeof(head) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fine),   cmocka_unit_test(test_request_lines),
		cmocka_unit_test(test_fields), cmocka_unit_test(test_nul),
		cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
