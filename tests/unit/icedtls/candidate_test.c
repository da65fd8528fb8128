// SPDX-License-Identifier: Apache-2.0
// tests/unit/icedtls/candidate_test.c - table of candidate lines in, verdicts out.
// Place    tests ice/candidate.c; expected values from RFC 8839 5.1 and RFC 8445 5.1.2.1.
#include "controlplane/ice/candidate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct sockaddr_storage address(const char *text)
{
	struct sockaddr_storage a = {0};

	if (inet_pton(AF_INET, text, &((struct sockaddr_in *)&a)->sin_addr) == 1)
		a.ss_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)&a)->sin6_addr) == 1)
		a.ss_family = AF_INET6;
	assert_true(a.ss_family != 0);
	return a;
}

static const struct {
	const char *line;
	enum ice_candidate_verdict want;
} table[] = {
#define V(name) ICE_CANDIDATE_##name
	{"candidate:1 1 UDP 2130706431 203.0.113.141 8998 typ host", V(OK)},
	{"a=candidate:1 1 UDP 2130706431 203.0.113.141 8998 typ host\r\n", V(OK)},
	{"candidate:2 1 udp 1694498815 192.0.2.3 45664 typ srflx raddr 203.0.113.141 rport 8998",
	 V(OK)},
	{"candidate:a/+9 1 udp 1 2001:db8::1 1 typ relay raddr :: rport 0 generation 0", V(OK)},
	{"candidate:1 1 udp 1 192.0.2.3 65535 typ prflx raddr 0.0.0.0 rport 0", V(OK)},
	{"candidate:1 1 udp 4294967295 192.0.2.3 1 typ host ufrag abcd network-cost 10", V(OK)},
	{"candidate:1 1 udp 1 0a1b2c3d-1111-4222-8333-444455556666.local 9 typ host", V(NAME)},
	{"candidate:1 1 udp 1 turn.example.org 9 typ relay", V(NAME)},
	{"candidate:1 1 tcp 1 192.0.2.3 9 typ host tcptype active", V(TCP)},
	{"candidate:1 1 TCP-SO 1 192.0.2.3 9 typ host", V(TCP)},
	{"candidate:1 2 udp 1 192.0.2.3 9 typ host", V(COMPONENT)},
	{"candidate:1 1 udp 1 127.0.0.1 9 typ host", V(LOOPBACK)},
	{"candidate:1 1 udp 1 127.9.9.9 9 typ host", V(LOOPBACK)},
	{"candidate:1 1 udp 1 ::1 9 typ host", V(LOOPBACK)},
	{"candidate:1 1 udp 1 ::ffff:127.0.0.1 9 typ host", V(LOOPBACK)},
	{"candidate:1 1 udp 1 224.0.0.251 9 typ host", V(MULTICAST)},
	{"candidate:1 1 udp 1 239.255.255.255 9 typ host", V(MULTICAST)},
	{"candidate:1 1 udp 1 255.255.255.255 9 typ host", V(MULTICAST)},
	{"candidate:1 1 udp 1 0.0.0.0 9 typ host", V(MULTICAST)},
	{"candidate:1 1 udp 1 ff02::fb 9 typ host", V(MULTICAST)},
	{"candidate:1 1 udp 1 :: 9 typ host", V(MULTICAST)},
	{"candidate:1 1 udp 1 ::ffff:224.0.0.1 9 typ host", V(MULTICAST)},
	{"candidate:1 1 udp 1 10.0.0.1 9 typ host", V(OWN)},
	{"candidate:1 1 udp 1 2001:db8::ffff 9 typ host", V(OWN)},
	{"", V(MALFORMED)},
	{"candidate:", V(MALFORMED)},
	{"candidate:1 1 udp 1 192.0.2.3 9", V(MALFORMED)},
	{"candidate:1 1 udp 1 192.0.2.3 9 typ", V(MALFORMED)},
	{"candidate:1 1 udp 1 192.0.2.3 9 typ hosts", V(MALFORMED)},
	{"candidate:1 1 udp 1 192.0.2.3 9 type host", V(MALFORMED)},
	{"candidate:1 1 udp 1 192.0.2.3 0 typ host", V(MALFORMED)},
	{"candidate:1 1 udp 1 192.0.2.3 65536 typ host", V(MALFORMED)},
	{"candidate:1 1 udp 1 192.0.2.3 -1 typ host", V(MALFORMED)},
	{"candidate:1 1 udp 1 192.0.2.3 +1 typ host", V(MALFORMED)},
	{"candidate:1 1 udp 4294967296 192.0.2.3 1 typ host", V(MALFORMED)},
	{"candidate:1 1 udp 99999999999999999999 192.0.2.3 1 typ host", V(MALFORMED)},
	{"candidate:1 0 udp 1 192.0.2.3 9 typ host", V(MALFORMED)},
	{"candidate:1 257 udp 1 192.0.2.3 9 typ host", V(MALFORMED)},
	{"candidate:1 1 sctp 1 192.0.2.3 9 typ host", V(MALFORMED)},
	{"candidate:1 1 udp 1 192.0.2 9 typ host", V(MALFORMED)},
	{"candidate:1 1 udp 1 192.0.2.300 9 typ host", V(MALFORMED)},
	{"candidate:1 1 udp 1 fe80::1%eth0 9 typ host", V(MALFORMED)},
	{"candidate:1 1 udp 1 2001:db8:::1 9 typ host", V(MALFORMED)},
	{"candidate:0123456789012345678901234567890123 1 udp 1 192.0.2.3 9 typ host", V(MALFORMED)},
	{"candidate:a-b 1 udp 1 192.0.2.3 9 typ host", V(MALFORMED)},
	{"candidate:1 1 udp 1 192.0.2.3 9 typ host\r\na=candidate:2", V(MALFORMED)},
#undef V
};

static void verdicts_test(void **state)
{
	struct sockaddr_storage own[] = {address("10.0.0.1"), address("2001:db8::ffff")};
	struct ice_candidate_filter filter = {.own = own, .own_count = 2};
	struct ice_candidate c;

	(void)state;
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		enum ice_candidate_verdict got = ice_candidate_parse(table[i].line, &filter, &c);

		if (got != table[i].want)
			fail_msg("'%s': %s, want %s", table[i].line,
				 ice_candidate_verdict_text(got),
				 ice_candidate_verdict_text(table[i].want));
	}
}

static void long_line_test(void **state)
{
	char line[4096];
	struct ice_candidate_filter filter = {0};
	struct ice_candidate c;

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "candidate:1 1 udp 1 192.0.2.3 9 typ host ", 41);
	line[sizeof(line) - 1] = '\0';
	assert_int_equal(ice_candidate_parse(line, &filter, &c), ICE_CANDIDATE_MALFORMED);
	line[400] = '\0';
	assert_int_equal(ice_candidate_parse(line, &filter, &c), ICE_CANDIDATE_OK);
}

static void fields_test(void **state)
{
	struct ice_candidate_filter filter = {0};
	struct ice_candidate c;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&c.addr;
	struct sockaddr_storage want = address("2001:db8::7");

	(void)state;
	assert_int_equal(ice_candidate_parse("candidate:4234997325 1 udp 2043278322 2001:db8::7 "
					     "44323 typ srflx raddr :: rport 0",
					     &filter, &c),
			 ICE_CANDIDATE_OK);
	assert_string_equal(c.foundation, "4234997325");
	assert_int_equal(c.priority, 2043278322);
	assert_int_equal(c.type, ICE_TYPE_SRFLX);
	assert_int_equal(v6->sin6_family, AF_INET6);
	assert_int_equal(ntohs(v6->sin6_port), 44323);
	assert_memory_equal(&v6->sin6_addr, &((struct sockaddr_in6 *)&want)->sin6_addr, 16);
}

static void loopback_allowed_test(void **state)
{
	struct ice_candidate_filter filter = {.loopback_allowed = true};
	struct ice_candidate c;

	(void)state;
	assert_int_equal(
		ice_candidate_parse("candidate:1 1 udp 1 127.0.0.1 9 typ host", &filter, &c),
		ICE_CANDIDATE_OK);
}

// 2^24 * 126 + 2^8 * 65535 + 255 = 2130706431, the figure of RFC 8839's own examples.
static void format_test(void **state)
{
	struct sockaddr_storage v4 = address("203.0.113.141"), v6 = address("2001:db8::1");
	struct sockaddr_storage none = {0};
	char line[ICE_CANDIDATE_LINE_MAX];

	(void)state;
	assert_int_equal(ice_candidate_format_host(&v4, 8998, 0, line, sizeof(line)), 0);
	assert_string_equal(line, "candidate:1 1 UDP 2130706431 203.0.113.141 8998 typ host");
	assert_int_equal(ice_candidate_format_host(&v6, 8998, 1, line, sizeof(line)), 0);
	assert_string_equal(line, "candidate:2 1 UDP 2130706175 2001:db8::1 8998 typ host");
	assert_int_equal(ice_candidate_format_host(&none, 1, 0, line, sizeof(line)), -EINVAL);
	assert_int_equal(ice_candidate_format_host(&v4, 1, 0, line, 20), -ENOSPC);
}

static void credentials_test(void **state)
{
	struct ice_credentials a, b;
	char text[300];

	(void)state;
	assert_int_equal(ice_credentials_generate(&a), 0);
	assert_int_equal(ice_credentials_generate(&b), 0);
	assert_int_equal(strlen(a.ufrag), 12);
	assert_int_equal(strlen(a.pwd), 24);
	assert_string_not_equal(a.ufrag, b.ufrag);
	assert_string_not_equal(a.pwd, b.pwd);
	assert_int_equal(ice_credentials_set(&b, a.ufrag, a.pwd), 0);
	assert_string_equal(b.pwd, a.pwd);
	assert_int_equal(ice_credentials_set(&b, "abc", a.pwd), -EINVAL);
	assert_int_equal(ice_credentials_set(&b, "ab:d", a.pwd), -EINVAL);
	assert_int_equal(ice_credentials_set(&b, "abcd", "short"), -EINVAL);
	memset(text, 'x', sizeof(text));
	text[256] = '\0';
	assert_int_equal(ice_credentials_set(&b, text, text), 0);
	text[256] = 'x';
	text[257] = '\0';
	assert_int_equal(ice_credentials_set(&b, text, a.pwd), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts_test), cmocka_unit_test(long_line_test),
		cmocka_unit_test(fields_test),	 cmocka_unit_test(loopback_allowed_test),
		cmocka_unit_test(format_test),	 cmocka_unit_test(credentials_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
