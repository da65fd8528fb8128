// SPDX-License-Identifier: Apache-2.0
// tests/unit/sdp/description_test.c - what a description says, and what is refused in a sentence.
#include "tests/unit/sdp/fixture.h"

#include <errno.h>
#include <time.h>

static void reads_chromium(void **state)
{
	char *text = captured("chromium-simulcast-data.sdp");
	struct sdp_description *d = read_text(text);
	const struct sdp_media *a = &d->media[0], *v = &d->media[1];

	(void)state;
	assert_int_equal(d->media_count, 3);
	assert_false(d->ice_lite);
	assert_int_equal(a->kind, SDP_AUDIO);
	assert_int_equal(a->direction, SDP_SENDONLY);
	assert_string_equal(a->mid, "0");
	assert_true(a->rtcp_mux && a->rtcp_rsize && a->in_bundle && a->rtp && a->transport.trickle);
	assert_int_equal(a->codecs[0].codec, CODEC_OPUS);
	assert_int_equal(a->codecs[0].feedback, SDP_FEEDBACK_TWCC);
	assert_int_equal(a->ext.id[RTP_EXT_AUDIO_LEVEL], 1);
	assert_int_equal(a->ssrc_count, 1);
	assert_string_equal(a->transport.ice.ufrag, "aCvu");
	assert_int_equal(a->transport.setup, SDP_SETUP_ACTPASS);
	assert_int_equal(a->transport.fingerprint.value[0], 0xfc);
	assert_int_equal(a->candidate_count, 8);
	assert_int_equal(strncmp(a->candidates[0], "candidate:1199772844 1 udp", 26), 0);
	assert_int_equal(v->codec_count, 23);
	assert_string_equal(v->codecs[1].name, "rtx");
	assert_int_equal(v->codecs[1].apt, 96);
	assert_int_equal(v->ext.id[RTP_EXT_DEPENDENCY_DESCRIPTOR], 12);
	assert_int_equal(v->rid_send_count, 3);
	assert_string_equal(v->rids_send[2], "f");
	assert_string_equal(v->track_id, "eb2c88ac-3b91-429a-92b2-a357798811b8");
	assert_int_equal(d->media[2].kind, SDP_APPLICATION);
	g_free(text);
	sdp_description_destroy(&d);
}

static void inherits_from_session(void **state)
{
	struct sdp_description *d =
		read_text(SESSION ICE FINGERPRINT "a=ice-lite\r\na=setup:passive\r\n" AUDIO VIDEO
						  "a=ice-ufrag:own1\r\n");

	(void)state;
	assert_true(d->ice_lite);
	assert_int_equal(d->session_version, 3);
	assert_true(d->media[0].transport.has_ice && d->media[0].transport.has_fingerprint);
	assert_int_equal(d->media[0].transport.setup, SDP_SETUP_PASSIVE);
	assert_string_equal(d->media[0].transport.ice.ufrag, "abcd");
	assert_string_equal(d->media[1].transport.ice.ufrag, "own1");
	sdp_description_destroy(&d);
}

static void takes_lf_and_other_hashes(void **state)
{
	struct sdp_description *d = read_text(
		"v=0\no=- 1 1 IN IP4 0.0.0.0\ns=-\nt=0 0\n"
		"a=fingerprint:md5 AA\n"
		"a=fingerprint:sha-384 00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f:10:11:12:13:"
		"14:15:16:17:18:19:1a:1b:1c:1d:1e:1f:20:21:22:23:24:25:26:27:28:29:2a:2b:2c:2d:2e:"
		"2f\nm=audio 9 UDP/TLS/RTP/SAVPF 0\na=mid:a\n");

	(void)state;
	assert_int_equal(d->media[0].transport.fingerprint.hash, DTLS_SHA384);
	assert_int_equal(d->media[0].transport.fingerprint.size, 48);
	sdp_description_destroy(&d);
}

static void groups_ssrcs(void **state)
{
	struct sdp_description *d =
		read_text(SESSION AUDIO VIDEO "a=ssrc-group:FID 10 11\r\na=ssrc:10 cname:who\r\n"
					      "a=ssrc:11 cname:who\r\na=ssrc:10 msid:s t\r\n");
	const struct sdp_media *v = &d->media[1];

	(void)state;
	assert_int_equal(v->ssrc_count, 2);
	assert_int_equal(v->ssrcs[0].ssrc, 10);
	assert_int_equal(v->ssrcs[0].repairs, 0);
	assert_int_equal(v->ssrcs[1].repairs, 10);
	assert_string_equal(v->cname, "who");
	assert_string_equal(v->stream_id, "s");
	assert_string_equal(v->track_id, "t");
	sdp_description_destroy(&d);
}

struct refused {
	const char *text;
	const char *line; // both have to be in the sentence: where
	const char *what; // and what
};

static const struct refused refusals[] = {
	{SESSION ICE SETUP AUDIO VIDEO, "m-line 1 (audio, mid \"0\")", "a=fingerprint"},
	{SESSION FINGERPRINT SETUP AUDIO VIDEO, "m-line 1", "a=ice-ufrag"},
	{SESSION "a=ice-ufrag:abcd\r\n" FINGERPRINT AUDIO VIDEO, "m-line 1", "a=ice-pwd"},
	{SESSION "a=ice-ufrag:a\r\na=ice-pwd:b\r\n" FINGERPRINT AUDIO, "m-line 1", "malformed"},
	{SESSION ICE FINGERPRINT AUDIO
	 "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\n",
	 "m-line 2 (video, mid \"1\")", "a=rtcp-mux"},
	{SESSION ICE FINGERPRINT AUDIO
	 "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:x\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n",
	 "mid \"x\"", "BUNDLE"},
	{SESSION ICE FINGERPRINT "m=audio 9 RTP/AVP 0\r\na=mid:0\r\n", "m-line 1", "RTP/AVP"},
	{SESSION ICE FINGERPRINT AUDIO AUDIO, "m-line 2", "mid \"0\""},
	{SESSION ICE FINGERPRINT "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=sendonly\r\n"
				 "a=rtcp-mux\r\na=rtpmap:96 H265/90000\r\n",
	 "m-line 1 (video)", "VP8, VP9, H264 or AV1"},
	{SESSION "a=fingerprint:sha-256 AA:BB\r\n", "", "a=fingerprint:sha-256 AA:BB"},
	{SESSION AUDIO "a=setup:holdconn\r\n", "m-line 1", "holdconn"},
	{SESSION "m=audio 9 UDP/TLS/RTP/SAVPF 200\r\n", "m-line 1", "payload type 200"},
	{SESSION "m=audio 9 UDP/TLS/RTP/SAVPF\r\n", "m-line 1", "malformed"},
	{SESSION AUDIO "a=mid:12345678901234567\r\n", "m-line 1", "a=mid:"},
	{"hello", "", "v=0"},
	{"", "", "v=0"},
	{"v=0\r\nnonsense\r\n", "line 2", "<letter>=<value>"},
	{"v=0\r\ns=\x01\r\n", "offset 7", "0x01"},
	{"v=0\r\ns=\xff\r\n", "offset 7", "UTF-8"},
};

static void refuses_in_a_sentence(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refused *r = &refusals[i];
		char reason[SDP_REASON_SIZE] = "";
		struct sdp_publication *p;

		int err = sdp_publication_read(r->text, strlen(r->text), NULL, reason, &p);

		assert_true(err == -EINVAL || err == -ENOTSUP); // which: oddities_test.c
		assert_null(p);
		if (strstr(reason, r->line) == NULL || strstr(reason, r->what) == NULL)
			fail_msg("%zu: \"%s\" names neither \"%s\" nor \"%s\"", i, reason, r->line,
				 r->what);
	}
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

// 'head', then 'piece' over and over up to 'size' bytes. Has to be refused, within 'seconds_max'.
static void refuses_flood(const char *head, const char *piece, size_t size)
{
	char reason[SDP_REASON_SIZE] = "";
	GString *text = g_string_new(head);
	struct sdp_publication *p;
	double start;

	while (text->len < size)
		g_string_append(text, piece);
	start = seconds();
	assert_int_equal(sdp_publication_read(text->str, text->len, NULL, reason, &p), -E2BIG);
	assert_true(seconds() - start < 0.1);
	assert_true(strstr(reason, "at most") != NULL);
	g_string_free(text, TRUE);
}

static void refuses_floods_quickly(void **state)
{
	(void)state;
	refuses_flood(SESSION ICE FINGERPRINT AUDIO, "a=x-attribute:1\r\n", 1 << 20);
	refuses_flood(SESSION AUDIO, "a=x\n", 200 * 1024);
	refuses_flood("v=0\n", "m=audio 9 RTP/AVP 0\n", 200 * 1024);
	refuses_flood("v=0\nm=audio 9 RTP/AVP", " 1", 200 * 1024);
	refuses_flood("v=0\nm=audio 9 UDP/TLS/RTP/SAVPF", " 1", 4000);
	refuses_flood(SESSION AUDIO "a=fmtp:111 ", "x", 200 * 1024);
}

static void takes_the_largest_quickly(void **state)
{
	GString *text = g_string_new("v=0\na=group:BUNDLE");
	struct sdp_description *d;
	double start;

	(void)state;
	while (text->len < 4000)
		g_string_append(text, " q");
	for (unsigned i = 0; i < SDP_MEDIA_MAX; i++) {
		g_string_append_printf(text, "\nm=video 9 UDP/TLS/RTP/SAVPF 96\na=mid:%u", i);
		for (unsigned k = 0; k < 60; k++)
			g_string_append(text, "\na=rtcp-fb:96 x");
	}
	start = seconds();
	d = read_text(text->str);
	assert_true(seconds() - start < 0.5);
	assert_int_equal(d->media_count, SDP_MEDIA_MAX);
	sdp_description_destroy(&d);
	g_string_free(text, TRUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_chromium),
		cmocka_unit_test(inherits_from_session),
		cmocka_unit_test(takes_lf_and_other_hashes),
		cmocka_unit_test(groups_ssrcs),
		cmocka_unit_test(refuses_in_a_sentence),
		cmocka_unit_test(refuses_floods_quickly),
		cmocka_unit_test(takes_the_largest_quickly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
