// SPDX-License-Identifier: Apache-2.0
// tests/unit/sdp/negotiate_test.c - what is taken of a publisher's offer, and what the answer says.
#include "tests/unit/sdp/fixture.h"

#include <errno.h>

static struct sdp_description *answer_to(const char *offer)
{
	struct sdp_publication *p = read_offer(offer);
	char *text = sdp_publication_answer(p, &local);
	struct sdp_description *d = read_text(text);

	g_free(text);
	sdp_publication_destroy(&p);
	return d;
}

static void tracks_of_chromium(void **state)
{
	char *text = captured("chromium-publish.sdp");
	struct sdp_publication *p = read_offer(text);
	const struct sdp_track *v = &p->tracks[1];

	(void)state;
	assert_int_equal(p->track_count, 2);
	assert_true(p->has_transport && !p->ice_restart);
	assert_int_equal(p->role, DTLS_PASSIVE);
	assert_int_equal(p->tracks[0].codec_count, 2);
	assert_int_equal(p->tracks[0].codecs[0].pt, 111);
	assert_int_equal(p->tracks[0].codecs[1].codec, CODEC_RED);
	assert_string_equal(p->tracks[0].codecs[0].fmtp, "minptime=10;useinbandfec=1");
	assert_true(v->sending);
	assert_int_equal(v->codecs[0].codec, CODEC_VP8);
	for (size_t i = 0; i < v->codec_count; i++) {
		assert_int_not_equal(v->codecs[i].codec, CODEC_NONE);
		assert_int_equal(v->codecs[i].feedback, SDP_FEEDBACK_SERVED);
	}
	assert_int_equal(v->encoding_count, 1);
	assert_int_not_equal(v->encodings[0].ssrc, 0);
	assert_string_equal(v->encodings[0].rid, "");
	assert_int_equal(p->ext.id[RTP_EXT_MID], v->ext.id[RTP_EXT_MID]);
	g_free(text);
	sdp_publication_destroy(&p);
}

static void answers_simulcast_and_data_channel(void **state)
{
	char *offer = captured("chromium-simulcast-data.sdp");
	struct sdp_publication *p = read_offer(offer);
	char *text = sdp_publication_answer(p, &local);
	struct sdp_description *d = read_text(text);

	(void)state;
	assert_int_equal(p->tracks[1].encoding_count, 3);
	assert_string_equal(p->tracks[1].encodings[0].rid, "q");
	assert_int_equal(p->tracks[1].encodings[0].ssrc, 0);
	assert_non_null(strstr(text, "a=rid:q recv\r\na=rid:h recv\r\na=rid:f recv\r\n"
				     "a=simulcast:recv q;h;f\r\n"));
	assert_int_equal(d->media_count, 3);
	assert_true(d->media[2].rejected);
	assert_string_equal(d->media[2].formats[0], "webrtc-datachannel");
	assert_false(d->media[2].in_bundle);
	g_free(text);
	g_free(offer);
	sdp_publication_destroy(&p);
	sdp_description_destroy(&d);
}

static void answers_red_of_opus_alone(void **state)
{
	struct sdp_publication *p = read_offer(SESSION ICE FINGERPRINT AUDIO_RED VIDEO);
	char *text = sdp_publication_answer(p, &local);

	(void)state;
	assert_int_equal(p->tracks[0].codec_count, 2);
	assert_int_equal(p->tracks[0].codecs[1].codec, CODEC_RED);
	assert_non_null(strstr(text, "m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\n"));
	assert_non_null(strstr(text, "a=rtpmap:63 red/48000/2\r\n"));
	assert_non_null(strstr(text, "a=fmtp:63 111/111\r\n"));
	assert_null(strstr(text, "a=rtcp-fb:63 nack"));
	g_free(text);
	sdp_publication_destroy(&p);
	// Of PCMU, of what is not there, of nothing.
	p = read_offer(SESSION ICE FINGERPRINT
		       "m=audio 9 UDP/TLS/RTP/SAVPF 111 0 61 62 63\r\na=mid:0\r\na=rtcp-mux\r\n"
		       "a=rtpmap:111 opus/48000/2\r\na=rtpmap:61 red/48000/2\r\na=fmtp:61 0/0\r\n"
		       "a=rtpmap:62 red/48000/2\r\na=fmtp:62 110/110\r\n"
		       "a=rtpmap:63 red/48000/2\r\n" MID VIDEO);
	assert_int_equal(p->tracks[0].codec_count, 1);
	assert_int_equal(p->tracks[0].codecs[0].codec, CODEC_OPUS);
	sdp_publication_destroy(&p);
}

static void says_only_what_is_served(void **state)
{
	char *offer = captured("chromium-publish.sdp");
	struct sdp_description *d = answer_to(offer);

	(void)state;
	assert_true(d->ice_lite);
	assert_int_equal(d->session_version, local.session_version);
	for (size_t i = 0; i < d->media_count; i++) {
		const struct sdp_media *m = &d->media[i];

		assert_int_equal(m->direction, SDP_RECVONLY);
		assert_true(m->rtcp_mux && m->rtcp_rsize && m->in_bundle);
		assert_string_equal(m->transport.ice.ufrag, local.ice.ufrag);
		assert_int_equal(m->transport.setup, SDP_SETUP_PASSIVE);
		assert_true(dtls_fingerprint_equal(&m->transport.fingerprint, &local.fingerprint));
		assert_int_equal(m->candidate_count, i == 0);
		assert_int_equal(m->end_of_candidates, i == 0);
		for (size_t k = 0; k < m->codec_count; k++) {
			assert_true(m->codecs[k].codec != CODEC_NONE ||
				    m->codecs[k].apt != SDP_PT_NONE);
			assert_int_equal(m->codecs[k].feedback & ~SDP_FEEDBACK_SERVED, 0);
		}
	}
	g_free(offer);
	sdp_description_destroy(&d);
}

static void inactive_and_rejected_lines(void **state)
{
	struct sdp_description *d = answer_to(
		SESSION ICE FINGERPRINT
		"m=audio 0 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"
		"m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=rtcp-mux\r\na=recvonly\r\n"
		"a=rtpmap:96 VP8/90000\r\n"
		"m=video 9 UDP/TLS/RTP/SAVPF 97\r\na=mid:2\r\na=rtcp-mux\r\na=inactive\r\n"
		"a=rtpmap:97 H265/90000\r\n");

	(void)state;
	assert_true(d->media[0].rejected);
	assert_false(d->media[1].rejected);
	assert_int_equal(d->media[1].direction, SDP_INACTIVE);
	assert_int_equal(d->media[1].candidate_count, 1); // the first line accepted
	assert_true(d->media[2].rejected);
	assert_false(d->media[0].in_bundle || d->media[2].in_bundle);
	sdp_description_destroy(&d);
}

static void everything_stopped(void **state)
{
	struct sdp_publication *p =
		read_offer("v=0\r\nm=audio 0 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n");
	char *text = sdp_publication_answer(p, &local);

	(void)state;
	assert_false(p->has_transport);
	assert_int_equal(p->track_count, 0);
	assert_non_null(strstr(text, "m=audio 0 UDP/TLS/RTP/SAVPF 111\r\n"));
	assert_null(strstr(text, "BUNDLE"));
	g_free(text);
	sdp_publication_destroy(&p);
}

static void encodings_by_ssrc_group(void **state)
{
	struct sdp_publication *p = read_offer(SESSION ICE FINGERPRINT AUDIO VIDEO
					       "a=ssrc-group:SIM 1 2 3\r\na=ssrc-group:FID 1 4\r\n"
					       "a=ssrc-group:FID 2 5\r\na=ssrc-group:FID 3 6\r\n");
	const struct sdp_track *v = &p->tracks[1];

	(void)state;
	assert_int_equal(p->tracks[0].encoding_count, 1);
	assert_int_equal(p->tracks[0].encodings[0].ssrc, 0); // nothing said: comes with its MID
	assert_int_equal(v->encoding_count, 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(v->encodings[i].ssrc, i + 1);
	sdp_publication_destroy(&p);
}

// Within a BUNDLE an id has one meaning: the line that contradicts does without the extension.
static void conflicting_extensions(void **state)
{
	struct sdp_publication *p =
		read_offer(SESSION ICE FINGERPRINT AUDIO
			   "a=extmap:20 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
			   "a=extmap:5 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n" VIDEO
			   "a=extmap:20 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
			   "a=extmap:5 urn:3gpp:video-orientation\r\n"
			   "a=extmap:4100 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n"
			   "a=extmap:6/recvonly "
			   "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\n");

	(void)state;
	assert_int_equal(p->tracks[0].ext.id[RTP_EXT_MID], 20);
	assert_int_equal(p->tracks[0].ext.id[RTP_EXT_AUDIO_LEVEL], 5);
	assert_int_equal(p->tracks[1].ext.id[RTP_EXT_MID], 20);
	assert_int_equal(p->tracks[1].ext.id[RTP_EXT_VIDEO_ORIENTATION], 0);
	assert_int_equal(p->tracks[1].ext.id[RTP_EXT_RID], 0);
	assert_int_equal(p->tracks[1].ext.id[RTP_EXT_PLAYOUT_DELAY], 0);
	sdp_publication_destroy(&p);
}

static enum dtls_role role_of(const char *offer, const struct sdp_settled *settled, bool *restart)
{
	char reason[SDP_REASON_SIZE] = "";
	struct sdp_publication *p;
	enum dtls_role role;

	assert_int_equal(sdp_publication_read(offer, strlen(offer), settled, reason, &p), 0);
	role = p->role;
	*restart = p->ice_restart;
	sdp_publication_destroy(&p);
	return role;
}

static void roles_and_ice_restart(void **state)
{
	struct sdp_settled settled = {.connected = true, .role = DTLS_ACTIVE};
	bool restart;

	(void)state;
	assert_int_equal(role_of(SESSION ICE FINGERPRINT AUDIO, NULL, &restart), DTLS_PASSIVE);
	assert_false(restart);
	assert_int_equal(
		role_of(SESSION ICE FINGERPRINT "a=setup:passive\r\n" AUDIO, NULL, &restart),
		DTLS_ACTIVE);
	assert_int_equal(
		role_of(SESSION ICE FINGERPRINT "a=setup:active\r\n" AUDIO, NULL, &restart),
		DTLS_PASSIVE);
	ice_credentials_set(&settled.ice, "abcd", "0123456789abcdef012345");
	assert_int_equal(role_of(SESSION ICE FINGERPRINT SETUP AUDIO, &settled, &restart),
			 DTLS_ACTIVE);
	assert_false(restart);
	ice_credentials_set(&settled.ice, "efgh", "0123456789abcdef012345");
	(void)role_of(SESSION ICE FINGERPRINT SETUP AUDIO, &settled, &restart);
	assert_true(restart);
}

// Without a group there is one transport only if there is one m-line.
static void one_line_needs_no_bundle(void **state)
{
	struct sdp_description *d = answer_to("v=0\r\n" ICE FINGERPRINT AUDIO);

	(void)state;
	assert_false(d->media[0].in_bundle);
	assert_false(d->media[0].rejected);
	sdp_description_destroy(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tracks_of_chromium),
		cmocka_unit_test(answers_simulcast_and_data_channel),
		cmocka_unit_test(answers_red_of_opus_alone),
		cmocka_unit_test(says_only_what_is_served),
		cmocka_unit_test(inactive_and_rejected_lines),
		cmocka_unit_test(everything_stopped),
		cmocka_unit_test(encodings_by_ssrc_group),
		cmocka_unit_test(conflicting_extensions),
		cmocka_unit_test(roles_and_ice_restart),
		cmocka_unit_test(one_line_needs_no_bundle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
