// SPDX-License-Identifier: Apache-2.0
// tests/unit/sdp/playback_test.c - a viewer's offer, tracks put on its lines, and our answer.
#include "tests/unit/sdp/fixture.h"

#include <errno.h>

#include "controlplane/session/sdp/playback.h"

#define VIEW_AUDIO                                                                                 \
	"m=audio 9 UDP/TLS/RTP/SAVPF 109 0\r\na=mid:0\r\na=rtcp-mux\r\na=recvonly\r\n"             \
	"a=rtpmap:109 opus/48000/2\r\na=rtpmap:0 PCMU/8000\r\n"
#define VIEW_VIDEO                                                                                 \
	"m=video 9 UDP/TLS/RTP/SAVPF 120 121 122\r\na=mid:1\r\na=rtcp-mux\r\na=recvonly\r\n"       \
	"a=rtpmap:120 H264/90000\r\na=fmtp:120 packetization-mode=1;profile-level-id=42e01f\r\n"   \
	"a=rtpmap:121 VP8/90000\r\na=rtcp-fb:121 nack pli\r\na=rtcp-fb:121 goog-remb\r\n"          \
	"a=rtpmap:122 H265/90000\r\n"

static struct sdp_playback *read_playback(const char *text)
{
	char reason[SDP_REASON_SIZE] = "";
	struct sdp_playback *p = NULL;

	if (sdp_playback_read(text, strlen(text), reason, &p) != 0)
		fail_msg("%s", reason);
	return p;
}

static void refused(const char *text, int err, const char *why)
{
	char reason[SDP_REASON_SIZE] = "";
	struct sdp_playback *p = NULL;

	assert_int_equal(sdp_playback_read(text, strlen(text), reason, &p), err);
	assert_null(p);
	assert_non_null(strstr(reason, why));
}

static void reads_what_can_be_played(void **state)
{
	struct sdp_playback *p = read_playback(SESSION ICE FINGERPRINT SETUP VIEW_AUDIO VIEW_VIDEO);

	(void)state;
	assert_int_equal(p->line_count, 2);
	assert_int_equal(p->lines[0].codec_count, 1);
	assert_int_equal(p->lines[1].codec_count, 2);
	assert_true(p->lines[0].receives && p->lines[1].receives);
	assert_int_equal(p->role, DTLS_PASSIVE);
	assert_string_equal(p->ice.ufrag, "abcd");
	sdp_playback_destroy(&p);
}

static void maps_by_codec_not_by_number(void **state)
{
	struct sdp_playback *p = read_playback(SESSION ICE FINGERPRINT VIEW_AUDIO VIEW_VIDEO);
	struct sdp_publication *sent = read_offer(SESSION ICE FINGERPRINT AUDIO VIDEO);
	struct sdp_pt_pair pts[SDP_TRACK_CODECS_MAX];

	(void)state;
	assert_int_equal(sdp_playback_map(&p->lines[1], &sent->tracks[1], pts), 1);
	assert_int_equal(pts[0].from, 96);
	assert_int_equal(pts[0].to, 121);
	assert_int_equal(sdp_playback_map(&p->lines[1], &sent->tracks[0], pts), 0);
	sdp_playback_destroy(&p);
	sdp_publication_destroy(&sent);
}

static void plays_red_where_the_viewer_offers_it(void **state)
{
	struct sdp_playback *p = read_playback(
		SESSION ICE FINGERPRINT
		"m=audio 9 UDP/TLS/RTP/SAVPF 109 110\r\na=mid:0\r\na=rtcp-mux\r\na=recvonly\r\n"
		"a=rtpmap:109 opus/48000/2\r\na=rtpmap:110 red/48000/2\r\na=fmtp:110 "
		"109/109\r\n" VIEW_VIDEO);
	struct sdp_publication *sent = read_offer(SESSION ICE FINGERPRINT AUDIO_RED VIDEO);
	struct sdp_pt_pair pts[SDP_TRACK_CODECS_MAX];

	(void)state;
	assert_int_equal(sdp_playback_map(&p->lines[0], &sent->tracks[0], pts), 2);
	assert_int_equal(pts[0].from, 111);
	assert_int_equal(pts[0].to, 109);
	assert_int_equal(pts[1].from, 63);
	assert_int_equal(pts[1].to, 110);
	p->lines[0].first = &sent->tracks[0];
	p->lines[0].ssrc = 77;
	char *text = sdp_playback_answer(p, &local, "room1");
	assert_non_null(strstr(text, "a=fmtp:110 109/109\r\n"));
	g_free(text);
	sdp_playback_destroy(&p);
	sdp_publication_destroy(&sent);
}

// What plays first is named first, what may follow stays; the line without a track is inactive.
static void answers_with_every_codec_served(void **state)
{
	struct sdp_playback *p = read_playback(SESSION ICE FINGERPRINT VIEW_AUDIO VIEW_VIDEO MID);
	struct sdp_publication *sent = read_offer(SESSION ICE FINGERPRINT VIDEO);
	char *text;

	(void)state;
	p->lines[1].first = &sent->tracks[0];
	p->lines[1].ssrc = 77;
	text = sdp_playback_answer(p, &local, "room1");
	assert_non_null(strstr(text, "m=video 9 UDP/TLS/RTP/SAVPF 121 120\r\n"));
	assert_non_null(strstr(text, "a=sendonly\r\n"));
	assert_non_null(strstr(text, "a=inactive\r\n"));
	assert_non_null(strstr(text, "a=msid:room1 room1-1\r\n"));
	assert_non_null(strstr(text, "a=ssrc:77 cname:room1\r\n"));
	assert_non_null(strstr(text, "a=rtcp-fb:121 nack pli\r\n"));
	assert_null(strstr(text, "goog-remb"));
	assert_non_null(strstr(text, "a=group:BUNDLE 0 1\r\n"));
	assert_non_null(strstr(text, "a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"));
	g_free(text);
	sdp_playback_destroy(&p);
	sdp_publication_destroy(&sent);
}

static void an_offer_without_lines_is_no_mistake(void **state)
{
	struct sdp_playback *none = read_playback("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\n");
	struct sdp_playback *data =
		read_playback(SESSION ICE FINGERPRINT
			      "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\n");

	(void)state;
	assert_int_equal(none->line_count, 0);
	assert_int_equal(data->line_count, 0);
	sdp_playback_destroy(&none);
	sdp_playback_destroy(&data);
}

static void refuses_what_only_sends(void **state)
{
	(void)state;
	refused(SESSION ICE FINGERPRINT VIDEO, -ENOTSUP, "m-line 1 (video, mid \"1\") is sendonly");
	refused(SESSION FINGERPRINT VIEW_VIDEO, -ENOTSUP, "ice-ufrag");
	refused("nonsense", -EINVAL, "v=0");
}

static void unplayable(const char *offer, const char *wanted)
{
	char reason[SDP_REASON_SIZE];
	struct sdp_playback *p = read_playback(offer);

	sdp_playback_refuse(p, reason);
	if (strstr(reason, wanted) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", reason, wanted);
	sdp_playback_destroy(&p);
}

static void names_the_line_that_plays_nothing(void **state)
{
	(void)state;
	unplayable("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\n", "no m-line");
	unplayable(SESSION ICE FINGERPRINT
		   "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\n",
		   "m-line 1 (application, mid \"0\"): it carries neither");
	unplayable(SESSION ICE FINGERPRINT
		   "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=rtcp-mux\r\na=recvonly\r\n"
		   "a=rtpmap:96 H265/90000\r\n",
		   "m-line 1 (video, mid \"1\"): none of its codecs is served");
	unplayable(SESSION ICE FINGERPRINT VIEW_VIDEO,
		   "m-line 1 (video, mid \"1\"): no track there is");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_can_be_played),
		cmocka_unit_test(maps_by_codec_not_by_number),
		cmocka_unit_test(plays_red_where_the_viewer_offers_it),
		cmocka_unit_test(answers_with_every_codec_served),
		cmocka_unit_test(an_offer_without_lines_is_no_mistake),
		cmocka_unit_test(refuses_what_only_sends),
		cmocka_unit_test(names_the_line_that_plays_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
