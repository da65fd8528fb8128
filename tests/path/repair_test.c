// SPDX-License-Identifier: Apache-2.0
//
// tests/path/repair_test.c - what a consumer misses it asks for, and gets by RTX: within a budget,
// once per round trip, as it was sent the first time.
#include "dataplane/core/path.h"
#include "dataplane/tables/subscription.h"
#include "proto/rtc/rtcp_build.h"
#include "tests/path/media.h"
#include "tests/path/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/path/both_workers.h"

enum { VIDEO = 0, VIDEO_SSRC = 0x51de0, CONSUMER = 0x2000, REPAIR = 0x3000, REPAIR_PT = 101 };
enum { PUBLISHER = 0, WITH_RTX = 1, WITHOUT = 2, SEQ = 100, PACKETS = 10, PAYLOAD_BYTES = 300 };

static struct room *three(unsigned workers)
{
	struct room *r = room_new(workers);
	struct room_peer *from = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.1");
	struct room_peer *with =
		room_join(r, SHM_SUITE_AES_CM_128_HMAC_SHA1_80, workers - 1, "2001:db8::77");
	struct room_peer *without =
		room_join(r, SHM_SUITE_AEAD_AES_256_GCM, workers - 1, "198.51.100.3");

	room_track(r, VIDEO, from, SHM_KIND_VIDEO, SHM_CODEC_VP8, VIDEO_SSRC);
	struct shm_subscription_config *c = room_subscribe(r, 0, VIDEO, with, CONSUMER);
	c->rtx_ssrc = REPAIR;
	c->rtx_sequence_start = 0x7fff;
	c->pts[0].rtx = REPAIR_PT;
	room_subscribe(r, 1, VIDEO, without, CONSUMER);
	room_apply(r);
	return r;
}

BOTH_WORKERS(three)

// RFC 7741: the first a keyframe, the rest not; each with bytes of its own.
static void send_video(struct room *r, unsigned number)
{
	uint8_t payload[PAYLOAD_BYTES] = {0x10, number == 0 ? 0x10 : 0x11, 2, 0, 0x9d, 1, 0x2a};
	uint8_t packet[PAYLOAD_BYTES + MEDIA_HEADER_BYTES];
	const struct media m = {.ssrc = VIDEO_SSRC,
				.seq = (uint16_t)(SEQ + number),
				.ts = number * 3000,
				.pt = ROOM_VIDEO_PT,
				.marker = true,
				.payload = payload,
				.size = sizeof(payload)};

	memset(payload + 7, (int)number, sizeof(payload) - 7);
	room_send_rtp(r, &r->peers[PUBLISHER], packet, media_write(packet, &m));
}

static void nack(struct room *r, unsigned peer, uint16_t *seqs, size_t count)
{
	uint8_t compound[400];
	struct bytes_writer w;

	bytes_writer_init(&w, compound, sizeof(compound));
	rtcp_put_rr(&w, 1, NULL, 0);
	assert_int_equal(rtcp_put_nack(&w, 1, CONSUMER, seqs, count), count);
	room_send_rtcp(r, &r->peers[peer], compound, w.size);
	room_collect(r);
}

static unsigned first_packets(struct room *r, unsigned peer, struct room_packet copies[PACKETS])
{
	struct room_packet *got[PACKETS];

	for (unsigned i = 0; i < PACKETS; i++)
		send_video(r, i);
	room_collect(r);
	unsigned count = room_of(r, peer, false, got, PACKETS);
	for (unsigned i = 0; i < count; i++)
		copies[i] = *got[i];
	return count;
}

static const struct shm_subscription_stats *stats(struct room *r, uint32_t slot)
{
	return &r->h->dp.subscriptions[slot].stats;
}

static void rtx_brings_what_was_lost(void **state)
{
	struct room *r = *state;
	struct room_packet sent[PACKETS], *got[PACKETS];

	assert_int_equal(first_packets(r, WITH_RTX, sent), PACKETS);
	uint16_t missing[] = {bytes_be16(sent[3].bytes + 2), bytes_be16(sent[4].bytes + 2),
			      bytes_be16(sent[9].bytes + 2)};
	nack(r, WITH_RTX, missing, 3);
	assert_int_equal(room_of(r, WITH_RTX, false, got, PACKETS), 3);
	static const unsigned which[] = {3, 4, 9};
	for (unsigned i = 0; i < 3; i++) {
		const struct media_read original = media_read(&sent[which[i]]);
		const struct media_read rtx = media_read(got[i]);
		assert_int_equal(rtx.m.ssrc, REPAIR);
		assert_int_equal(rtx.m.pt, REPAIR_PT);
		assert_int_equal(rtx.m.seq, (uint16_t)(0x7fff + i));
		assert_int_equal(rtx.m.ts, original.m.ts);
		assert_int_equal(rtx.m.marker, original.m.marker);
		assert_string_equal(rtx.mid, original.mid);
		assert_int_equal(rtx.m.twcc, (uint16_t)(PACKETS + i)); // a number of its own
		assert_int_equal(bytes_be16(rtx.m.payload), original.m.seq);
		assert_int_equal(rtx.m.size, original.m.size + 2);
		assert_memory_equal(rtx.m.payload + 2, original.m.payload, original.m.size);
	}
	assert_int_equal(stats(r, 0)->nack_count, 1);
	assert_int_equal(stats(r, 0)->nack_refused, 0);
	assert_int_equal(stats(r, 0)->retransmitted_packets_sent, 3);
	assert_int_equal(stats(r, 0)->retransmitted_bytes_sent, 3 * PAYLOAD_BYTES);
}

static void without_rtx_nothing_is_sent_again(void **state)
{
	struct room *r = *state;
	struct room_packet sent[PACKETS];

	assert_int_equal(first_packets(r, WITHOUT, sent), PACKETS);
	uint16_t missing[] = {bytes_be16(sent[3].bytes + 2)};
	nack(r, WITHOUT, missing, 1);
	assert_int_equal(r->got_count, 0);
	assert_int_equal(stats(r, 1)->nack_count, 1);
	assert_int_equal(stats(r, 1)->nack_refused, 1);
}

static void what_was_never_sent_or_is_too_old_is_refused(void **state)
{
	struct room *r = *state;
	struct room_packet sent[PACKETS];

	assert_int_equal(first_packets(r, WITH_RTX, sent), PACKETS);
	uint16_t ahead[] = {(uint16_t)(bytes_be16(sent[9].bytes + 2) + 1)};
	uint16_t known[] = {bytes_be16(sent[5].bytes + 2)};
	nack(r, WITH_RTX, ahead, 1);
	assert_int_equal(r->got_count, 0);
	room_time(r, r->now_us + 1100000);
	room_housekeeping(r);
	room_collect(r);
	nack(r, WITH_RTX, known, 1);
	assert_int_equal(r->got_count, 0);
	assert_int_equal(stats(r, 0)->nack_refused, 2);
}

// Whoever asks for everything, again and again, is answered within a budget, and the other consumer
// gets the next packet as ever.
static void a_storm_costs_a_bounded_budget(void **state)
{
	struct room *r = *state;
	struct room_packet sent[PACKETS], *got[PACKETS];
	uint16_t all[PACKETS];

	assert_int_equal(first_packets(r, WITH_RTX, sent), PACKETS);
	for (unsigned i = 0; i < PACKETS; i++)
		all[i] = bytes_be16(sent[i].bytes + 2);
	for (unsigned i = 0; i < 1000; i++)
		nack(r, WITH_RTX, all, PACKETS);
	const struct worker *w = &r->h->dp.workers[r->h->dp.worker_count - 1];
	uint64_t unheard = w->stats.ingress_drops[SHM_INGRESS_DROP_RTCP_RATE];
	assert_in_range(unheard, 1, 999);
	assert_int_equal(stats(r, 0)->nack_count, 1000 - unheard);
	assert_int_equal(stats(r, 0)->nack_refused + stats(r, 0)->retransmitted_packets_sent,
			 (1000 - unheard) * PACKETS);
	assert_true(stats(r, 0)->retransmitted_packets_sent <= 64); // all within one interval
	send_video(r, PACKETS);
	room_collect(r);
	assert_int_equal(room_of(r, WITHOUT, false, got, PACKETS), 1);
	assert_int_equal(room_of(r, WITH_RTX, false, got, PACKETS), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(rtx_brings_what_was_lost),
		BOTH(without_rtx_nothing_is_sent_again),
		BOTH(what_was_never_sent_or_is_too_old_is_refused),
		BOTH(a_storm_costs_a_bounded_budget),
	};

	return cmocka_run_group_tests_name("repair", tests, NULL, NULL);
}
