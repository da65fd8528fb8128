// SPDX-License-Identifier: Apache-2.0
//
// tests/path/feedback_test.c - RTCP both ways: requests reach the publisher, reports tell the
// truth, and an expired subscriber is sent nothing more.
#include "dataplane/core/path.h"
#include "dataplane/tables/bandwidth.h"
#include "dataplane/tables/subscription.h"
#include "dataplane/tables/track.h"
#include "dataplane/tables/transport.h"
#include "proto/rtc/rtcp_build.h"
#include "proto/rtc/twcc.h"
#include "tests/path/media.h"
#include "tests/path/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
	AUDIO_SSRC = 0xa0d10,
	VIDEO_SSRC = 0x51de0,
	CONSUMER_AUDIO = 0x1000,
	CONSUMER_VIDEO = 0x2000
};
enum { PUBLISHER = 0, SUBSCRIBER = 1, SECOND_US = 1000000 };

static const uint8_t keyframe[] = {0x10, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 1};

// The publisher on worker 0, the subscriber on the last.
static struct room *pair(unsigned workers, uint8_t feedback)
{
	struct room *r = room_new(workers);
	struct room_peer *from = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.1");
	struct room_peer *to =
		room_join(r, SHM_SUITE_AES_CM_128_HMAC_SHA1_80, workers - 1, "2001:db8::77");

	room_track(r, 0, from, SHM_KIND_AUDIO, SHM_CODEC_OPUS, AUDIO_SSRC);
	room_track(r, 1, from, SHM_KIND_VIDEO, SHM_CODEC_VP8, VIDEO_SSRC)->feedback = feedback;
	room_subscribe(r, 0, 0, to, CONSUMER_AUDIO);
	room_subscribe(r, 1, 1, to, CONSUMER_VIDEO);
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

static int only_fir(void **state)
{
	*state = pair(2, SHM_FEEDBACK_FIR);
	return 0;
}

static int leave(void **state)
{
	room_free(*state);
	return 0;
}

static void send(struct room *r, const struct media *m)
{
	uint8_t rtp[400];

	room_send_rtp(r, &r->peers[PUBLISHER], rtp, media_write(rtp, m));
	room_deliver(r);
}

static void send_keyframe(struct room *r, uint16_t seq)
{
	const struct media m = {.ssrc = VIDEO_SSRC,
				.seq = seq,
				.ts = 3000u * seq,
				.pt = ROOM_VIDEO_PT,
				.twcc = seq,
				.payload = keyframe,
				.size = sizeof(keyframe)};
	send(r, &m);
}

static void send_audio(struct room *r, uint16_t seq)
{
	const struct media m = {.ssrc = AUDIO_SSRC,
				.seq = seq,
				.ts = 960u * seq,
				.pt = ROOM_AUDIO_PT,
				.twcc = seq,
				.payload = keyframe,
				.size = 10};
	send(r, &m);
}

// room_find_rtcp(), and all that the peer got is whole and begins with a report (RFC 3550 6.1).
static bool find(struct room *r, unsigned peer, uint8_t type, int count, unsigned n,
		 struct rtcp_packet *out)
{
	for (unsigned i = 0; i < r->got_count; i++) {
		const struct room_packet *g = &r->got[i];

		if (g->peer != peer || !g->rtcp)
			continue;
		assert_true(rtcp_check(g->bytes, (size_t)g->size));
		assert_true(g->bytes[1] == RTCP_SR || g->bytes[1] == RTCP_RR);
	}
	return room_find_rtcp(r, peer, type, count, n, out);
}

static unsigned plis(struct room *r)
{
	struct rtcp_packet p;
	unsigned n = 0;
	uint32_t ssrc;

	room_collect(r);
	while (find(r, PUBLISHER, RTCP_PSFB, RTCP_PSFB_PLI, n, &p)) {
		assert_true(rtcp_read_pli(&p, &ssrc));
		assert_int_equal(ssrc, VIDEO_SSRC);
		n++;
	}
	return n;
}

static void send_pli(struct room *r)
{
	uint8_t bytes[64];
	struct bytes_writer w;

	bytes_writer_init(&w, bytes, sizeof(bytes));
	rtcp_put_rr(&w, 77, NULL, 0);
	rtcp_put_pli(&w, 77, CONSUMER_VIDEO);
	room_send_compound(r, SUBSCRIBER, &w);
}

static void a_consumers_wish_reaches_the_publisher(void **state)
{
	struct room *r = *state;

	send_keyframe(r, 1);
	room_pass(r, SECOND_US);
	plis(r);
	send_keyframe(r, 2); // whoever waited since the start is served
	room_pass(r, SECOND_US);
	assert_int_equal(plis(r), 0);

	send_pli(r);
	send_pli(r);
	room_pass(r, 20000);
	assert_int_equal(plis(r), 1);
	room_pass(r, 400000); // merged
	assert_int_equal(plis(r), 0);
	room_pass(r, 200000); // no keyframe came: once more
	assert_int_equal(plis(r), 1);
	send_keyframe(r, 3);
	room_pass(r, 2 * SECOND_US);
	assert_int_equal(plis(r), 0);
	assert_int_equal(r->h->dp.subscriptions[1].stats.pli_count, 2);
	assert_in_range(r->h->dp.tracks[1].encodings[0].stats.pli_count, 2, 10);
}

static void a_wish_for_anothers_stream_is_nothing(void **state)
{
	struct room *r = *state;
	uint8_t bytes[64];
	struct bytes_writer w;

	send_keyframe(r, 1);
	send_keyframe(r, 2);
	room_pass(r, SECOND_US);
	plis(r);
	bytes_writer_init(&w, bytes, sizeof(bytes));
	rtcp_put_rr(&w, 77, NULL, 0);
	rtcp_put_pli(&w, 77, VIDEO_SSRC); // the publisher's, not one sent to this peer
	rtcp_put_pli(&w, 77, 0xdddd);
	room_send_compound(r, SUBSCRIBER, &w);
	room_pass(r, SECOND_US);
	assert_int_equal(plis(r), 0);
}

static void fir_where_pli_is_not_negotiated(void **state)
{
	struct room *r = *state;
	struct rtcp_packet p;
	struct rtcp_fir first, second;

	send_keyframe(r, 1);
	send_keyframe(r, 2);
	room_pass(r, SECOND_US);
	room_collect(r);
	send_pli(r);
	room_pass(r, 600000);
	room_collect(r);
	assert_false(find(r, PUBLISHER, RTCP_PSFB, RTCP_PSFB_PLI, 0, &p));
	assert_true(find(r, PUBLISHER, RTCP_PSFB, RTCP_PSFB_FIR, 0, &p));
	assert_true(rtcp_read_fir(&p, 0, &first));
	assert_int_equal(first.ssrc, VIDEO_SSRC);
	assert_true(find(r, PUBLISHER, RTCP_PSFB, RTCP_PSFB_FIR, 1, &p));
	assert_true(rtcp_read_fir(&p, 0, &second));
	assert_int_equal(second.seq, (uint8_t)(first.seq + 1));
	const struct shm_encoding_stats *stats = &r->h->dp.tracks[1].encodings[0].stats;
	assert_in_range(stats->fir_count, 2, 10);
	assert_int_equal(stats->pli_count, 0);
}

static void send_sender_report(struct room *r, uint64_t ntp, uint32_t ts)
{
	const struct rtcp_sr sr = {.ntp = ntp, .ssrc = AUDIO_SSRC, .ts = ts, .packets = 9};
	uint8_t bytes[64];
	struct bytes_writer w;

	bytes_writer_init(&w, bytes, sizeof(bytes));
	rtcp_put_sr(&w, &sr, NULL, 0);
	room_send_compound(r, PUBLISHER, &w);
}

// The publisher's clock, moved on by the time that passed, in the consumer's timestamps.
static void sender_reports_carry_the_publishers_clock(void **state)
{
	const uint64_t ntp = UINT64_C(0xe0000001c0000000); // .75
	struct room *r = *state;
	struct rtcp_packet p;
	struct rtcp_sr sr;

	for (uint16_t seq = 100; seq < 105; seq++)
		send_audio(r, seq);
	send_sender_report(r, ntp, 960 * 100 + 7);
	uint64_t at_us = r->now_us;
	room_collect(r);
	room_pass(r, SECOND_US + 100000);
	room_collect(r);
	assert_true(find(r, SUBSCRIBER, RTCP_SR, -1, 0, &p));
	assert_true(rtcp_read_sr(&p, &sr));
	assert_int_equal(sr.ssrc, CONSUMER_AUDIO);
	assert_int_equal(sr.packets, 5);
	assert_int_equal(sr.bytes, 50);
	// When it left is in its own NTP time; the timestamp must lie as far from the publisher's.
	double seconds = (double)(sr.ntp - ntp) / 4294967296.0;
	assert_true(seconds >= 0 && seconds <= (double)(r->now_us - at_us) / 1e6 + 1e-6);
	double ticks = (double)(int32_t)(sr.ts - (ROOM_TIMESTAMP_START + 7));
	assert_true(ticks >= seconds * 48000 - 2 && ticks <= seconds * 48000 + 2);
	assert_true(find(r, SUBSCRIBER, RTCP_SDES, -1, 0, &p));
	assert_non_null(memmem(p.body, p.body_size, "sluice-cname", 12));
	assert_false(find(r, SUBSCRIBER, RTCP_SR, -1, 1, &p)); // video: no clock pair yet
}

// Who joins after the publisher's report need not wait for its next one.
static void a_late_joiner_has_the_clock_soon(void **state)
{
	struct room *r = *state;
	struct rtcp_packet p;
	struct rtcp_sr sr;

	send_audio(r, 1);
	send_sender_report(r, UINT64_C(0xe000000000000000), 960);
	room_pass(r, SECOND_US);
	struct room_peer *late = room_join(r, SHM_SUITE_AEAD_AES_256_GCM,
					   r->peers[SUBSCRIBER].worker, "203.0.113.5");
	room_subscribe(r, 2, 0, late, 0x3000);
	room_apply(r);
	send_audio(r, 2);
	room_collect(r);
	room_pass(r, 2 * SECOND_US + 100000);
	room_collect(r);
	assert_true(find(r, late->id, RTCP_SR, -1, 0, &p));
	assert_true(rtcp_read_sr(&p, &sr));
	assert_int_equal(sr.ssrc, 0x3000);
}

static void round_trip_is_measured(void **state)
{
	struct room *r = *state;
	struct rtcp_packet p;
	struct rtcp_sr sr;
	uint8_t bytes[128];
	struct bytes_writer w;

	send_audio(r, 1);
	send_sender_report(r, UINT64_C(0xe000000000000000), 960);
	do {
		room_pass(r, HOUSEKEEPING_US);
		room_collect(r);
	} while (!find(r, SUBSCRIBER, RTCP_SR, -1, 0, &p));
	assert_true(rtcp_read_sr(&p, &sr));
	room_time(r, r->now_us + 250000); // 50 ms on the way, 200 ms at the peer
	const struct rtcp_report_block block = {
		.ssrc = CONSUMER_AUDIO,
		.cumulative_lost = 3,
		.jitter = 17,
		.last_sr = (uint32_t)(sr.ntp >> 16),
		.delay_since_last_sr = 65536 / 5,
	};
	bytes_writer_init(&w, bytes, sizeof(bytes));
	rtcp_put_rr(&w, 77, &block, 1);
	room_send_compound(r, SUBSCRIBER, &w);
	const struct shm_subscription_stats *s = &r->h->dp.subscriptions[0].stats;
	assert_int_equal(s->reported_packets_lost, 3);
	assert_int_equal(s->reported_jitter, 17);
	assert_in_range(s->round_trip_us, 49950, 50050);
}

static void receiver_reports_tell_what_was_lost(void **state)
{
	struct room *r = *state;
	struct rtcp_report_block block;
	struct rtcp_packet p;

	for (uint16_t seq = 1000; seq < 1010; seq++)
		if (seq != 1003 && seq != 1004)
			send_audio(r, seq);
	room_collect(r);
	room_pass(r, SECOND_US + 100000);
	room_collect(r);
	assert_true(find(r, PUBLISHER, RTCP_RR, 1, 0, &p));
	uint32_t own;
	assert_true(rtcp_read_rr(&p, &own));
	assert_int_equal(own, ROOM_RTCP_SSRC + PUBLISHER);
	assert_true(rtcp_read_report_block(&p, 0, &block));
	assert_int_equal(block.ssrc, AUDIO_SSRC);
	assert_int_equal(block.cumulative_lost, 2);
	assert_int_equal(block.fraction_lost, 2 * 256 / 10);
	assert_int_equal(block.extended_highest, 1009);
}

static void transport_wide_feedback_lists_arrivals(void **state)
{
	struct room *r = *state;
	struct twcc_feedback_iter it;
	struct twcc_feedback f;
	struct twcc_status status;
	struct rtcp_packet p;
	unsigned received = 0, missing = 0;

	for (uint16_t seq = 500; seq < 520; seq++)
		if (seq % 5 != 3)
			send_audio(r, seq);
	room_collect(r);
	room_pass(r, 300000);
	room_collect(r);
	for (unsigned n = 0; find(r, PUBLISHER, RTCP_RTPFB, RTCP_RTPFB_TWCC, n, &p); n++) {
		assert_true(twcc_read(&p, &f));
		twcc_feedback_iter_init(&it, &f);
		while (twcc_feedback_next(&it, &status)) {
			assert_int_equal(status.received, status.seq % 5 != 3);
			received += status.received;
			missing += !status.received;
		}
	}
	assert_int_equal(received, 16);
	assert_int_equal(missing, 4);
}

// RFC 7675: after 30 s without a check nothing leaves any more, and each packet is counted.
static void expired_consent_stops_everything(void **state)
{
	struct room *r = *state;

	send_audio(r, 1);
	send_sender_report(r, UINT64_C(0xe000000000000000), 960);
	room_pass(r, 29 * (uint64_t)SECOND_US);
	room_collect(r);
	assert_int_equal(r->h->dp.transports[SUBSCRIBER].phase, SHM_PHASE_ESTABLISHED);
	room_pass(r, 2 * SECOND_US);
	assert_int_equal(r->h->dp.transports[SUBSCRIBER].phase, SHM_PHASE_EXPIRED);
	room_collect(r);
	room_pass(r, 3 * SECOND_US);
	room_collect(r);
	assert_int_equal(r->got_count, 0);
	struct shm_transport_slot *slot = &r->h->dp.shm.transports[SUBSCRIBER];
	assert_int_equal(slot->state.phase, SHM_PHASE_EXPIRED);
	// The publisher has expired too, so a packet for the consumer is made here.
	r->h->dp.transports[PUBLISHER].phase = SHM_PHASE_ESTABLISHED;
	send_audio(r, 2);
	room_collect(r);
	assert_int_equal(r->got_count, 0);
	const struct worker *w = &r->h->dp.workers[r->h->dp.worker_count - 1];
	assert_int_equal(w->stats.egress_drops[SHM_EGRESS_DROP_NO_CONSENT], 1);
}

// PLI after PLI in one instant: one wish goes to the publisher's worker, whose ring carries media.
static void a_flood_of_plis_is_one_wish(void **state)
{
	struct room *r = *state;
	const struct rte_ring *ring = r->h->dp.workers[1].to_worker[0];
	uint8_t compound[1200];
	struct bytes_writer w;

	send_keyframe(r, 1);
	for (unsigned i = 0; i < 60; i++) {
		bytes_writer_init(&w, compound, sizeof(compound));
		rtcp_put_rr(&w, 1, NULL, 0);
		for (unsigned k = 0; k < 80; k++)
			rtcp_put_pli(&w, 1, CONSUMER_VIDEO);
		assert_false(w.overflow);
		room_send_rtcp(r, &r->peers[SUBSCRIBER], w.start, w.size);
	}
	assert_int_equal(rte_ring_count(ring), 1);
	room_deliver(r);
}

static uint64_t refused(const struct room *r)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < r->h->dp.worker_count; i++)
		sum += r->h->dp.workers[i].stats.ingress_drops[SHM_INGRESS_DROP_RTCP_RATE];
	return sum;
}

static uint64_t plis_of(const struct room *r, unsigned subscription)
{
	return r->h->dp.subscriptions[subscription].stats.pli_count;
}

static void send_pli_of(struct room *r, unsigned peer, uint32_t ssrc, unsigned count)
{
	uint8_t compound[1200];
	struct bytes_writer w;

	bytes_writer_init(&w, compound, sizeof(compound));
	for (unsigned k = 0; k < count; k++)
		rtcp_put_pli(&w, 1, ssrc);
	room_send_compound(r, peer, &w);
}

// Two streams: 22000 units a second, half of them at once; a PLI costs 10.
static void what_one_peer_is_heard_is_bounded(void **state)
{
	struct room *r = *state;
	struct room_peer *other = room_join(r, SHM_SUITE_AEAD_AES_256_GCM,
					    r->peers[SUBSCRIBER].worker, "203.0.113.5");

	room_subscribe(r, 2, 1, other, 0x3000);
	room_apply(r);
	send_keyframe(r, 1);
	for (unsigned i = 0; i < 60; i++)
		send_pli_of(r, SUBSCRIBER, CONSUMER_VIDEO, 100);
	assert_int_equal(plis_of(r, 1), 1100);
	assert_int_equal(refused(r), 60 - 11);
	send_pli_of(r, other->id, 0x3000, 1);
	assert_int_equal(plis_of(r, 2), 1);
	room_time(r, r->now_us + SECOND_US);
	send_pli_of(r, SUBSCRIBER, CONSUMER_VIDEO, 100);
	assert_int_equal(plis_of(r, 1), 1200);
	assert_int_equal(refused(r), 60 - 11);
}

// Each 32 bytes that speak of 65535 packets which never came.
static void feedback_costs_what_it_speaks_of(void **state)
{
	static const uint8_t head[] = {0x8f, 205, 0, 9, 0, 0, 0, 77, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	struct room *r = *state;
	uint8_t compound[1200];
	struct bytes_writer w;

	bytes_writer_init(&w, compound, sizeof(compound));
	for (unsigned i = 0; i < 30; i++) {
		uint8_t *at = bytes_writer_reserve(&w, 40);
		memcpy(at, head, sizeof(head));
		bytes_store_be32(at + 16, 0);
		for (unsigned k = 20; k < 40; k += 2)
			bytes_store_be16(at + k, 0x1fff);
	}
	room_send_compound(r, SUBSCRIBER, &w);
	assert_int_equal(r->h->dp.transports[SUBSCRIBER].bandwidth->path.estimator.feedbacks, 3);
	assert_int_equal(refused(r), 1);
}

// Requests find their consumer among many, in whatever order those were made.
static void each_ssrc_has_its_consumer(void **state)
{
	enum { COUNT = 20 };
	struct room *r = *state;

	for (uint32_t i = 0; i < COUNT; i++)
		room_subscribe(r, 2 + i, 1, &r->peers[SUBSCRIBER], 0x3000 + i * 7 % COUNT);
	room_apply(r);
	send_keyframe(r, 1);
	for (uint32_t i = 0; i < COUNT; i++)
		send_pli_of(r, SUBSCRIBER, 0x3000 + i * 7 % COUNT, i + 1);
	for (uint32_t i = 0; i < COUNT; i++)
		assert_int_equal(plis_of(r, 2 + i), i + 1);
}

#define BOTH(test)                                                                                 \
	{"1 worker: " #test, test, one_worker, leave, NULL},                                       \
	{                                                                                          \
		"2 workers: " #test, test, two_workers, leave, NULL                                \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(a_consumers_wish_reaches_the_publisher),
		BOTH(a_wish_for_anothers_stream_is_nothing),
		{"fir_where_pli_is_not_negotiated", fir_where_pli_is_not_negotiated, only_fir,
		 leave, NULL},
		cmocka_unit_test_setup_teardown(a_flood_of_plis_is_one_wish, two_workers, leave),
		BOTH(what_one_peer_is_heard_is_bounded),
		BOTH(feedback_costs_what_it_speaks_of),
		BOTH(each_ssrc_has_its_consumer),
		BOTH(sender_reports_carry_the_publishers_clock),
		BOTH(a_late_joiner_has_the_clock_soon),
		BOTH(round_trip_is_measured),
		BOTH(receiver_reports_tell_what_was_lost),
		BOTH(transport_wide_feedback_lists_arrivals),
		BOTH(expired_consent_stops_everything),
	};

	return cmocka_run_group_tests_name("feedback", tests, NULL, NULL);
}
