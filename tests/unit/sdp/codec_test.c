// SPDX-License-Identifier: Apache-2.0
// tests/unit/sdp/codec_test.c - which payload types are the same codec.
#include "tests/unit/sdp/fixture.h"

#include "controlplane/session/sdp/payload_types.h"

static struct sdp_codec make(enum codec codec, uint8_t pt, const char *fmtp)
{
	struct sdp_codec c = {.codec = codec, .clock_rate = 90000, .channels = 1, .pt = pt};

	strcpy(c.fmtp, fmtp);
	return c;
}

struct pair {
	enum codec codec;
	const char *a;
	const char *b;
	bool equal;
};

static const struct pair pairs[] = {
	{CODEC_VP8, "", "max-fr=30", true},
	{CODEC_VP9, "", "profile-id=0", true},
	{CODEC_VP9, "profile-id=0", "profile-id=2", false},
	{CODEC_AV1, "level-idx=5;profile=0;tier=0", "", true},
	{CODEC_AV1, "profile=1", "", false},
	{CODEC_H264, "profile-level-id=42e01f;packetization-mode=1",
	 "packetization-mode=1;profile-level-id=42e034", true}, // level differs
	{CODEC_H264, "profile-level-id=42e01f;packetization-mode=1",
	 "PROFILE-LEVEL-ID=42C01F; packetization-mode=1", true}, // both constrained baseline
	{CODEC_H264, "profile-level-id=42e01f", "profile-level-id=4d801f", true}, // the same
	{CODEC_H264, "profile-level-id=42e01f", "profile-level-id=42001f", false},
	{CODEC_H264, "profile-level-id=42001f", "", true}, // baseline is the default
	{CODEC_H264, "profile-level-id=640c1f", "profile-level-id=64001f", false},
	{CODEC_H264, "packetization-mode=1", "packetization-mode=0", false},
	{CODEC_H264, "packetization-mode=0", "", true},
	{CODEC_NONE, "", "", false},
};

static void equality(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct sdp_codec a = make(pairs[i].codec, 96, pairs[i].a);
		struct sdp_codec b = make(pairs[i].codec, 97, pairs[i].b);

		if (sdp_codec_equal(&a, &b) != pairs[i].equal ||
		    sdp_codec_equal(&b, &a) != pairs[i].equal)
			fail_msg("%zu: \"%s\" and \"%s\"", i, pairs[i].a, pairs[i].b);
	}
}

static void red_carries_one_codec(void **state)
{
	static const struct {
		const char *fmtp;
		uint8_t pt;
	} cases[] = {
		{"111/111", 111},	   {"96/96/96", 96},
		{"111/112", SDP_PT_NONE},  {"111", SDP_PT_NONE},
		{"", SDP_PT_NONE},	   {"111/", SDP_PT_NONE},
		{"x/x", SDP_PT_NONE},	   {"0/0", 0},
		{"128/128", SDP_PT_NONE},  {"111/111;", SDP_PT_NONE},
		{"111 /111", SDP_PT_NONE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sdp_codec red = make(CODEC_RED, 63, cases[i].fmtp);
		if (sdp_red_carries(&red) != cases[i].pt)
			fail_msg("\"%s\"", cases[i].fmtp);
	}
}

static void names(void **state)
{
	(void)state;
	assert_int_equal(sdp_codec_find(SDP_AUDIO, "RED", 48000, 2), CODEC_RED);
	assert_int_equal(sdp_codec_find(SDP_VIDEO, "red", 90000, 1), CODEC_NONE);
	assert_int_equal(sdp_codec_find(SDP_AUDIO, "OPUS", 48000, 2), CODEC_OPUS);
	assert_int_equal(sdp_codec_find(SDP_AUDIO, "opus", 48000, 1), CODEC_NONE);
	assert_int_equal(sdp_codec_find(SDP_AUDIO, "VP8", 90000, 1), CODEC_NONE);
	assert_int_equal(sdp_codec_find(SDP_VIDEO, "h264", 90000, 1), CODEC_H264);
	assert_int_equal(sdp_codec_find(SDP_VIDEO, "rtx", 90000, 1), CODEC_NONE);
	assert_string_equal(sdp_codec_mime(CODEC_AV1), "video/AV1");
}

static void one_meaning_per_payload_type(void **state)
{
	struct sdp_pt_table table = {0};
	struct sdp_codec vp8 = make(CODEC_VP8, 96, ""), vp9 = make(CODEC_VP9, 96, "");
	struct sdp_codec odd = make(CODEC_AV1, 70, "");

	(void)state;
	assert_int_equal(sdp_pt_assign(&table, &vp8)->pt, 96);
	assert_int_equal(sdp_pt_assign(&table, &vp9)->pt, 98); // 96 is taken, 97 repairs it
	vp8.pt = 120;
	assert_int_equal(sdp_pt_assign(&table, &vp8)->pt, 96); // already there
	assert_int_equal(sdp_pt_assign(&table, &odd)->pt, 100); // 64..95 is RTCP's
}

// With each of the 61 numbers taken, parameters that don't decide have to give way.
static void payload_types_run_out(void **state)
{
	struct sdp_pt_table table = {0};
	struct sdp_codec c = make(CODEC_VP8, 96, "");
	bool seen[SDP_PT_MAX + 1] = {false};

	(void)state;
	for (unsigned i = 0; i < 31; i++) { // in pairs with RTX, the last one alone
		const struct sdp_codec *got;

		g_snprintf(c.fmtp, sizeof(c.fmtp), "max-fr=%u", i);
		got = sdp_pt_assign(&table, &c);
		assert_non_null(got);
		assert_false(seen[got->pt]);
		assert_true((got->pt >= 96 && got->pt <= 127) || (got->pt >= 35 && got->pt <= 63));
		seen[got->pt] = true;
		assert_int_equal(got->rtx == 0, i == 30);
		assert_false(seen[got->rtx]);
		seen[got->rtx] = got->rtx != 0;
	}
	strcpy(c.fmtp, "max-fr=99");
	assert_non_null(sdp_pt_assign(&table, &c));
	c.codec = CODEC_VP9;
	assert_null(sdp_pt_assign(&table, &c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equality),
		cmocka_unit_test(red_carries_one_codec),
		cmocka_unit_test(names),
		cmocka_unit_test(one_meaning_per_payload_type),
		cmocka_unit_test(payload_types_run_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
