// SPDX-License-Identifier: Apache-2.0
//
// tests/path/lip_sync_test.c - two encodings with clocks of their own, one of which takes longer to
// come: whichever a consumer is sent, its timestamps say when a picture was taken as before, so
// what it knows of the clock from earlier sender reports still holds.
#include "dataplane/core/path.h"
#include "dataplane/tables/subscription.h"
#include "dataplane/tables/track.h"
#include "proto/rtc/rtcp_build.h"
#include "tests/path/media.h"
#include "tests/path/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/path/both_workers.h"

enum { VIDEO, LOW, HIGH, CONSUMER = 0x2000, REPAIR = 0x3000, PUBLISHER = 0, VIEWER = 1 };
enum { FRAME_US = 50000, FRAME_TICKS = 4500, LATE_US = 30000, SECOND_FRAMES = 20 };
enum { MILLISECOND_TICKS = 90, NUMBER = 8, PAYLOAD_BYTES = 100 };
static const uint32_t ssrcs[] = {[LOW] = 0x111, [HIGH] = 0x222};
static const uint32_t starts[] = {[LOW] = 0xfffff000, [HIGH] = 0x1234567}; // timestamps

static unsigned frame; // the next one's number
static uint32_t first_ts; // the consumer's of frame 0
static struct media newest_of[1000]; // as the consumer got it last, by frame
static unsigned caught_up; // packets that came with another time

static struct room *simulcast(unsigned workers)
{
	struct room *r = room_new(workers);
	struct room_peer *from = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.1");
	struct room_peer *to =
		room_join(r, SHM_SUITE_AEAD_AES_128_GCM, workers - 1, "198.51.100.2");
	struct shm_track_config *c =
		room_track(r, VIDEO, from, SHM_KIND_VIDEO, SHM_CODEC_VP8, ssrcs[LOW]);

	c->encoding_count = 2;
	c->encodings[1].ssrc = ssrcs[HIGH];
	struct shm_subscription_config *s = room_subscribe(r, 0, VIDEO, to, CONSUMER);
	s->layer_wishes = SHM_LAYER_MAXIMUM;
	s->maximum = (struct shm_layer){0, 3};
	s->rtx_ssrc = REPAIR;
	s->pts[0].rtx = 101;
	s->rtx_sequence_start = 1;
	room_apply(r);
	frame = caught_up = 0;
	return r;
}

BOTH_WORKERS(simulcast)

static void send(struct room *r, unsigned which, bool key)
{
	uint8_t payload[PAYLOAD_BYTES] = {0x10, key ? 0x10 : 0x11, 2, 0, 0x9d, 1, 0x2a};
	uint8_t packet[PAYLOAD_BYTES + MEDIA_HEADER_BYTES];
	const struct media m = {.ssrc = ssrcs[which],
				.seq = (uint16_t)(100 * which + frame),
				.ts = starts[which] + frame * FRAME_TICKS,
				.pt = ROOM_VIDEO_PT,
				.marker = true,
				.payload = payload,
				.size = sizeof(payload)};

	bytes_store_be16(payload + NUMBER, (uint16_t)frame);
	room_send_rtp(r, &r->peers[PUBLISHER], packet, media_write(packet, &m));
	room_deliver(r);
}

// Of frame 'at', which was taken at that many times FRAME_US.
static void send_report(struct room *r, unsigned which, unsigned at)
{
	const struct rtcp_sr sr = {
		.ntp = UINT64_C(0xe000000000000000) + rtcp_ntp_elapsed((uint64_t)at * FRAME_US),
		.ssrc = ssrcs[which],
		.ts = starts[which] + at * FRAME_TICKS,
	};
	uint8_t bytes[64];
	struct bytes_writer w;

	bytes_writer_init(&w, bytes, sizeof(bytes));
	rtcp_put_sr(&w, &sr, NULL, 0);
	room_send_rtcp(r, &r->peers[PUBLISHER], bytes, w.size);
	room_deliver(r);
}

// What the consumer got shows its time within a millisecond, or is a catching up that never goes
// back. Returns how many showed it.
static unsigned see(struct room *r, uint32_t *newest)
{
	struct room_packet *got[64];
	unsigned right = 0;

	room_collect(r);
	unsigned n = room_of(r, VIEWER, false, got, 64);
	for (unsigned i = 0; i < n; i++) {
		const struct media_read m = media_read(got[i]);
		unsigned number = bytes_be16(m.m.payload + NUMBER);

		if (m.m.ssrc != CONSUMER)
			continue;
		if (number == 0)
			first_ts = m.m.ts;
		else
			assert_true((int32_t)(m.m.ts - *newest) > 0);
		*newest = m.m.ts;
		newest_of[number] = m.m;
		int32_t off = (int32_t)(m.m.ts - (first_ts + number * FRAME_TICKS));
		bool is_right = off >= -MILLISECOND_TICKS && off <= MILLISECOND_TICKS;
		right += is_right;
		caught_up += !is_right;
	}
	return right;
}

// So many frames, the higher encoding's late. Returns how many came with their right time.
static unsigned run(struct room *r, unsigned frames, unsigned key_at, uint32_t *newest)
{
	unsigned right = 0;

	for (unsigned i = 0; i < frames; i++, frame++) {
		bool key = i == key_at;

		send(r, LOW, key);
		room_time(r, r->now_us + LATE_US);
		send(r, HIGH, key);
		room_time(r, r->now_us + FRAME_US - LATE_US);
		room_housekeeping(r);
		right += see(r, newest);
	}
	return right;
}

static void wish(struct room *r, uint8_t spatial)
{
	r->h->dp.shm.subscriptions[0].config.maximum.spatial = spatial;
	room_op(r, SHM_RECORD_SUBSCRIPTION, SHM_ACTION_APPLY, 0, 1);
	room_apply(r);
}

static uint64_t wishes(const struct room *r, unsigned encoding)
{
	return r->h->dp.tracks[VIDEO].encodings[encoding].stats.keyframe_wishes;
}

static void start(struct room *r, uint32_t *newest)
{
	run(r, 1, 0, newest);
	send_report(r, LOW, frame);
	send_report(r, HIGH, frame);
	run(r, 2 * SECOND_FRAMES, UINT32_MAX, newest);
	assert_int_equal(r->h->dp.subscriptions[0].encoding, 0);
}

// Up at a keyframe, which comes later than the other encoding's picture of the same moment, and
// down again.
static void the_clock_is_kept_over_a_change(void **state)
{
	struct room *r = *state;
	uint32_t newest = 0;

	start(r, &newest);
	for (unsigned i = 0; i < 3; i++) {
		wish(r, i % 2 == 0);
		// One picture of both, at the change.
		assert_in_range(run(r, SECOND_FRAMES, 8, &newest), SECOND_FRAMES,
				SECOND_FRAMES + 1);
		assert_int_equal(r->h->dp.subscriptions[0].encoding, i % 2 == 0);
	}
}

// The last keyframe will do: no other is asked for. What it brings along has been seen already, and
// is over at once; the next picture shows its time as ever. So does a repair of what was caught up.
static void a_change_begins_with_the_last_keyframe(void **state)
{
	struct room *r = *state;
	struct room_packet *got[4];
	uint32_t newest = 0;
	uint8_t compound[64];
	struct bytes_writer w;

	start(r, &newest);
	run(r, 3, 0, &newest);
	uint64_t before = wishes(r, 1);
	unsigned repaired = frame - 2;
	wish(r, 1);
	assert_in_range(run(r, 5, UINT32_MAX, &newest), 5, 6);
	assert_int_equal(r->h->dp.subscriptions[0].encoding, 1);
	assert_int_equal(wishes(r, 1), before);
	assert_in_range(caught_up, 3, 6);
	bytes_writer_init(&w, compound, sizeof(compound));
	rtcp_put_nack(&w, 1, CONSUMER, &newest_of[repaired].seq, 1);
	room_send_rtcp(r, &r->peers[VIEWER], compound, w.size);
	room_collect(r);
	assert_int_equal(room_of(r, VIEWER, false, got, 4), 1);
	const struct media_read m = media_read(got[0]);
	assert_int_equal(m.m.ssrc, REPAIR);
	assert_int_equal(bytes_be16(m.m.payload + 2 + NUMBER), repaired);
	assert_int_equal(m.m.ts, newest_of[repaired].ts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(the_clock_is_kept_over_a_change),
		BOTH(a_change_begins_with_the_last_keyframe),
	};

	return cmocka_run_group_tests_name("lip_sync", tests, NULL, NULL);
}
