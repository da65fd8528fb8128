// SPDX-License-Identifier: Apache-2.0
//
// tests/path/nack_test.c - what a publisher's path lost is asked for again, comes back by RTX, and
// reaches consumers under the number that was kept free for it.
#include "dataplane/tables/track.h"
#include "tests/path/checks.h"
#include "tests/path/media.h"

#include "proto/rtc/rtcp.h"

#include "tests/path/both_workers.h"

enum { VIDEO = 0, VIDEO_SSRC = 0x51de0, RTX_SSRC = 0x51de1, RTX_PT = 98, CONSUMER = 0x2000 };
enum { PUBLISHER = 0, VIEWER = 1, SEQ = 65534, PAYLOAD_BYTES = 100 };

static struct room *pair(unsigned workers)
{
	struct room *r = room_new(workers);
	struct room_peer *from = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.1");
	struct room_peer *to =
		room_join(r, SHM_SUITE_AES_CM_128_HMAC_SHA1_80, workers - 1, "2001:db8::77");
	struct shm_track_config *c =
		room_track(r, VIDEO, from, SHM_KIND_VIDEO, SHM_CODEC_VP8, VIDEO_SSRC);

	c->feedback |= SHM_FEEDBACK_NACK;
	c->codecs[0].rtx_pt = RTX_PT;
	c->encodings[0].rtx_ssrc = RTX_SSRC;
	room_subscribe(r, 0, VIDEO, to, CONSUMER);
	room_apply(r);
	return r;
}

BOTH_WORKERS(pair)

static size_t video_payload(uint8_t out[PAYLOAD_BYTES], unsigned number)
{
	static const uint8_t head[] = {0x10, 0x10, 2, 0, 0x9d, 1, 0x2a};

	memset(out, (int)number + 1, PAYLOAD_BYTES);
	memcpy(out, head, sizeof(head));
	out[1] |= number != 0; // RFC 7741: the first is a keyframe
	return PAYLOAD_BYTES;
}

static void send(struct room *r, const struct media *m)
{
	uint8_t packet[400];

	room_send_rtp(r, &r->peers[PUBLISHER], packet, media_write(packet, m));
}

static void send_video(struct room *r, unsigned number)
{
	uint8_t payload[PAYLOAD_BYTES];

	send(r, &(struct media){.ssrc = VIDEO_SSRC,
				.seq = (uint16_t)(SEQ + number),
				.ts = number * 3000,
				.pt = ROOM_VIDEO_PT,
				.payload = payload,
				.size = video_payload(payload, number)});
}

// RFC 4588 4: the original sequence number, then the original payload.
static void send_rtx(struct room *r, uint16_t seq, unsigned number)
{
	uint8_t payload[PAYLOAD_BYTES + 2];

	bytes_store_be16(payload, (uint16_t)(SEQ + number));
	send(r, &(struct media){.ssrc = RTX_SSRC,
				.seq = seq,
				.ts = number * 3000,
				.pt = RTX_PT,
				.payload = payload,
				.size = 2 + video_payload(payload + 2, number)});
}

// What the publisher is asked for, in 'seqs'.
static unsigned asked(struct room *r, uint16_t seqs[64])
{
	struct room_packet *got[64];
	struct rtcp_packet p;
	struct rtcp_walk walk;
	struct rtcp_nack nack;
	unsigned count = 0;

	room_collect(r);
	unsigned compounds = room_of(r, PUBLISHER, true, got, 64);
	for (unsigned i = 0; i < compounds; i++) {
		rtcp_walk_init(&walk, got[i]->bytes, (size_t)got[i]->size);
		while (rtcp_walk_next(&walk, &p))
			for (unsigned n = 0; rtcp_read_nack(&p, n, &nack); n++) {
				seqs[count++] = nack.seq;
				for (unsigned bit = 0; bit < 16; bit++)
					if ((nack.following >> bit & 1) != 0)
						seqs[count++] = (uint16_t)(nack.seq + bit + 1);
			}
	}
	return count;
}

static void pass(struct room *r, uint64_t us)
{
	room_time(r, r->now_us + us);
	room_housekeeping(r);
}

static uint64_t dropped(const struct room *r, enum shm_ingress_drop why)
{
	return r->h->dp.workers[0].stats.ingress_drops[why];
}

static const struct shm_encoding_stats *stats(const struct room *r)
{
	return &r->h->dp.tracks[VIDEO].encodings[0].stats;
}

// Packets 2 and 3 of six are lost; numbers cross 65535.
static void lose_two(struct room *r)
{
	for (unsigned i = 0; i < 6; i++)
		if (i != 2 && i != 3)
			send_video(r, i);
	room_collect(r);
}

static void lost_packets_are_asked_for_once_per_round_trip(void **state)
{
	struct room *r = *state;
	uint16_t seqs[64];

	lose_two(r);
	pass(r, 10000);
	assert_int_equal(asked(r, seqs), 2);
	assert_int_equal(seqs[0], (uint16_t)(SEQ + 2));
	assert_int_equal(seqs[1], (uint16_t)(SEQ + 3));
	pass(r, 10000);
	assert_int_equal(asked(r, seqs), 0);
	pass(r, 60000);
	assert_int_equal(asked(r, seqs), 2);
}

static void rtx_fills_the_gap_in_the_consumers_numbers(void **state)
{
	struct room *r = *state;
	struct room_packet *got[8];
	uint16_t seqs[64];

	lose_two(r);
	assert_int_equal(room_of(r, VIEWER, false, got, 8), 4);
	uint16_t first = media_read(got[0]).m.seq;
	assert_int_equal(media_read(got[2]).m.seq, (uint16_t)(first + 4)); // a true gap
	pass(r, 10000);
	assert_int_equal(asked(r, seqs), 2);
	send_rtx(r, 7, 2); // makes the stream of its SSRC, and is dropped by name
	assert_int_equal(checks_main(r).wanted, 1);
	room_collect(r);
	send_rtx(r, 8, 2);
	send_rtx(r, 9, 3);
	room_collect(r);
	assert_int_equal(room_of(r, VIEWER, false, got, 8), 2);
	for (unsigned i = 0; i < 2; i++) {
		const struct media_read m = media_read(got[i]);
		uint8_t payload[PAYLOAD_BYTES];
		assert_int_equal(m.m.ssrc, CONSUMER);
		assert_int_equal(m.m.seq, (uint16_t)(first + 2 + i));
		assert_int_equal(m.m.size, video_payload(payload, 2 + i));
		assert_memory_equal(m.m.payload, payload, PAYLOAD_BYTES);
	}
	assert_int_equal(stats(r)->retransmitted_packets_received, 2);
	assert_int_equal(stats(r)->packets_received, 4); // repairs do not hide the loss
	pass(r, 200000);
	assert_int_equal(asked(r, seqs), 0);
}

static void rtx_nobody_asked_for_changes_nothing(void **state)
{
	struct room *r = *state;
	struct room_packet *got[8];
	const struct media padding = {
		.ssrc = RTX_SSRC, .seq = 9, .pt = RTX_PT, .payload = (const uint8_t *)""};

	lose_two(r);
	send_rtx(r, 7, 1);
	assert_int_equal(checks_main(r).wanted, 1);
	room_collect(r);
	send_rtx(r, 8, 1);
	send(r, &padding);
	room_collect(r);
	assert_int_equal(room_of(r, VIEWER, false, got, 8), 0);
	assert_int_equal(dropped(r, SHM_INGRESS_DROP_RTX_UNASKED), 1);
	assert_int_equal(dropped(r, SHM_INGRESS_DROP_RTX_PADDING), 1);
}

static void what_never_comes_ends_in_a_keyframe_request(void **state)
{
	struct room *r = *state;
	uint16_t seqs[64];
	unsigned asks = 0;

	lose_two(r);
	pass(r, 10000);
	uint64_t plis = stats(r)->pli_count;
	for (unsigned i = 0; i < 100; i++) {
		asks += asked(r, seqs);
		pass(r, 20000);
	}
	assert_int_equal(asks, 2 * NACK_TRIES_MAX);
	assert_int_equal(stats(r)->packets_given_up, 2);
	assert_true(stats(r)->pli_count > plis);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(lost_packets_are_asked_for_once_per_round_trip),
		BOTH(rtx_fills_the_gap_in_the_consumers_numbers),
		BOTH(rtx_nobody_asked_for_changes_nothing),
		BOTH(what_never_comes_ends_in_a_keyframe_request),
	};

	return cmocka_run_group_tests_name("nack", tests, NULL, NULL);
}
