// SPDX-License-Identifier: Apache-2.0
// tests/unit/ops/log_test.c - how lines look, how often they come, and what is taken out of them.
#include <fcntl.h>
#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "controlplane/ops/log.h"
#include "controlplane/ops/log_limit.h"
#include "controlplane/ops/log_redact.h"

// What `speak` writes to standard error.
static char *heard(void (*speak)(void))
{
	int kept = dup(STDERR_FILENO), pipes[2];
	char *text = g_malloc0(1 << 16);
	ssize_t size;

	assert_int_equal(pipe2(pipes, O_NONBLOCK), 0);
	dup2(pipes[1], STDERR_FILENO);
	speak();
	dup2(kept, STDERR_FILENO);
	size = read(pipes[0], text, (1 << 16) - 1);
	assert_true(size >= 0);
	close(kept);
	close(pipes[0]);
	close(pipes[1]);
	return text;
}

static void say_odd_things(void)
{
	log_debug("session", "not this one");
	log_info("session", "a \"b\" \\ %s", "c\nd\x01\xff");
}

static void test_text(void **state)
{
	const struct log_options options = {.threshold = LOG_INFO};
	char *text;

	(void)state;
	log_open(&options);
	text = heard(say_odd_things);
	assert_true(g_regex_match_simple(
		"^\\d{4}-\\d\\d-\\d\\dT[\\d:]{8}\\.\\d{6}Z info    session: a \"b\" \\\\ c\\?d\\?",
		text, G_REGEX_RAW, 0));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	g_free(text);
}

static void test_json(void **state)
{
	const struct log_options options = {.threshold = LOG_INFO, .json = true};
	char *text;

	(void)state;
	log_open(&options);
	text = heard(say_odd_things);
	assert_true(g_regex_match_simple("^{\"time\":\"[^\"]+\",\"level\":\"info\",\"area\":"
					 "\"session\",\"text\":\"a \\\\\"b\\\\\" \\\\\\\\ "
					 "c\\\\u000ad\\\\u0001\xef\xbf\xbd\"}\n$",
					 text, 0, 0));
	g_free(text);
}

static void say_often(void)
{
	for (int i = 0; i < LOG_LIMIT_LINES + 7; i++)
		log_warning("link", "again %d", i);
	log_warning("link", "another message");
	g_log("libfoo", G_LOG_LEVEL_WARNING, "from a %s", "library");
}

static size_t lines_with(const char *text, const char *what)
{
	size_t count = 0;

	for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
		count++;
	return count;
}

static void test_one_message_cannot_flood(void **state)
{
	const struct log_options options = {.threshold = LOG_INFO};
	char *text;

	(void)state;
	log_open(&options);
	text = heard(say_often);
	assert_int_equal(lines_with(text, "link: again"), LOG_LIMIT_LINES);
	assert_int_equal(lines_with(text, "link: another message"), 1);
	assert_int_equal(lines_with(text, "warning libfoo: from a library"), 1);
	g_free(text);
}

static void test_limit_says_what_it_held_back(void **state)
{
	static struct log_limit limit;
	static const char message, other;
	const int64_t start = 123;
	uint64_t held_back;

	(void)state;
	for (int i = 0; i < LOG_LIMIT_LINES; i++)
		assert_true(log_limit_allows(&limit, &message, start, &held_back));
	for (int i = 0; i < 3; i++)
		assert_false(log_limit_allows(&limit, &message, start + 1, &held_back));
	assert_true(log_limit_allows(&limit, &other, start + 1, &held_back));
	assert_int_equal(held_back, 0);
	assert_false(log_limit_allows(&limit, &message, start + LOG_LIMIT_S * G_USEC_PER_SEC - 1,
				      &held_back));
	assert_true(log_limit_allows(&limit, &message, start + LOG_LIMIT_S * G_USEC_PER_SEC,
				     &held_back));
	assert_int_equal(held_back, 4);
	assert_true(log_limit_allows(&limit, &message, start + LOG_LIMIT_S * G_USEC_PER_SEC,
				     &held_back));
	assert_int_equal(held_back, 0);
}

// More messages than there is room for are let through, and those with room stay limited.
static void test_limit_when_full(void **state)
{
	static struct log_limit limit;
	static const char messages[2 * LOG_LIMIT_MESSAGES][8];
	uint64_t held_back;
	size_t limited = 0;

	(void)state;
	for (int i = 0; i <= LOG_LIMIT_LINES; i++)
		for (size_t m = 0; m < G_N_ELEMENTS(messages); m++)
			limited += !log_limit_allows(&limit, messages[m], 0, &held_back);
	assert_int_equal(limited, LOG_LIMIT_MESSAGES);
}

static void test_redact(void **state)
{
	static const struct {
		const char *text, *redacted;
	} rows[] = {
		{"", ""},
		{"from 192.0.2.7:50000 to 203.0.113.1.", "from (address):50000 to (address)."},
		{"[2001:db8::1]:443 and fe80::1%eth0, ::1", "[(address)]:443 and (address)%eth0, "
							    "(address)"},
		{"::ffff:192.0.2.1: gone", "(address): gone"},
		{"candidate:1 1 udp 2130706431 192.0.2.1 3478 typ host",
		 "candidate:1 1 udp 2130706431 (address) 3478 typ host"},
		// Not addresses.
		{"at 17:36:18.250 version 0.1.0, std::vector, a::b, 1.2.3, 300.1.1.1",
		 "at 17:36:18.250 version 0.1.0, std::vector, a::b, 1.2.3, 300.1.1.1"},
		{"sha-256 AB:CD:EF:01, mac 02:00:5e:10:00:01, error:0A000418:SSL routines",
		 "sha-256 AB:CD:EF:01, mac 02:00:5e:10:00:01, error:0A000418:SSL routines"},
		{"rooms/a/participants/b: left", "rooms/a/participants/b: left"},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		char *redacted = log_redact(rows[i].text);

		assert_string_equal(redacted, rows[i].redacted);
		g_free(redacted);
	}
}

static void say_an_address(void)
{
	log_error("rpc", "%s hung up", "198.51.100.9:1234");
}

static void test_redacted_lines(void **state)
{
	const struct log_options options = {.json = true, .redact_addresses = true};
	char *text;

	(void)state;
	log_open(&options);
	text = heard(say_an_address);
	assert_null(strstr(text, "198.51"));
	assert_non_null(strstr(text, "\"text\":\"(address):1234 hung up\""));
	g_free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_one_message_cannot_flood),
		cmocka_unit_test(test_limit_says_what_it_held_back),
		cmocka_unit_test(test_limit_when_full),
		cmocka_unit_test(test_redact),
		cmocka_unit_test(test_redacted_lines),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
