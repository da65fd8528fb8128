// SPDX-License-Identifier: Apache-2.0
//
// tests/path/layers_test.c - what a publisher sends, layer by layer: the steps every worker reads.
#include "dataplane/core/path.h"
#include "dataplane/tables/track.h"
#include "tests/path/media.h"
#include "tests/path/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { VIDEO = 0, LOW_SSRC = 0x10, HIGH_SSRC = 0x20, FRAMES = 20, FRAME_US = 50000 };

static int simulcast(void **state)
{
	struct room *r = room_new(1);
	struct room_peer *publisher = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.1");
	struct room_peer *viewer = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.2");
	struct shm_track_config *c =
		room_track(r, VIDEO, publisher, SHM_KIND_VIDEO, SHM_CODEC_VP8, LOW_SSRC);

	c->encoding_count = 2;
	c->encodings[1].ssrc = HIGH_SSRC;
	room_subscribe(r, 0, VIDEO, viewer, 0x2000);
	room_apply(r);
	*state = r;
	return 0;
}

static int leave(void **state)
{
	room_free(*state);
	return 0;
}

// RFC 7741: X, picture id of 15 bits, TL0PICIDX, TID and Y; then a frame of 'size' bytes in all.
static void send_vp8(struct room *r, uint32_t ssrc, unsigned number, unsigned temporal, size_t size)
{
	uint8_t payload[1200] = {0x90,
				 0xe0,
				 0x80,
				 (uint8_t)number,
				 1,
				 (uint8_t)(temporal << 6),
				 (uint8_t)(number != 0)};
	uint8_t packet[1400];
	const struct media m = {.ssrc = ssrc,
				.seq = (uint16_t)(100 + number),
				.ts = number * 4500,
				.pt = ROOM_VIDEO_PT,
				.payload = payload,
				.size = size};

	room_send_rtp(r, &r->peers[0], packet, media_write(packet, &m));
}

static struct track_step step(struct room *r, unsigned i)
{
	uint64_t word = atomic_load(&r->h->dp.tracks[VIDEO].steps[i]);
	struct track_step s;

	memcpy(&s, &word, sizeof(s));
	return s;
}

// One second at 20 frames a second, every other frame in the upper temporal layer.
static void second_of_video(struct room *r, bool with_high)
{
	for (unsigned i = 0; i < FRAMES; i++) {
		room_time(r, r->now_us + FRAME_US);
		send_vp8(r, LOW_SSRC, i, i % 2, 200);
		if (with_high)
			send_vp8(r, HIGH_SSRC, i, i % 2, 1000);
		room_housekeeping(r);
		room_collect(r);
	}
}

static void steps_rise_from_the_lowest_layer(void **state)
{
	struct room *r = *state;

	second_of_video(r, true);
	for (unsigned i = 0; i < 4; i++) {
		struct track_step s = step(r, i);
		assert_int_equal(s.encoding, i / 2);
		assert_int_equal(s.temporal, i % 2);
		assert_int_equal(s.active, 1);
	}
	// 10 packets of 228 bytes in the lower layer alone are 18 kbit/s; and so on. A slot of the
	// window may be under way: at most a fifth is missing.
	static const uint32_t most[] = {19, 37, 83, 165};
	for (unsigned i = 0; i < 4; i++)
		assert_in_range(step(r, i).rate_kbps, most[i] * 7 / 10, most[i]);
	assert_int_equal(step(r, 4).rate_kbps, 0);
}

static void an_encoding_that_falls_silent_is_inactive(void **state)
{
	struct room *r = *state;

	second_of_video(r, true);
	for (unsigned i = 0; i < FRAMES; i++) {
		room_time(r, r->now_us + FRAME_US);
		send_vp8(r, LOW_SSRC, FRAMES + i, i % 2, 200);
		room_housekeeping(r);
		room_collect(r);
	}
	room_time(r, r->now_us + FRAME_US);
	room_housekeeping(r);
	room_collect(r);
	assert_int_equal(step(r, 1).active, 1);
	assert_int_equal(step(r, 2).active, 0);
	assert_int_equal(step(r, 3).active, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(steps_rise_from_the_lowest_layer, simulcast, leave),
		cmocka_unit_test_setup_teardown(an_encoding_that_falls_silent_is_inactive,
						simulcast, leave),
	};
	return cmocka_run_group_tests_name("layers", tests, NULL, NULL);
}
