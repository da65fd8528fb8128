// SPDX-License-Identifier: Apache-2.0
//
// tests/path/uplink_test.c - what a publisher is told and asked for, and what that may cost:
// keyframe requests within the source's budget, round trips (RFC 3611), REMB, the rate of feedback.
#include "dataplane/core/path.h"
#include "dataplane/tables/track.h"
#include "dataplane/tables/transport.h"
#include "proto/rtc/rtcp_build.h"
#include "proto/rtc/rtcp_remb.h"
#include "proto/rtc/rtcp_xr.h"
#include "tests/path/checks.h"
#include "tests/path/media.h"

enum {
	VIDEO_SSRC = 0x51de0,
	AUDIO_SSRC = 0xa0d10,
	CONSUMER = 0x2000,
	PUBLISHER = 0,
	VIEWER = 1,
	SECOND_US = 1000000
};
enum { KEYFRAME_BYTES = 1000, DELTA_BYTES = 100, FRAME_US = 33333 };

static struct room *pair(unsigned workers, uint8_t feedback)
{
	struct room *r = room_new(workers);
	struct room_peer *from = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.1");
	struct room_peer *to =
		room_join(r, SHM_SUITE_AES_CM_128_HMAC_SHA1_80, workers - 1, "2001:db8::77");

	room_track(r, 0, from, SHM_KIND_VIDEO, SHM_CODEC_VP8, VIDEO_SSRC)->feedback = feedback;
	room_subscribe(r, 0, 0, to, CONSUMER);
	room_apply(r);
	return r;
}

static int one_worker(void **state)
{
	*state = pair(1, SHM_FEEDBACK_PLI | SHM_FEEDBACK_TWCC);
	return 0;
}

static int two_workers(void **state)
{
	*state = pair(2, SHM_FEEDBACK_PLI | SHM_FEEDBACK_TWCC);
	return 0;
}

static int only_remb(void **state)
{
	*state = pair(1, SHM_FEEDBACK_PLI | SHM_FEEDBACK_REMB);
	return 0;
}

// Speech alone, of 20 ms a packet.
static int a_voice(void **state)
{
	struct room *r = room_new(1);

	room_track(r, 0, room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.1"),
		   SHM_KIND_AUDIO, SHM_CODEC_OPUS, AUDIO_SSRC);
	room_subscribe(r, 0, 0, room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.2"),
		       CONSUMER);
	room_apply(r);
	*state = r;
	return 0;
}

static int leave(void **state)
{
	room_free(*state);
	return 0;
}

static void send_frame(struct room *r, uint16_t seq, bool keyframe, size_t size)
{
	static const uint8_t head[] = {0x10, 0x10, 2, 0, 0x9d, 1, 0x2a};
	uint8_t payload[KEYFRAME_BYTES] = {0};
	uint8_t packet[KEYFRAME_BYTES + MEDIA_HEADER_BYTES];

	memcpy(payload, head, sizeof(head));
	payload[1] |= !keyframe; // RFC 7741: the inverse key frame flag
	const struct media m = {.ssrc = VIDEO_SSRC,
				.seq = seq,
				.ts = 3000u * seq,
				.pt = ROOM_VIDEO_PT,
				.marker = true,
				.twcc = seq,
				.payload = payload,
				.size = size};
	room_send_rtp(r, &r->peers[PUBLISHER], packet, media_write(packet, &m));
}

// A reduced-size compound (RFC 5506): no report goes before it.
static void send_pli(struct room *r)
{
	uint8_t bytes[16];
	struct bytes_writer w;

	bytes_writer_init(&w, bytes, sizeof(bytes));
	rtcp_put_pli(&w, 77, CONSUMER);
	room_send_compound(r, VIEWER, &w);
}

// Time passes, and the peers keep their consent.
static void pass(struct room *r, uint64_t us)
{
	for (uint64_t end = r->now_us + us; r->now_us < end;) {
		if (r->now_us / SECOND_US != (r->now_us + HOUSEKEEPING_US) / SECOND_US)
			for (unsigned i = 0; i < r->peer_count; i++)
				check_usual(r, &r->peers[i]);
		room_pass(r, HOUSEKEEPING_US);
	}
	room_collect(r);
}

static const struct shm_encoding_stats *stats(const struct room *r)
{
	return &r->h->dp.tracks[0].encodings[0].stats;
}

// A publisher that answers each request with a keyframe, and viewers that ask a hundred times a
// second: what keyframes are of its media stays a share of it.
static void a_flood_of_pli_costs_the_source_a_share_of_its_rate(void **state)
{
	struct room *r = *state;
	struct rtcp_packet p;
	uint64_t keyframes = 0, media = 0;
	bool asked = true;
	uint16_t seq = 1;

	for (unsigned frame = 0; frame < 30 * 60; frame++) {
		size_t size = asked ? KEYFRAME_BYTES : DELTA_BYTES;
		send_frame(r, seq++, asked, size);
		if (frame >= 30 * 10) { // the start may spend what was saved
			keyframes += asked ? size : 0;
			media += size;
		}
		for (unsigned i = 0; i < 3; i++)
			send_pli(r);
		pass(r, FRAME_US);
		asked = room_find_rtcp(r, PUBLISHER, RTCP_PSFB, RTCP_PSFB_PLI, 0, &p);
	}
	assert_true(keyframes != 0);
	assert_true(keyframes * 100 <= media * (KEYFRAME_BUDGET_SHARE_PERCENT + 2));
	assert_true(stats(r)->keyframe_wishes >= 30 * 60); // those of one instant are one
	assert_in_range(stats(r)->pli_count, 20, 90);
}

// A source of little else than keyframes pays for each: the next viewer waits, three seconds at
// most.
static void a_poor_source_is_asked_every_three_seconds(void **state)
{
	struct room *r = *state;
	struct rtcp_packet p;
	uint64_t asked = 0, held = 0;
	uint16_t seq = 1;

	send_frame(r, seq++, true, KEYFRAME_BYTES);
	send_frame(r, seq++, false, 20);
	for (unsigned i = 0; i < 30 * 25; i++) {
		if (i == 30 * 15) { // what was saved up is spent
			asked = stats(r)->pli_count;
			held = stats(r)->keyframe_requests_held;
		}
		send_pli(r);
		pass(r, FRAME_US);
		if (room_find_rtcp(r, PUBLISHER, RTCP_PSFB, RTCP_PSFB_PLI, 0, &p)) {
			send_frame(r, seq++, true, KEYFRAME_BYTES);
			send_frame(r, seq++, false, 20);
		}
	}
	assert_in_range(stats(r)->pli_count - asked, 3, 4);
	assert_true(stats(r)->keyframe_requests_held > held);
}

// RFC 3611 4.5: 50 ms on the way, 200 ms at the publisher.
static void the_publishers_round_trip_is_measured(void **state)
{
	struct room *r = *state;
	struct rtcp_packet p;
	uint32_t ssrc;
	uint64_t ntp;
	uint8_t bytes[64];
	struct bytes_writer w;

	send_frame(r, 1, true, 100);
	for (unsigned i = 0; i < 200 && !room_find_rtcp(r, PUBLISHER, RTCP_XR, -1, 0, &p); i++)
		pass(r, HOUSEKEEPING_US);
	assert_true(room_find_rtcp(r, PUBLISHER, RTCP_XR, -1, 0, &p));
	assert_true(rtcp_read_rrtr(&p, &ssrc, &ntp));
	assert_int_equal(ssrc, ROOM_RTCP_SSRC + PUBLISHER);
	room_time(r, r->now_us + 250000);
	struct rtcp_dlrr dlrr = {ssrc, (uint32_t)(ntp >> 16) + 1, 0}; // of no reference of ours
	bytes_writer_init(&w, bytes, sizeof(bytes));
	rtcp_put_dlrr(&w, VIDEO_SSRC, &dlrr, 1);
	room_send_compound(r, PUBLISHER, &w);
	assert_int_equal(r->h->dp.transports[PUBLISHER].round_trip_us, 0);
	dlrr = (struct rtcp_dlrr){ssrc, (uint32_t)(ntp >> 16), 65536 / 5};
	bytes_writer_init(&w, bytes, sizeof(bytes));
	rtcp_put_dlrr(&w, VIDEO_SSRC, &dlrr, 1);
	room_send_compound(r, PUBLISHER, &w);
	pass(r, SECOND_US + HOUSEKEEPING_US);
	assert_in_range(stats(r)->round_trip_us, 49900, 50100);
}

// A peer's own reference time comes back with the time it was held; a flood of them is one answer.
static void a_peers_reference_time_is_answered_once(void **state)
{
	struct room *r = *state;
	struct rtcp_packet p;
	struct rtcp_dlrr dlrr;
	uint8_t bytes[64];
	struct bytes_writer w;

	pass(r, SECOND_US + HOUSEKEEPING_US);
	for (uint64_t i = 0; i < 500; i++) {
		bytes_writer_init(&w, bytes, sizeof(bytes));
		rtcp_put_rrtr(&w, 77, UINT64_C(0xe000000100000000) + i);
		room_send_compound(r, VIEWER, &w);
	}
	uint64_t at_us = r->now_us;
	unsigned answers = 0;
	for (unsigned i = 0; i < 150; i++) {
		pass(r, HOUSEKEEPING_US);
		if (!room_find_rtcp(r, VIEWER, RTCP_XR, -1, 0, &p))
			continue;
		answers++;
		assert_true(rtcp_read_dlrr(&p, 0, &dlrr));
		assert_int_equal(dlrr.ssrc, 77);
		assert_int_equal(dlrr.last_rr, 0x00010000);
		assert_in_range((uint64_t)dlrr.delay_since_last_rr * 1000000 / 65536,
				r->now_us - at_us - 2 * HOUSEKEEPING_US, r->now_us - at_us);
	}
	assert_int_equal(answers, 1);
}

// The newest REMB the publisher got, bit/s; 0: none.
static uint64_t remb(struct room *r)
{
	struct rtcp_packet p;
	uint64_t bps = 0;
	uint32_t ssrc;

	for (unsigned n = 0; room_find_rtcp(r, PUBLISHER, RTCP_PSFB, -1, n, &p); n++)
		if (rtcp_read_remb(&p, &bps)) {
			assert_true(rtcp_read_remb_ssrc(&p, 0, &ssrc));
			assert_int_equal(ssrc, VIDEO_SSRC);
		}
	return bps;
}

// A second of 100 packets, every 'lose'-th lost; 0: none. What REMB then says.
static uint64_t second(struct room *r, uint16_t *seq, unsigned lose)
{
	uint64_t newest = 0;

	for (unsigned i = 0; i < 100; i++, ++*seq) {
		if (lose == 0 || i % lose != 0)
			send_frame(r, *seq, *seq == 1, KEYFRAME_BYTES);
		pass(r, HOUSEKEEPING_US);
		if (remb(r) != 0)
			newest = remb(r);
	}
	return newest;
}

static void remb_rises_without_loss_and_falls_with_it(void **state)
{
	struct room *r = *state;
	uint64_t before = 0, rates[5];
	uint16_t seq = 1;

	for (unsigned i = 0; i < 4; i++)
		before = second(r, &seq, 0);
	for (unsigned i = 0; i < 4; i++)
		rates[i] = second(r, &seq, 0);
	assert_true(rates[3] > before && before != 0);
	for (unsigned i = 0; i < 4; i++)
		rates[4] = second(r, &seq, 3);
	assert_true(rates[4] < rates[3]);
	assert_true(rates[4] < 8 * 100 * KEYFRAME_BYTES); // no more than it sent
}

static void no_remb_where_there_is_transport_wide_feedback(void **state)
{
	struct room *r = *state;
	uint16_t seq = 1;

	assert_int_equal(second(r, &seq, 0), 0);
	assert_int_equal(second(r, &seq, 0), 0);
}

// At 300 kbit/s, the least a camera sends: all RTCP to the publisher, as sent on the wire.
static void feedback_stays_within_a_twentieth_of_the_media(void **state)
{
	struct room *r = *state;
	uint64_t media = 0, feedback = 0;
	uint16_t seq = 1;

	for (unsigned i = 0; i < 40 * 10; i++) {
		send_frame(r, seq, seq == 1, 938);
		seq++;
		media += 938 + MEDIA_HEADER_BYTES;
		pass(r, 25000);
		for (unsigned n = 0; n < r->got_count; n++)
			if (r->got[n].peer == PUBLISHER && r->got[n].rtcp)
				feedback += (uint64_t)r->got[n].size + 20; // SRTCP: tag and index
	}
	assert_true(feedback != 0);
	assert_true(feedback * 20 <= media);
}

enum { SPEECH_BYTES = 80, SPEECH_US = 20000 }; // 32 kbit/s of Opus

// Bytes of it on the wire.
static size_t send_speech(struct room *r, uint16_t seq)
{
	static const uint8_t payload[SPEECH_BYTES];
	uint8_t packet[SPEECH_BYTES + MEDIA_HEADER_BYTES];
	const struct media m = {.ssrc = AUDIO_SSRC,
				.seq = seq,
				.ts = 960u * seq,
				.pt = ROOM_AUDIO_PT,
				.twcc = seq,
				.payload = payload,
				.size = sizeof(payload)};
	size_t size = media_write(packet, &m);

	room_send_rtp(r, &r->peers[PUBLISHER], packet, size);
	return size + 16; // SRTP's tag
}

// As often as on a camera's packets it would be a seventh.
static void feedback_on_speech_stays_within_a_twentieth_of_it(void **state)
{
	struct room *r = *state;
	uint64_t media = 0, feedback = 0;

	for (uint16_t seq = 0; seq < 20 * SECOND_US / SPEECH_US; seq++) {
		media += send_speech(r, seq);
		pass(r, SPEECH_US);
		for (unsigned n = 0; n < r->got_count; n++)
			if (r->got[n].peer == PUBLISHER && r->got[n].rtcp)
				feedback += (uint64_t)r->got[n].size + 20;
	}
	assert_true(feedback != 0);
	assert_true(feedback * 20 <= media);
}

// Silence (DTX) sends next to nothing: what arrives is told all the same, within a second.
static void silence_is_told_of_within_a_second(void **state)
{
	struct room *r = *state;
	uint64_t told_us = r->now_us;
	struct rtcp_packet p;

	for (unsigned i = 0; i < 1000; i++) {
		if (i % 20 == 0)
			send_speech(r, (uint16_t)(i / 20));
		pass(r, SPEECH_US);
		if (room_find_rtcp(r, PUBLISHER, RTCP_RTPFB, RTCP_RTPFB_TWCC, 0, &p))
			told_us = r->now_us;
		assert_true(r->now_us - told_us <= FEEDBACK_AGAIN_US + 400000 + SPEECH_US);
	}
}

// Sender reports by the thousand, of known and unknown SSRCs, and lengths that lie: nothing of it
// reaches a consumer, and media goes on.
static void a_flood_of_reports_moves_nothing_else(void **state)
{
	struct room *r = *state;
	struct room_packet *got[4];
	uint8_t bytes[64];
	struct bytes_writer w;

	send_frame(r, 1, true, 100);
	room_collect(r);
	assert_int_equal(room_of(r, VIEWER, false, got, 4), 1);
	uint64_t malformed = drops_of(r, SHM_INGRESS_DROP_RTCP_MALFORMED);
	uint64_t dropped = drops_all(r);
	for (unsigned i = 0; i < 1000; i++) {
		const struct rtcp_sr sr = {.ntp = UINT64_C(0xe000000000000000) + i,
					   .ssrc = i % 2 != 0 ? VIDEO_SSRC : i,
					   .ts = i * 1000};
		bytes_writer_init(&w, bytes, sizeof(bytes));
		rtcp_put_sr(&w, &sr, NULL, 0);
		bytes[3] = (uint8_t)(i % 4 == 3 ? 0xff : bytes[3]); // longer than the datagram
		room_send_compound(r, PUBLISHER, &w);
	}
	assert_int_equal(drops_of(r, SHM_INGRESS_DROP_RTCP_MALFORMED) - malformed, 250);
	room_collect(r);
	assert_int_equal(r->got_count, 0);
	send_frame(r, 2, false, 100);
	room_collect(r);
	assert_int_equal(room_of(r, VIEWER, false, got, 4), 1);
	assert_int_equal(drops_of(r, SHM_INGRESS_DROP_SRTCP_SOURCES),
			 500 - (SRTCP_SOURCES_MAX - 1));
	assert_int_equal(drops_all(r) - dropped, 750 - (SRTCP_SOURCES_MAX - 1));
}

#define BOTH(test)                                                                                 \
	{"1 worker: " #test, test, one_worker, leave, NULL},                                       \
	{                                                                                          \
		"2 workers: " #test, test, two_workers, leave, NULL                                \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(a_flood_of_pli_costs_the_source_a_share_of_its_rate),
		BOTH(a_poor_source_is_asked_every_three_seconds),
		BOTH(the_publishers_round_trip_is_measured),
		BOTH(a_peers_reference_time_is_answered_once),
		BOTH(no_remb_where_there_is_transport_wide_feedback),
		BOTH(feedback_stays_within_a_twentieth_of_the_media),
		BOTH(a_flood_of_reports_moves_nothing_else),
		cmocka_unit_test_setup_teardown(feedback_on_speech_stays_within_a_twentieth_of_it,
						a_voice, leave),
		cmocka_unit_test_setup_teardown(silence_is_told_of_within_a_second, a_voice, leave),
		cmocka_unit_test_setup_teardown(remb_rises_without_loss_and_falls_with_it,
						only_remb, leave),
	};

	return cmocka_run_group_tests_name("uplink", tests, NULL, NULL);
}
