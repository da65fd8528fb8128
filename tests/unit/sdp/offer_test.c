// SPDX-License-Identifier: Apache-2.0
// tests/unit/sdp/offer_test.c - lines of a subscriber over several offers and answers.
#include "tests/unit/sdp/fixture.h"

#include "controlplane/session/sdp/offer.h"

#include <errno.h>

#define ANSWER "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n"
#define NEW_ICE "a=ice-ufrag:efgh\r\na=ice-pwd:543210fedcba9876543210\r\n"
#define ACTIVE "a=setup:active\r\n"
#define TAKES_AUDIO                                                                                \
	"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtcp-mux\r\na=recvonly\r\n"               \
	"a=rtpmap:111 opus/48000/2\r\na=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
#define TAKES_VIDEO                                                                                \
	"m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=rtcp-mux\r\na=recvonly\r\n"                \
	"a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 nack\r\n"

struct room {
	struct sdp_publication *publisher;
	struct sdp_subscriber *subscriber;
};

// One publisher with audio and video, on lines 0 and 1 of a subscriber that has been offered them.
static void add(struct room *r, unsigned track, uint32_t ssrc, int line)
{
	char id[16];
	struct sdp_source source = {"alice",	id, "sluice", ssrc, &r->publisher->tracks[track],
				    1000 + ssrc};

	g_snprintf(id, sizeof(id), "track%u", ssrc);
	assert_int_equal(sdp_subscriber_add(r->subscriber, &source), line);
}

static struct sdp_description *offer(struct room *r)
{
	char *text = sdp_subscriber_offer(r->subscriber, &local);
	struct sdp_description *d = read_text(text);

	g_free(text);
	return d;
}

static void open_room(struct room *r, const char *publisher_offer)
{
	struct sdp_description *d;

	r->publisher = read_offer(publisher_offer);
	r->subscriber = sdp_subscriber_create();
	assert_null(sdp_subscriber_offer(r->subscriber, &local));
	add(r, 0, 100, 0);
	add(r, 1, 101, 1);
	d = offer(r);
	sdp_description_destroy(&d);
}

static void close_room(struct room *r)
{
	sdp_publication_destroy(&r->publisher);
	sdp_subscriber_destroy(&r->subscriber);
}

static int answer(struct room *r, const char *text, struct sdp_subscriber_answer *out, char *reason)
{
	int err = sdp_subscriber_take_answer(r->subscriber, text, strlen(text), reason, out);

	g_strfreev(out->candidates);
	return err;
}

static const struct sdp_line *line(const struct room *r, int index)
{
	return sdp_subscriber_line(r->subscriber, index);
}

static void accepts(void **state)
{
	struct room r;
	struct sdp_subscriber_answer a;
	char reason[SDP_REASON_SIZE] = "";

	(void)state;
	open_room(&r, SESSION ICE FINGERPRINT AUDIO VIDEO);
	assert_int_equal(line(&r, 1)->state, SDP_LINE_OFFERED);
	assert_int_equal(
		answer(&r, ANSWER ICE FINGERPRINT ACTIVE TAKES_AUDIO TAKES_VIDEO, &a, reason), 0);
	assert_true(a.has_transport && !a.ice_changed);
	assert_int_equal(a.role, DTLS_PASSIVE);
	assert_string_equal(a.ice.ufrag, "abcd");
	assert_int_equal(line(&r, 0)->state, SDP_LINE_ACCEPTED);
	assert_int_equal(line(&r, 0)->ext.id[RTP_EXT_MID], 1);
	assert_int_equal(line(&r, 0)->ext.id[RTP_EXT_ABS_SEND_TIME], 0);
	assert_int_equal(line(&r, 1)->pt_count, 1);
	assert_int_equal(line(&r, 1)->pts[0].from, 96);
	assert_int_equal(line(&r, 1)->pts[0].to, 96);
	assert_int_equal(line(&r, 1)->pts[0].rtx, 0); // not taken
	assert_int_equal(line(&r, 1)->feedback, SDP_FEEDBACK_PLI | SDP_FEEDBACK_NACK);
	assert_int_equal(
		answer(&r,
		       ANSWER
		       "a=ice-ufrag:efgh\r\na=ice-pwd:0123456789abcdef012345\r\n" FINGERPRINT ACTIVE
			       TAKES_AUDIO TAKES_VIDEO,
		       &a, reason),
		0);
	assert_true(a.ice_changed && !a.fingerprint_changed);
	close_room(&r);
}

static void takes_rtx(void **state)
{
	static const char takes[] = ANSWER ICE FINGERPRINT ACTIVE TAKES_AUDIO
		"m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:1\r\na=rtcp-mux\r\na=recvonly\r\n"
		"a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\n"
		"a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n";
	struct room r;
	struct sdp_subscriber_answer a;
	char reason[SDP_REASON_SIZE] = "";

	(void)state;
	open_room(&r, SESSION ICE FINGERPRINT AUDIO VIDEO);
	assert_int_equal(answer(&r, takes, &a, reason), 0);
	assert_int_equal(line(&r, 1)->pt_count, 1);
	assert_int_equal(line(&r, 1)->pts[0].rtx, 97);
	assert_int_equal(line(&r, 1)->rtx_ssrc, line(&r, 1)->ssrc + 1000);
	close_room(&r);
}

static void offer_says(void **state)
{
	char *publisher = captured("chromium-simulcast-data.sdp");
	struct room r;
	struct sdp_description *d;
	const struct sdp_media *v;

	(void)state;
	open_room(&r, publisher);
	d = offer(&r);
	v = &d->media[1];
	assert_int_equal(d->media_count, 2);
	assert_int_equal(v->direction, SDP_SENDONLY);
	assert_true(v->in_bundle && v->rtcp_mux && v->extmap_allow_mixed);
	assert_int_equal(v->transport.setup, SDP_SETUP_ACTPASS);
	assert_string_equal(v->stream_id, "alice");
	assert_string_equal(v->track_id, "track101");
	assert_string_equal(v->cname, "sluice");
	assert_int_equal(v->ssrcs[0].ssrc, 101);
	assert_int_equal(v->ssrc_count, 2);
	assert_int_equal(v->ssrcs[1].ssrc, 1101);
	assert_int_equal(v->ssrcs[1].repairs, 101);
	assert_int_equal(v->rid_send_count, 0);
	assert_int_equal(v->ext.id[RTP_EXT_RID], 0);
	assert_int_not_equal(v->ext.id[RTP_EXT_DEPENDENCY_DESCRIPTOR], 0);
	assert_int_equal(v->ext.id[RTP_EXT_MID], d->media[0].ext.id[RTP_EXT_MID]);
	assert_int_equal(v->codec_count, 2 * r.publisher->tracks[1].codec_count);
	for (size_t i = 0; i < v->codec_count; i += 2) {
		assert_int_equal(v->codecs[i].feedback, SDP_FEEDBACK_SERVED);
		assert_int_equal(v->codecs[i + 1].apt, v->codecs[i].pt);
	}
	g_free(publisher);
	sdp_description_destroy(&d);
	close_room(&r);
}

static void lines_stay_and_are_used_again(void **state)
{
	struct room r;
	struct sdp_description *d;

	(void)state;
	open_room(&r, SESSION ICE FINGERPRINT AUDIO VIDEO);
	sdp_subscriber_remove(r.subscriber, 1);
	d = offer(&r);
	assert_int_equal(d->media_count, 2);
	assert_int_equal(d->media[1].direction, SDP_INACTIVE);
	assert_int_equal(d->media[1].ssrc_count, 0);
	assert_string_equal(d->media[1].track_id, "");
	assert_false(d->media[1].rejected);
	sdp_description_destroy(&d);
	add(&r, 0, 102, 2); // audio: not on the video's line
	add(&r, 1, 103, 1);
	d = offer(&r);
	assert_int_equal(d->media_count, 3);
	assert_string_equal(d->media[1].mid, "1");
	assert_string_equal(d->media[1].track_id, "track103");
	assert_string_equal(d->media[2].mid, "2");
	sdp_description_destroy(&d);
	close_room(&r);
}

static void a_closed_line_gets_a_new_mid(void **state)
{
	struct room r;
	struct sdp_subscriber_answer a;
	struct sdp_description *d;
	char reason[SDP_REASON_SIZE] = "";

	(void)state;
	open_room(&r, SESSION ICE FINGERPRINT AUDIO VIDEO);
	assert_int_equal(answer(&r,
				ANSWER ICE FINGERPRINT ACTIVE TAKES_AUDIO
				"m=video 0 UDP/TLS/RTP/SAVPF 96\r\n",
				&a, reason),
			 0);
	assert_int_equal(line(&r, 1)->state, SDP_LINE_REFUSED);
	d = offer(&r);
	assert_true(d->media[1].rejected && !d->media[1].in_bundle);
	sdp_description_destroy(&d);
	sdp_subscriber_remove(r.subscriber, 1);
	add(&r, 1, 103, 1);
	d = offer(&r);
	assert_false(d->media[1].rejected);
	assert_string_equal(d->media[1].mid, "2");
	sdp_description_destroy(&d);
	close_room(&r);
}

static void refused_lines(void **state)
{
	struct room r;
	struct sdp_subscriber_answer a;
	char reason[SDP_REASON_SIZE] = "";

	(void)state;
	open_room(&r, SESSION ICE FINGERPRINT AUDIO VIDEO);
	assert_int_equal(answer(&r,
				ANSWER ICE FINGERPRINT ACTIVE TAKES_AUDIO
				"a=inactive\r\n"
				"m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=rtcp-mux\r\n"
				"a=rtpmap:96 VP9/90000\r\n",
				&a, reason),
			 0);
	assert_int_equal(line(&r, 0)->state, SDP_LINE_REFUSED); // inactive
	assert_int_equal(line(&r, 1)->state, SDP_LINE_REFUSED); // 96 was VP8
	assert_int_equal(line(&r, 1)->pt_count, 0);
	close_room(&r);
}

// What changed hands after the offer is not what the answer speaks of.
static void answers_are_to_the_offer(void **state)
{
	struct room r;
	struct sdp_subscriber_answer a;
	char reason[SDP_REASON_SIZE] = "";

	(void)state;
	open_room(&r, SESSION ICE FINGERPRINT AUDIO VIDEO);
	sdp_subscriber_remove(r.subscriber, 1);
	add(&r, 1, 102, 1);
	add(&r, 1, 103, 2);
	assert_int_equal(
		answer(&r, ANSWER ICE FINGERPRINT ACTIVE TAKES_AUDIO TAKES_VIDEO, &a, reason), 0);
	assert_int_equal(line(&r, 0)->state, SDP_LINE_ACCEPTED);
	assert_int_equal(line(&r, 1)->state, SDP_LINE_OFFERED);
	assert_int_equal(line(&r, 2)->state, SDP_LINE_OFFERED);
	close_room(&r);
}

static const struct {
	const char *text;
	const char *what;
} bad_answers[] = {
	{ANSWER ICE FINGERPRINT ACTIVE TAKES_AUDIO, "the offer has 2"},
	{ANSWER ICE FINGERPRINT ACTIVE TAKES_VIDEO TAKES_AUDIO, "m-line 1 is video"},
	{ANSWER ICE FINGERPRINT ACTIVE TAKES_AUDIO TAKES_VIDEO "a=mid:7\r\n", "mid \"7\""},
	{ANSWER FINGERPRINT ACTIVE TAKES_AUDIO TAKES_VIDEO, "a=ice-ufrag"},
	{ANSWER ICE ACTIVE TAKES_AUDIO TAKES_VIDEO, "a=fingerprint"},
	{ANSWER ICE FINGERPRINT SETUP TAKES_AUDIO TAKES_VIDEO, "a=setup:actpass"},
};

static void bad_answers_change_nothing(void **state)
{
	struct room r;

	(void)state;
	open_room(&r, SESSION ICE FINGERPRINT AUDIO VIDEO);
	for (size_t i = 0; i < sizeof(bad_answers) / sizeof(bad_answers[0]); i++) {
		struct sdp_subscriber_answer a;
		char reason[SDP_REASON_SIZE] = "";

		assert_int_equal(answer(&r, bad_answers[i].text, &a, reason), -EINVAL);
		if (strstr(reason, bad_answers[i].what) == NULL)
			fail_msg("%zu: \"%s\" does not name \"%s\"", i, reason,
				 bad_answers[i].what);
		assert_int_equal(line(&r, 0)->state, SDP_LINE_OFFERED);
		assert_int_equal(line(&r, 1)->state, SDP_LINE_OFFERED);
	}
	close_room(&r);
}

// RFC 8839 4.4.1.1.1: an offer with new credentials is answered with new ones.
static void a_restart_is_answered_with_new_credentials(void **state)
{
	static const char before[] = ANSWER ICE FINGERPRINT ACTIVE TAKES_AUDIO TAKES_VIDEO;
	static const char after[] = ANSWER NEW_ICE FINGERPRINT ACTIVE TAKES_AUDIO TAKES_VIDEO;
	struct sdp_local restarting = local;
	struct sdp_subscriber_answer a;
	char reason[SDP_REASON_SIZE] = "";
	struct room r;

	(void)state;
	open_room(&r, SESSION ICE FINGERPRINT AUDIO VIDEO);
	assert_int_equal(answer(&r, before, &a, reason), 0);
	g_free(sdp_subscriber_offer(r.subscriber, &local));
	assert_int_equal(answer(&r, before, &a, reason), 0); // no restart
	strcpy(restarting.ice.ufrag, "serverufrag2");
	for (unsigned offers = 0; offers < 2; offers++) { // whether it is repeated or not
		g_free(sdp_subscriber_offer(r.subscriber, &restarting));
		assert_int_equal(answer(&r, before, &a, reason), -EINVAL);
		assert_non_null(strstr(reason, "restarts ICE"));
	}
	assert_int_equal(answer(&r, after, &a, reason), 0);
	assert_true(a.ice_changed);
	assert_string_equal(a.ice.ufrag, "efgh");
	g_free(sdp_subscriber_offer(r.subscriber, &restarting));
	assert_int_equal(answer(&r, after, &a, reason), 0); // nor is this one
	assert_int_equal(answer(&r, before, &a, reason), -EINVAL);
	close_room(&r);
}

// Two publishers number their codecs against each other; the subscriber sees one numbering.
static void payload_types_agree_over_lines(void **state)
{
	struct room r;
	struct sdp_publication *other =
		read_offer(SESSION ICE FINGERPRINT AUDIO
			   "m=video 9 UDP/TLS/RTP/SAVPF 96 98\r\na=mid:1\r\na=rtcp-mux\r\n"
			   "a=rtpmap:96 H264/90000\r\na=rtpmap:98 VP8/90000\r\n" MID);
	struct sdp_source source = {"bob", "cam", "sluice", 200, &other->tracks[1]};
	struct sdp_description *d;

	(void)state;
	open_room(&r, SESSION ICE FINGERPRINT AUDIO VIDEO);
	assert_int_equal(sdp_subscriber_add(r.subscriber, &source), 2);
	d = offer(&r);
	assert_int_equal(d->media[1].codecs[0].pt, 96); // VP8
	assert_int_equal(d->media[2].codecs[0].codec, CODEC_H264); // the order is the publisher's
	assert_int_not_equal(d->media[2].codecs[0].pt, 96);
	assert_int_equal(d->media[2].codecs[2].pt, 96);
	assert_int_equal(d->media[2].codecs[3].pt, d->media[1].codecs[1].pt); // its RTX
	sdp_description_destroy(&d);
	sdp_publication_destroy(&other);
	close_room(&r);
}

// The second publisher numbers both the other way round; its RED carries our Opus all the same.
static void red_carries_our_opus(void **state)
{
	static const char other[] = SESSION ICE FINGERPRINT
		"m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\na=mid:0\r\na=rtcp-mux\r\na=sendonly\r\n"
		"a=rtpmap:63 opus/48000/2\r\na=fmtp:63 useinbandfec=1\r\n"
		"a=rtpmap:111 red/48000/2\r\na=fmtp:111 63/63\r\n" MID VIDEO;
	static const char takes_red[] = "m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\na=mid:2\r\n"
					"a=rtcp-mux\r\na=recvonly\r\na=rtpmap:111 opus/48000/2\r\n"
					"a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n";
	struct room r;
	struct sdp_subscriber_answer a;
	char reason[SDP_REASON_SIZE] = "";
	struct sdp_publication *second = read_offer(other);
	struct sdp_source source = {"bob", "red", "sluice", 500, &second->tracks[0], 0};

	(void)state;
	open_room(&r, SESSION ICE FINGERPRINT AUDIO_RED VIDEO);
	assert_int_equal(sdp_subscriber_add(r.subscriber, &source), 2);
	struct sdp_description *d = offer(&r);
	assert_int_equal(d->media[2].codec_count, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(d->media[2].codecs[i].pt,
				 d->media[2].codecs[i].codec == CODEC_RED ? 63 : 111);
		if (d->media[2].codecs[i].codec == CODEC_RED)
			assert_string_equal(d->media[2].codecs[i].fmtp, "111/111");
	}
	sdp_description_destroy(&d);
	char *text = g_strconcat(ANSWER, ICE, FINGERPRINT, ACTIVE, TAKES_AUDIO, TAKES_VIDEO,
				 takes_red, NULL);
	char **parts = g_strsplit(text, "BUNDLE 0 1", 2);
	char *whole = g_strjoinv("BUNDLE 0 1 2", parts);
	if (answer(&r, whole, &a, reason) != 0)
		fail_msg("%s", reason);
	assert_int_equal(line(&r, 0)->pt_count, 1); // Opus alone
	assert_int_equal(line(&r, 0)->pts[0].to, 111);
	assert_int_equal(line(&r, 2)->pt_count, 2);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(line(&r, 2)->pts[i].from + line(&r, 2)->pts[i].to, 111 + 63);
	g_strfreev(parts);
	g_free(whole);
	g_free(text);
	sdp_publication_destroy(&second);
	close_room(&r);
}

static void ids_are_checked(void **state)
{
	struct room r;
	struct sdp_source source = {"al ice", "cam", "sluice", 200, NULL};

	(void)state;
	open_room(&r, SESSION ICE FINGERPRINT AUDIO VIDEO);
	source.track = &r.publisher->tracks[1];
	assert_int_equal(sdp_subscriber_add(r.subscriber, &source), -EINVAL);
	source.stream_id = "";
	assert_int_equal(sdp_subscriber_add(r.subscriber, &source), -EINVAL);
	source.stream_id = "alice\r\na=x";
	assert_int_equal(sdp_subscriber_add(r.subscriber, &source), -EINVAL);
	close_room(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts),
		cmocka_unit_test(takes_rtx),
		cmocka_unit_test(offer_says),
		cmocka_unit_test(lines_stay_and_are_used_again),
		cmocka_unit_test(a_closed_line_gets_a_new_mid),
		cmocka_unit_test(refused_lines),
		cmocka_unit_test(answers_are_to_the_offer),
		cmocka_unit_test(bad_answers_change_nothing),
		cmocka_unit_test(a_restart_is_answered_with_new_credentials),
		cmocka_unit_test(payload_types_agree_over_lines),
		cmocka_unit_test(red_carries_our_opus),
		cmocka_unit_test(ids_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
