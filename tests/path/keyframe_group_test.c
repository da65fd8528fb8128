// SPDX-License-Identifier: Apache-2.0
//
// tests/path/keyframe_group_test.c - who comes late begins with the last keyframe and what came
// behind it, and only where that does not serve is the publisher asked for another.
#include "dataplane/forward/keyframe_group.h"
#include "dataplane/tables/track.h"
#include "tests/path/media.h"
#include "tests/path/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/path/both_workers.h"

enum { VIDEO = 0, VIDEO_SSRC = 0x51de0, CONSUMER = 0x2000, SEQ = 100, FRAME_US = 33000 };
enum { PUBLISHER = 0, EARLY = 1, LATE = 2, PACKETS = 12, PAYLOAD_BYTES = 300 };

static struct room *three(unsigned workers)
{
	struct room *r = room_new(workers);
	struct room_peer *from = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.1");
	struct room_peer *early =
		room_join(r, SHM_SUITE_AEAD_AES_128_GCM, workers - 1, "198.51.100.2");

	room_join(r, SHM_SUITE_AEAD_AES_128_GCM, workers - 1, "198.51.100.3");
	room_track(r, VIDEO, from, SHM_KIND_VIDEO, SHM_CODEC_VP8, VIDEO_SSRC);
	room_subscribe(r, 0, VIDEO, early, CONSUMER);
	room_apply(r);
	return r;
}

BOTH_WORKERS(three)

// RFC 7741; a frame is one packet, with its number in its bytes.
static void send_video(struct room *r, unsigned number, bool key)
{
	uint8_t payload[PAYLOAD_BYTES] = {0x10, key ? 0x10 : 0x11, 2, 0, 0x9d, 1, 0x2a};
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
	room_deliver(r);
	room_time(r, r->now_us + FRAME_US);
}

// Keyframe and all but the last of its packets; then somebody comes, and the last.
static unsigned comes_late(struct room *r, uint64_t wait_us, unsigned lost,
			   struct room_packet **got)
{
	for (unsigned i = 0; i < PACKETS - 1; i++)
		if (i == 0 || i != lost)
			send_video(r, i, i == 0);
	room_collect(r);
	room_time(r, r->now_us + wait_us);
	room_subscribe(r, 1, VIDEO, &r->peers[LATE], CONSUMER);
	room_apply(r);
	send_video(r, PACKETS - 1, false);
	room_collect(r);
	return room_of(r, LATE, false, got, PACKETS);
}

static uint64_t wishes(const struct room *r)
{
	return r->h->dp.tracks[VIDEO].encodings[0].stats.keyframe_wishes;
}

static uint64_t groups_sent(const struct room *r)
{
	return r->h->dp.workers[r->h->dp.worker_count - 1].stats.keyframe_groups_sent;
}

static void the_last_keyframe_serves(void **state)
{
	struct room *r = *state;
	struct room_packet *got[PACKETS];
	uint64_t before = wishes(r);

	assert_int_equal(comes_late(r, 1500000, 0, got), PACKETS);
	const struct media_read first = media_read(got[0]);
	for (unsigned i = 0; i < PACKETS; i++) {
		const struct media_read read = media_read(got[i]);

		assert_int_equal(read.m.seq, (uint16_t)(first.m.seq + i));
		assert_int_equal(read.m.ts, first.m.ts + i * 3000);
		assert_int_equal(read.m.payload[7], i); // the number it was sent with
	}
	assert_int_equal(groups_sent(r), 1);
	assert_int_equal(wishes(r), before);
	assert_int_equal(room_of(r, EARLY, false, got, PACKETS), 1); // nothing twice
}

static void is_asked_for(struct room *r, uint64_t wait_us, unsigned lost)
{
	struct room_packet *got[PACKETS];
	uint64_t before = wishes(r);

	assert_int_equal(comes_late(r, wait_us, lost, got), 0);
	assert_int_equal(groups_sent(r), 0);
	assert_true(wishes(r) > before);
	send_video(r, PACKETS, true);
	room_collect(r);
	assert_int_equal(room_of(r, LATE, false, got, PACKETS), 1);
}

static void an_old_one_does_not_serve(void **state)
{
	is_asked_for(*state, KEYFRAME_CACHE_AGE_MAX_US, 0);
}

static void one_with_a_gap_does_not_serve(void **state)
{
	is_asked_for(*state, 0, 5);
}

// At 5 Mbit/s, which is what a path without an estimate is given, half a second brings 312 kB.
static void one_too_large_does_not_serve(void **state)
{
	struct room *r = *state;

	send_video(r, 0, true);
	struct keyframe_cache *cache =
		&r->h->dp.workers[r->h->dp.worker_count - 1].groups[VIDEO].encodings[0];
	const struct transport *to = &r->h->dp.transports[r->peers[LATE].id];
	const struct shm_ref track = {
		VIDEO, r->h->dp.workers[0].dp->tracks[VIDEO].encodings[0].stats.track_generation};

	cache->bytes = 312500;
	assert_true(keyframe_group_serves(&r->h->dp.workers[r->h->dp.worker_count - 1], to, track,
					  0, KEYFRAME_CACHE_AGE_MAX_US));
	cache->bytes = 312501;
	assert_false(keyframe_group_serves(&r->h->dp.workers[r->h->dp.worker_count - 1], to, track,
					   0, KEYFRAME_CACHE_AGE_MAX_US));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(the_last_keyframe_serves),
		BOTH(an_old_one_does_not_serve),
		BOTH(one_with_a_gap_does_not_serve),
		BOTH(one_too_large_does_not_serve),
	};

	return cmocka_run_group_tests_name("keyframe_group", tests, NULL, NULL);
}
