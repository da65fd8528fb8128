// SPDX-License-Identifier: Apache-2.0
// tests/unit/sdp/fragment_test.c - trickle-ice-sdpfrag (RFC 8840 9) in and out.
#include "tests/unit/sdp/fixture.h"

#include <errno.h>

#include "controlplane/session/sdp/fragment.h"

#define PSEUDO_LINE "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"
#define CANDIDATE "a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host\r\n"

static struct sdp_fragment *read_fragment(const char *text)
{
	char reason[SDP_REASON_SIZE] = "";
	struct sdp_fragment *f = NULL;

	if (sdp_fragment_parse(text, strlen(text), reason, &f) != 0)
		fail_msg("%s", reason);
	return f;
}

static void refused(const char *text, int err, const char *why)
{
	char reason[SDP_REASON_SIZE] = "";
	struct sdp_fragment *f = NULL;

	assert_int_equal(sdp_fragment_parse(text, strlen(text), reason, &f), err);
	assert_null(f);
	assert_non_null(strstr(reason, why));
}

static void candidates_with_their_generation(void **state)
{
	struct sdp_fragment *f =
		read_fragment("a=group:BUNDLE 0 1\r\n" PSEUDO_LINE ICE CANDIDATE CANDIDATE
			      "a=end-of-candidates\r\n");

	(void)state;
	assert_true(f->has_ice && f->end_of_candidates);
	assert_string_equal(f->ice.ufrag, "abcd");
	assert_int_equal(f->candidate_count, 2);
	assert_string_equal(f->candidates[0],
			    "candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host");
	sdp_fragment_destroy(&f);
}

static void line_ends_and_credentials_above_the_line(void **state)
{
	struct sdp_fragment *f = read_fragment(
		"a=ice-ufrag:abcd\na=ice-pwd:0123456789abcdef012345\nm=audio 9 RTP/AVP 0\na=mid:0\n"
		"a=ice-ufrag:abcd\na=ice-pwd:0123456789abcdef012345\na=end-of-candidates");

	(void)state;
	assert_true(f->has_ice && f->end_of_candidates);
	assert_int_equal(f->candidate_count, 0);
	sdp_fragment_destroy(&f);
	f = read_fragment(CANDIDATE);
	assert_false(f->has_ice);
	sdp_fragment_destroy(&f);
}

static void what_is_no_fragment(void **state)
{
	char *large = g_strnfill(SDP_FRAGMENT_BYTES_MAX + 1, 'a');

	(void)state;
	refused("", -EINVAL, "says nothing");
	refused(PSEUDO_LINE, -EINVAL, "says nothing");
	refused("v=0\r\n" CANDIDATE, -EINVAL, "a= and m= lines");
	refused("a=ice-ufrag:abcd\r\n", -EINVAL, "go together");
	refused("a=ice-pwd:0123456789abcdef012345\r\n", -EINVAL, "go together");
	refused("a=ice-ufrag:ab\r\na=ice-pwd:0123456789abcdef012345\r\n", -EINVAL, "malformed");
	refused(ICE "a=ice-ufrag:efgh\r\n", -EINVAL, "two ICE generations");
	refused("{\"candidate\": 1}", -EINVAL, "<letter>=<value>");
	refused("a=candidate:1\x01\r\n", -EINVAL, "control");
	refused(large, -E2BIG, "at most");
	g_free(large);
}

// Nobody needs more, and nobody gets to make us keep more.
static void surplus_candidates_are_left_out(void **state)
{
	GString *s = g_string_new(NULL);
	struct sdp_fragment *f;

	(void)state;
	for (int i = 0; i < SDP_CANDIDATES_MAX + 10; i++)
		g_string_append(s, CANDIDATE);
	f = read_fragment(s->str);
	assert_int_equal(f->candidate_count, SDP_CANDIDATES_MAX);
	sdp_fragment_destroy(&f);
	g_string_free(s, TRUE);
}

static void answers_a_restart(void **state)
{
	char *text = sdp_fragment_answer(&local, "audio 9 UDP/TLS/RTP/SAVPF 111", "0");

	(void)state;
	assert_string_equal(text,
			    "a=ice-lite\r\na=ice-options:trickle\r\n" PSEUDO_LINE
			    "a=ice-ufrag:serverufrag1\r\na=ice-pwd:serverpasswordserverpass\r\n"
			    "a=candidate:1 1 udp 2130706431 192.0.2.1 7000 typ host\r\n"
			    "a=end-of-candidates\r\n");
	g_free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(candidates_with_their_generation),
		cmocka_unit_test(line_ends_and_credentials_above_the_line),
		cmocka_unit_test(what_is_no_fragment),
		cmocka_unit_test(surplus_candidates_are_left_out),
		cmocka_unit_test(answers_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
