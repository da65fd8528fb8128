// SPDX-License-Identifier: Apache-2.0
//
// tests/path/pacing_test.c - a burst of video to a subscriber with a narrow path leaves as the path
// has room for it, in order; audio does not wait, and a repair goes before what waits.
#include "dataplane/core/path.h"
#include "dataplane/tables/bandwidth.h"
#include "proto/rtc/rtcp_build.h"
#include "proto/rtc/rtcp_remb.h"
#include "tests/path/media.h"
#include "tests/path/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { VIDEO, AUDIO, VIDEO_SSRC = 0x51de0, AUDIO_SSRC = 0xa0d10, REPAIR = 0x3000 };
enum { CONSUMER = 0x2000, LISTENER = 0x2001, REPAIR_PT = 101 };
enum { PUBLISHER, NARROW, WIDE, BURST = 20, PAYLOAD_BYTES = 1000, SENDER = 0x99 };
enum { RATE_BPS = 800000, TICK_US = 1000 }; // a packet takes 10 ms or so

static unsigned sent; // packets of video

static int behind_a_narrow_path(void **state)
{
	struct room *r = room_new(1);
	struct room_peer *from = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.1");
	struct room_peer *narrow = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.2");
	struct room_peer *wide = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.3");

	room_track(r, VIDEO, from, SHM_KIND_VIDEO, SHM_CODEC_VP8, VIDEO_SSRC);
	room_track(r, AUDIO, from, SHM_KIND_AUDIO, SHM_CODEC_OPUS, AUDIO_SSRC);
	struct shm_subscription_config *c = room_subscribe(r, 0, VIDEO, narrow, CONSUMER);
	c->rtx_ssrc = REPAIR;
	c->rtx_sequence_start = 1;
	c->pts[0].rtx = REPAIR_PT;
	room_subscribe(r, 1, AUDIO, narrow, LISTENER);
	room_subscribe(r, 2, VIDEO, wide, CONSUMER);
	room_apply(r);
	sent = 0;
	*state = r;
	return 0;
}

static int leave(void **state)
{
	room_free(*state);
	return 0;
}

static void remb(struct room *r, uint64_t bps)
{
	uint8_t compound[100];
	struct bytes_writer w;
	uint32_t ssrc = CONSUMER;

	bytes_writer_init(&w, compound, sizeof(compound));
	rtcp_put_rr(&w, SENDER, NULL, 0);
	rtcp_put_remb(&w, SENDER, bps, &ssrc, 1);
	room_send_rtcp(r, &r->peers[NARROW], compound, w.size);
	room_time(r, r->now_us + 2 * HOUSEKEEPING_US);
	room_housekeeping(r);
	room_collect(r);
}

static void send(struct room *r, uint32_t ssrc, unsigned number, uint8_t pt, size_t size)
{
	uint8_t payload[PAYLOAD_BYTES] = {0x10, number == 0 ? 0x10 : 0x11, 2, 0, 0x9d, 1, 0x2a};
	uint8_t packet[PAYLOAD_BYTES + MEDIA_HEADER_BYTES];
	const struct media m = {.ssrc = ssrc,
				.seq = (uint16_t)(100 + number),
				.ts = number * 3000,
				.pt = pt,
				.payload = payload,
				.size = size};

	room_send_rtp(r, &r->peers[PUBLISHER], packet, media_write(packet, &m));
}

static void send_video(struct room *r, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		send(r, VIDEO_SSRC, sent++, ROOM_VIDEO_PT, PAYLOAD_BYTES);
	room_collect(r);
}

static unsigned count_of(struct room *r, unsigned peer)
{
	struct room_packet *got[ROOM_PACKETS_MAX];

	return room_of(r, peer, false, got, ROOM_PACKETS_MAX);
}

// What leaves within the time: copies, and when.
static unsigned pass(struct room *r, uint64_t us, struct room_packet *out, unsigned room)
{
	struct room_packet *got[ROOM_PACKETS_MAX];
	unsigned found = 0;

	for (uint64_t end_us = r->now_us + us; r->now_us < end_us;) {
		room_time(r, r->now_us + TICK_US);
		room_housekeeping(r);
		room_collect(r);
		unsigned n = room_of(r, NARROW, false, got, ROOM_PACKETS_MAX);
		for (unsigned i = 0; i < n && found < room; i++)
			out[found++] = *got[i];
	}
	return found;
}

static uint64_t drops(const struct room *r, enum shm_egress_drop why)
{
	return r->h->dp.workers[0].stats.egress_drops[why];
}

static void a_burst_is_spread(void **state)
{
	static struct room_packet out[BURST];
	struct room *r = *state;

	remb(r, RATE_BPS);
	send_video(r, BURST);
	assert_int_equal(count_of(r, WIDE), BURST);
	unsigned at_once = count_of(r, NARROW);
	assert_in_range(at_once, 1, 2);
	unsigned soon = pass(r, 50000, out, BURST);
	assert_in_range(soon, 4, 6); // 1072 bytes on the wire take 9.7 ms at 880 kbit/s
	soon += pass(r, 200000, out + soon, BURST - soon);
	assert_int_equal(at_once + soon, BURST);
	for (unsigned i = 1; i < soon; i++) {
		const struct media_read before = media_read(&out[i - 1]), m = media_read(&out[i]);
		assert_int_equal(m.m.seq, (uint16_t)(before.m.seq + 1));
		assert_int_equal(m.m.twcc, (uint16_t)(before.m.twcc + 1));
		assert_int_equal(m.m.size, PAYLOAD_BYTES);
	}
	const struct shm_transport_stats *stats = &r->h->dp.transports[r->peers[NARROW].id].stats;
	assert_in_range(stats->pacer_delay_us / soon, 70000, 120000); // half of 190 ms or so
	assert_int_equal(stats->pacer_refused, 0);
}

static void nothing_waits_without_an_estimate(void **state)
{
	struct room *r = *state;

	send_video(r, BURST);
	assert_int_equal(count_of(r, NARROW), BURST);
}

static void audio_does_not_wait(void **state)
{
	struct room_packet *got[BURST];
	struct room *r = *state;

	remb(r, RATE_BPS);
	send_video(r, BURST);
	send(r, AUDIO_SSRC, 0, ROOM_AUDIO_PT, 100);
	room_collect(r);
	assert_int_equal(room_of(r, NARROW, false, got, BURST), 1);
	assert_int_equal(media_read(got[0]).m.ssrc, LISTENER);
}

static void a_repair_goes_first(void **state)
{
	struct room_packet *got[BURST], out[2];
	uint8_t compound[100];
	struct bytes_writer w;
	struct room *r = *state;

	remb(r, RATE_BPS);
	send_video(r, BURST);
	assert_true(room_of(r, NARROW, false, got, BURST) >= 1);
	uint16_t seq = media_read(got[0]).m.seq;
	bytes_writer_init(&w, compound, sizeof(compound));
	rtcp_put_rr(&w, SENDER, NULL, 0);
	assert_int_equal(rtcp_put_nack(&w, SENDER, CONSUMER, &seq, 1), 1);
	room_send_rtcp(r, &r->peers[NARROW], compound, w.size);
	room_collect(r);
	assert_int_equal(room_of(r, NARROW, false, got, BURST), 1);
	assert_int_equal(media_read(got[0]).m.ssrc, REPAIR);
	assert_int_equal(bytes_be16(media_read(got[0]).m.payload), seq);
	// Video waits for it: two packets are owed, of 9.7 ms each.
	assert_int_equal(pass(r, 8000, out, 2), 0);
	assert_int_equal(pass(r, 15000, out, 2), 1);
	assert_int_equal(media_read(&out[0]).m.ssrc, CONSUMER);
}

static void too_much_is_refused(void **state)
{
	static struct room_packet out[PACED_PACKETS_MAX];
	struct room *r = *state;

	remb(r, RATE_BPS);
	for (unsigned i = 0; i < PACED_PACKETS_MAX / BURST + 1; i++)
		send_video(r, BURST);
	uint64_t refused = drops(r, SHM_EGRESS_DROP_PACER_FULL);
	// What the bound of PACER_QUEUE_BYTES_MIN leaves out.
	unsigned room = PACER_QUEUE_BYTES_MIN / (PAYLOAD_BYTES + 72);
	assert_in_range(refused, sent - room - 3, sent - room);
	assert_int_equal(r->h->dp.transports[r->peers[NARROW].id].stats.pacer_refused, refused);
	// What was taken leaves, though it takes more than a second.
	unsigned left = pass(r, 3000000, out, PACED_PACKETS_MAX);
	assert_int_equal(drops(r, SHM_EGRESS_DROP_PACER_STALE), 0);
	assert_in_range(left + refused, sent - 2, sent - 1);
	assert_int_equal(r->h->dp.workers[0].paced_count, 0);
}

// What the history let go of before its turn came is left out by name.
static void what_waits_too_long_is_left_out(void **state)
{
	static struct room_packet out[PACED_PACKETS_MAX];
	struct room *r = *state;

	remb(r, RATE_BPS / 4);
	for (unsigned i = 0; i < 5; i++)
		send_video(r, BURST);
	unsigned left = pass(r, 6000000, out, PACED_PACKETS_MAX);
	uint64_t stale = drops(r, SHM_EGRESS_DROP_PACER_STALE);
	assert_in_range(left, 60, 85); // 1072 bytes take 39 ms at 220 kbit/s
	assert_in_range(left + stale, sent - 2, sent - 1);
	assert_int_equal(r->h->dp.workers[0].paced_count, 0);
}

static void consumers_may_go_meanwhile(void **state)
{
	struct room_packet out[2];
	struct room *r = *state;

	remb(r, RATE_BPS);
	send_video(r, BURST);
	room_op(r, SHM_RECORD_SUBSCRIPTION, SHM_ACTION_REMOVE, 0,
		r->h->dp.subscriptions[0].generation);
	room_apply(r);
	assert_int_equal(pass(r, 300000, out, 2), 0);
	assert_in_range(drops(r, SHM_EGRESS_DROP_PACER_STALE), BURST - 2, BURST - 1);
}

static void subscribers_may_go_meanwhile(void **state)
{
	struct room *r = *state;
	const uint32_t id = r->peers[NARROW].id;

	remb(r, RATE_BPS);
	send_video(r, BURST);
	for (uint32_t i = 0; i < 2; i++)
		room_op(r, SHM_RECORD_SUBSCRIPTION, SHM_ACTION_REMOVE, i,
			r->h->dp.subscriptions[i].generation);
	room_op(r, SHM_RECORD_TRANSPORT, SHM_ACTION_REMOVE, id, r->h->dp.transports[id].generation);
	room_apply(r);
	assert_int_equal(r->h->dp.workers[0].paced_count, 0);
	room_time(r, r->now_us + 300000);
	room_housekeeping(r);
}

int main(void)
{
#define PATH_TEST(f) cmocka_unit_test_setup_teardown(f, behind_a_narrow_path, leave)
	const struct CMUnitTest tests[] = {
		PATH_TEST(a_burst_is_spread),	       PATH_TEST(nothing_waits_without_an_estimate),
		PATH_TEST(audio_does_not_wait),	       PATH_TEST(a_repair_goes_first),
		PATH_TEST(too_much_is_refused),	       PATH_TEST(what_waits_too_long_is_left_out),
		PATH_TEST(consumers_may_go_meanwhile), PATH_TEST(subscribers_may_go_meanwhile),
	};

	return cmocka_run_group_tests_name("pacing", tests, NULL, NULL);
}
