// SPDX-License-Identifier: Apache-2.0
// tests/unit/sdp/oddities_test.c - offers as clients really make them: each is served, or refused
// with a sentence that names the line.
#include "tests/unit/sdp/fixture.h"

#include <errno.h>

#define RID "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n"
#define LEVEL "urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
#define SENDTIME "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n"
#define SHA384                                                                                     \
	"a=fingerprint:sha-384 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:" \
	"16:17:18:19:1A:1B:1C:1D:1E:1F:20:21:22:23:24:25:26:27:28:29:2A:2B:2C:2D:2E:2F\r\n"
#define SHA1 "a=fingerprint:sha-1 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13\r\n"
#define BARE_VIDEO                                                                                 \
	"m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=rtcp-mux\r\na=sendonly\r\n"                \
	"a=rtpmap:96 VP8/90000\r\n"

static char *answer_to(const char *offer)
{
	struct sdp_publication *p = read_offer(offer);
	char *text = sdp_publication_answer(p, &local);

	sdp_publication_destroy(&p);
	return text;
}

static void refused(const char *offer, int err, const char *line, const char *why)
{
	char reason[SDP_REASON_SIZE] = "";
	struct sdp_publication *p;

	assert_int_equal(sdp_publication_read(offer, strlen(offer), NULL, reason, &p), err);
	assert_null(p);
	if (strstr(reason, line) == NULL || strstr(reason, why) == NULL)
		fail_msg("\"%s\" does not name \"%s\" and \"%s\"", reason, line, why);
}

static void any_codec_order(void **state)
{
	char *text = answer_to(SESSION ICE FINGERPRINT AUDIO
			       "m=video 9 UDP/TLS/RTP/SAVPF 45 97 102 98 96\r\na=mid:1\r\n"
			       "a=rtcp-mux\r\na=sendonly\r\na=rtpmap:96 VP8/90000\r\n"
			       "a=rtpmap:97 rtx/90000\r\na=rtpmap:98 VP9/90000\r\n"
			       "a=rtpmap:102 H264/90000\r\na=rtpmap:45 AV1/90000\r\n" MID);

	(void)state;
	assert_non_null(strstr(text, "m=video 9 UDP/TLS/RTP/SAVPF 45 102 98 96\r\n"));
	g_free(text);
}

// One extension under two ids: the first line's counts, and the other line goes without it.
static void different_ids_for_one_extension(void **state)
{
	struct sdp_publication *p = read_offer(SESSION ICE FINGERPRINT AUDIO
					       "a=extmap:3 " SENDTIME VIDEO "a=extmap:7 " SENDTIME);

	(void)state;
	assert_int_equal(p->tracks[0].ext.id[RTP_EXT_ABS_SEND_TIME], 3);
	assert_int_equal(p->tracks[1].ext.id[RTP_EXT_ABS_SEND_TIME], 0);
	assert_int_equal(p->ext.id[RTP_EXT_ABS_SEND_TIME], 3);
	sdp_publication_destroy(&p);
}

// One id for two extensions: what tells packets apart wins, whichever line comes first.
static void one_id_for_different_extensions(void **state)
{
	struct sdp_publication *p = read_offer(
		SESSION ICE FINGERPRINT
		"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtcp-mux\r\na=sendonly\r\n"
		"a=rtpmap:111 opus/48000/2\r\na=ssrc:11 cname:x\r\na=extmap:9 " LEVEL VIDEO);

	(void)state;
	assert_int_equal(p->tracks[0].ext.id[RTP_EXT_AUDIO_LEVEL], 0);
	assert_int_equal(p->tracks[1].ext.id[RTP_EXT_MID], 9);
	sdp_publication_destroy(&p);
}

static void mid_with_another_id_needs_an_ssrc(void **state)
{
	struct sdp_publication *p = read_offer(SESSION ICE FINGERPRINT AUDIO BARE_VIDEO
					       "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
					       "a=ssrc:22 cname:x\r\n");

	(void)state;
	assert_int_equal(p->tracks[1].encodings[0].ssrc, 22);
	assert_int_equal(p->tracks[1].ext.id[RTP_EXT_MID], 0);
	sdp_publication_destroy(&p);
	refused(SESSION ICE FINGERPRINT AUDIO BARE_VIDEO
		"a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n",
		-ENOTSUP, "m-line 2 (video, mid \"1\")", "a=ssrc");
}

static void without_any_extension(void **state)
{
	char *text = answer_to(SESSION ICE FINGERPRINT BARE_VIDEO "a=ssrc:22 cname:x\r\n");

	(void)state;
	assert_null(strstr(text, "extmap"));
	g_free(text);
	refused(SESSION ICE FINGERPRINT BARE_VIDEO, -ENOTSUP, "m-line 1 (video", "sdes:mid");
}

static void simulcast_needs_the_rid(void **state)
{
	(void)state;
	refused(SESSION ICE FINGERPRINT BARE_VIDEO MID
		"a=rid:q send\r\na=rid:h send\r\na=simulcast:send q;h\r\n",
		-ENOTSUP, "m-line 1 (video", "rtp-stream-id");
	g_free(answer_to(SESSION ICE FINGERPRINT BARE_VIDEO MID RID
			 "a=rid:q send\r\na=rid:h send\r\na=simulcast:send q;h\r\n"));
}

static void one_ssrc_on_two_lines(void **state)
{
	(void)state;
	refused(SESSION ICE FINGERPRINT AUDIO "a=ssrc:5 cname:x\r\n" VIDEO "a=ssrc:5 cname:x\r\n",
		-ENOTSUP, "m-line 2 (video", "another m-line");
}

static void no_rtcp_rsize(void **state)
{
	char *without = answer_to(SESSION ICE FINGERPRINT AUDIO);
	char *with = answer_to(SESSION ICE FINGERPRINT AUDIO "a=rtcp-rsize\r\n");

	(void)state;
	assert_null(strstr(without, "rtcp-rsize"));
	assert_non_null(strstr(with, "a=rtcp-rsize\r\n"));
	g_free(without);
	g_free(with);
}

static void sendrecv_is_received(void **state)
{
	char *text = answer_to(SESSION ICE FINGERPRINT AUDIO "a=sendrecv\r\n");

	(void)state;
	assert_non_null(strstr(text, "a=recvonly\r\n"));
	g_free(text);
}

static void active_and_strong_fingerprints(void **state)
{
	char *text = answer_to(SESSION ICE SHA384 "a=setup:active\r\n" AUDIO);
	struct sdp_publication *p = read_offer(SESSION ICE SHA1 SHA384 AUDIO);

	(void)state;
	assert_non_null(strstr(text, "a=setup:passive\r\n"));
	assert_int_equal(p->fingerprint.hash, DTLS_SHA384);
	g_free(text);
	sdp_publication_destroy(&p);
	refused(SESSION ICE SHA1 AUDIO, -ENOTSUP, "m-line 1 (audio", "sha-256");
}

static void data_channel_line_is_rejected_in_place(void **state)
{
	char *text = answer_to(SESSION ICE FINGERPRINT
			       "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\n"
			       "a=sctp-port:5000\r\n" VIDEO);

	(void)state;
	assert_non_null(strstr(text, "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"));
	assert_non_null(strstr(text, "a=group:BUNDLE 1\r\n"));
	g_free(text);
}

static void line_ends_of_any_kind(void **state)
{
	char **lines = g_strsplit(SESSION ICE FINGERPRINT AUDIO VIDEO, "\r\n", -1);
	char *lf = g_strjoinv("\n", lines);
	char *cr = g_strjoinv("\r", lines);
	char *text = answer_to(lf);

	(void)state;
	assert_non_null(strstr(text, "a=mid:1\r\n"));
	g_free(text);
	g_free(answer_to(cr));
	g_strfreev(lines);
	g_free(lf);
	g_free(cr);
}

static void one_kind_only(void **state)
{
	struct sdp_publication *audio = read_offer(SESSION ICE FINGERPRINT AUDIO);
	struct sdp_publication *video = read_offer(SESSION ICE FINGERPRINT VIDEO);

	(void)state;
	assert_int_equal(audio->track_count, 1);
	assert_int_equal(video->track_count, 1);
	assert_int_equal(video->tracks[0].kind, SDP_VIDEO);
	sdp_publication_destroy(&audio);
	sdp_publication_destroy(&video);
}

static void what_cannot_be_served_names_its_line(void **state)
{
	(void)state;
	refused(SESSION ICE FINGERPRINT AUDIO
		"m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=rtcp-mux\r\na=rtpmap:96 "
		"H265/90000\r\n",
		-ENOTSUP, "m-line 2 (video", "VP8");
	refused(SESSION ICE FINGERPRINT AUDIO
		"m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\n",
		-ENOTSUP, "m-line 2 (video", "rtcp-mux");
	refused("v=0\r\n" ICE FINGERPRINT AUDIO VIDEO, -ENOTSUP, "m-line 1 (audio", "BUNDLE");
	refused(SESSION FINGERPRINT AUDIO, -ENOTSUP, "m-line 1 (audio", "ice-ufrag");
	refused(SESSION ICE FINGERPRINT "m=audio 9 RTP/AVP 0\r\na=mid:0\r\na=rtcp-mux\r\n",
		-ENOTSUP, "m-line 1 (audio", "RTP/AVP");
	refused(SESSION ICE FINGERPRINT "m=video\r\n", -EINVAL, "m-line 1", "malformed");
	refused("this is not SDP", -EINVAL, "v=0", "session description");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_codec_order),
		cmocka_unit_test(different_ids_for_one_extension),
		cmocka_unit_test(one_id_for_different_extensions),
		cmocka_unit_test(mid_with_another_id_needs_an_ssrc),
		cmocka_unit_test(without_any_extension),
		cmocka_unit_test(simulcast_needs_the_rid),
		cmocka_unit_test(one_ssrc_on_two_lines),
		cmocka_unit_test(no_rtcp_rsize),
		cmocka_unit_test(sendrecv_is_received),
		cmocka_unit_test(active_and_strong_fingerprints),
		cmocka_unit_test(data_channel_line_is_rejected_in_place),
		cmocka_unit_test(line_ends_of_any_kind),
		cmocka_unit_test(one_kind_only),
		cmocka_unit_test(what_cannot_be_served_names_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
