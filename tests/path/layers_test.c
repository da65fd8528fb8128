// SPDX-License-Identifier: Apache-2.0
//
// tests/path/layers_test.c - what a publisher sends, layer by layer: the steps every worker reads,
// and what a consumer gets that wishes for less.
#include "dataplane/core/path.h"
#include "dataplane/tables/subscription.h"
#include "dataplane/tables/track.h"
#include "tests/path/media.h"
#include "tests/path/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { PICTURE_ID = 2 }; // its offset in the payload of send_frame()
enum { VIDEO = 0, VIEWER = 1, LOW_SSRC = 0x10, HIGH_SSRC = 0x20, FRAMES = 20, FRAME_US = 50000 };

static int encodings(void **state, uint8_t count)
{
	struct room *r = room_new(1);
	struct room_peer *publisher = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.1");
	struct room_peer *viewer = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.2");
	struct shm_track_config *c =
		room_track(r, VIDEO, publisher, SHM_KIND_VIDEO, SHM_CODEC_VP8, LOW_SSRC);

	c->encoding_count = count;
	c->encodings[1].ssrc = HIGH_SSRC;
	room_subscribe(r, 0, VIDEO, viewer, 0x2000);
	room_apply(r);
	*state = r;
	return 0;
}

static int simulcast(void **state)
{
	return encodings(state, 2);
}

static int lone(void **state)
{
	return encodings(state, 1);
}

static int leave(void **state)
{
	room_free(*state);
	return 0;
}

// RFC 7741: X, picture id of 15 bits, TL0PICIDX, TID and Y; then a frame of 'size' bytes in all.
static void send_frame(struct room *r, uint32_t ssrc, unsigned number, unsigned temporal, bool key,
		       size_t size)
{
	uint8_t payload[1200] = {
		0x90, 0xe0, 0x80, (uint8_t)number, 1, (uint8_t)(temporal << 6), (uint8_t)!key};
	uint8_t packet[1400];
	const struct media m = {.ssrc = ssrc,
				.seq = (uint16_t)(100 + number),
				.ts = number * 4500,
				.pt = ROOM_VIDEO_PT,
				.payload = payload,
				.size = size};

	room_send_rtp(r, &r->peers[0], packet, media_write(packet, &m));
}

static void send_vp8(struct room *r, uint32_t ssrc, unsigned number, unsigned temporal, size_t size)
{
	send_frame(r, ssrc, number, temporal, number == 0, size);
}

static struct layer_step step(struct room *r, unsigned i)
{
	uint64_t word = atomic_load(&r->h->dp.tracks[VIDEO].steps[i]);
	struct layer_step s;

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
		struct layer_step s = step(r, i);
		assert_int_equal(s.encoding, i / 2);
		assert_int_equal(s.temporal, i % 2);
		assert_int_equal(s.active, 1);
	}
	// 10 packets of 272 bytes on the wire in the lower layer alone are 22 kbit/s; and so on.
	// The window is 0.8 s at least, time for eight packets: its ends may let in one more.
	static const uint32_t rate[] = {22, 44, 86, 172};
	for (unsigned i = 0; i < 4; i++)
		assert_in_range(step(r, i).rate_kbps, rate[i] * 7 / 8, rate[i] * 9 / 8 + 1);
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

static void wish_of(struct room *r, uint32_t consumer, uint8_t spatial, uint8_t temporal)
{
	struct shm_subscription_config *c = &r->h->dp.shm.subscriptions[consumer].config;

	c->layer_wishes = SHM_LAYER_MAXIMUM;
	c->maximum = (struct shm_layer){spatial, temporal};
	room_op(r, SHM_RECORD_SUBSCRIPTION, SHM_ACTION_APPLY, consumer, 1);
	room_apply(r);
}

static void wish_for(struct room *r, uint8_t spatial, uint8_t temporal)
{
	wish_of(r, 0, spatial, temporal);
}

// What the viewer gets, in one piece: no gap in sequence numbers or picture ids.
struct seen {
	unsigned count;
	unsigned high; // of the higher encoding, told by its size
	bool any; // ever
	uint16_t seq;
	uint16_t picture_id;
};

static void see(struct room *r, struct seen *seen)
{
	struct room_packet *got[8];
	unsigned n;

	room_collect(r);
	n = room_of(r, VIEWER, false, got, 8);
	for (unsigned i = 0; i < n; i++) {
		const struct media_read m = media_read(got[i]);
		uint16_t id = bytes_be16(m.m.payload + PICTURE_ID) & 0x7fff;
		if (seen->any) {
			assert_int_equal(m.m.seq, (uint16_t)(seen->seq + 1));
			assert_int_equal(id, (seen->picture_id + 1) & 0x7fff);
		}
		seen->any = true;
		seen->count++;
		seen->seq = m.m.seq;
		seen->picture_id = id;
		seen->high += m.m.size == 1000;
	}
}

// One second of both encodings, from frame 'from' on; keyframes at its frame 10 where asked for.
static void simulcast_second(struct room *r, unsigned from, bool low_key, bool high_key,
			     struct seen *seen)
{
	seen->count = 0;
	seen->high = 0;
	for (unsigned i = from; i < from + FRAMES; i++) {
		bool key = i == from + FRAMES / 2;

		room_time(r, r->now_us + FRAME_US);
		send_frame(r, LOW_SSRC, i, i % 2, i == 0 || (key && low_key), 200);
		send_frame(r, HIGH_SSRC, 50 + i, i % 2, i == 0 || (key && high_key), 1000);
		room_housekeeping(r);
		see(r, seen);
	}
}

// It begins with the best there is: what it wishes needs a keyframe of its own.
static void encodings_change_at_keyframes(void **state)
{
	struct room *r = *state;
	struct seen seen = {0};

	wish_for(r, 0, 3);
	simulcast_second(r, 0, true, false, &seen);
	assert_in_range(seen.high, 1, FRAMES / 2);
	simulcast_second(r, FRAMES, false, false, &seen);
	assert_int_equal(seen.count, FRAMES);
	assert_int_equal(seen.high, 0);
	uint64_t plis = r->h->dp.tracks[VIDEO].encodings[1].stats.pli_count;
	wish_for(r, 3, 3);
	simulcast_second(r, 2 * FRAMES, false, true, &seen);
	assert_int_equal(seen.count, FRAMES + 1); // one frame of both
	assert_int_equal(seen.high, FRAMES / 2);
	assert_true(r->h->dp.tracks[VIDEO].encodings[1].stats.pli_count > plis);
	assert_int_equal(r->h->dp.subscriptions[0].stats.layer_reason, SHM_LAYER_REQUESTED);
}

static void a_temporal_layer_is_left_out_without_a_gap(void **state)
{
	struct room *r = *state;
	struct seen seen = {0};

	wish_for(r, 0, 0);
	simulcast_second(r, 0, true, false, &seen);
	simulcast_second(r, FRAMES, false, false, &seen);
	assert_int_equal(seen.count, FRAMES / 2);
	assert_int_equal(seen.high, 0);
	assert_int_equal(r->h->dp.subscriptions[0].stats.target_layer.temporal, 0);
}

// One encoding, all of it at first; then less, from the next picture on, and nothing is missing.
static void less_is_left_out_in_mid_stream(void **state)
{
	struct room *r = *state;
	struct seen seen = {0};

	for (unsigned i = 0; i < 3 * FRAMES; i++) {
		if (i == FRAMES)
			wish_for(r, 0, 0);
		if (i == 2 * FRAMES)
			seen.count = 0;
		room_time(r, r->now_us + FRAME_US);
		send_frame(r, LOW_SSRC, i, i % 2, i == 0, 200);
		room_housekeeping(r);
		see(r, &seen);
		if (i == FRAMES - 1)
			assert_int_equal(seen.count, FRAMES);
	}
	assert_int_equal(seen.count, FRAMES / 2);
}

// What the viewer would have was stopped, and nobody is there who could ask for it: the best that
// runs will do, from its next keyframe on, until more runs again.
static void the_best_that_runs_is_sent(void **state)
{
	struct room *r = *state;
	struct seen seen = {0};
	const struct shm_encoding_stats *low = &r->h->dp.tracks[VIDEO].encodings[0].stats;
	uint64_t plis = 0;

	simulcast_second(r, 0, false, false, &seen);
	assert_int_equal(seen.high, FRAMES);
	for (unsigned i = FRAMES; i < 5 * FRAMES; i++) {
		if (i == 4 * FRAMES)
			seen.count = 0;
		room_time(r, r->now_us + FRAME_US);
		send_frame(r, LOW_SSRC, i, i % 2, low->pli_count != plis, 200);
		plis = low->pli_count;
		room_housekeeping(r);
		see(r, &seen);
	}
	assert_int_equal(seen.count, FRAMES);
	assert_int_equal(r->h->dp.subscriptions[0].stats.layer_reason, SHM_LAYER_PUBLISHER);
	simulcast_second(r, 5 * FRAMES, false, true, &seen);
	simulcast_second(r, 6 * FRAMES, false, true, &seen);
	assert_int_equal(seen.high, FRAMES);
	assert_int_equal(r->h->dp.subscriptions[0].stats.layer_reason, SHM_LAYER_REQUESTED);
}

static void quiet(struct room *r, uint64_t us, struct seen *seen)
{
	for (uint64_t end_us = r->now_us + us; r->now_us < end_us;) {
		room_time(r, r->now_us + FRAME_US);
		room_housekeeping(r);
		see(r, seen);
	}
}

// A picture that does not move is sent once in a while: each frame goes out when it comes, for
// nothing says that it does not fit, and begins nothing anew.
static void what_falls_silent_goes_on_at_once(void **state)
{
	struct room *r = *state;
	struct seen seen = {0};

	for (unsigned i = 0; i < FRAMES + 4; i++) {
		quiet(r, i < FRAMES ? FRAME_US : 2000000, &seen);
		if (i > FRAMES)
			assert_int_equal(r->h->dp.subscriptions[0].stats.layer_reason,
					 SHM_LAYER_PUBLISHER);
		send_frame(r, LOW_SSRC, i, i % 2, i == 0, 200);
		see(r, &seen);
		assert_int_equal(seen.count, i + 1);
	}
	assert_int_equal(r->h->dp.tracks[VIDEO].encodings[0].stats.keyframes, 1);
}

static void simulcast_that_falls_silent_goes_on_at_once(void **state)
{
	struct room *r = *state;
	struct seen seen = {0};

	simulcast_second(r, 0, false, false, &seen);
	assert_int_equal(seen.high, FRAMES);
	quiet(r, 2000000, &seen);
	unsigned before = seen.count;
	send_frame(r, LOW_SSRC, FRAMES, 0, false, 200);
	send_frame(r, HIGH_SSRC, 50 + FRAMES, 0, false, 1000);
	see(r, &seen);
	assert_int_equal(seen.high, FRAMES + 1);
	assert_int_equal(seen.count, before + 1);
}

// Three that left out layers from different pictures on and one that has everything: the same
// packet, with other ids for each.
static void consumers_of_one_packet_have_ids_of_their_own(void **state)
{
	enum { CONSUMERS = 4, FIRST_SSRC = 0x2000 };
	struct room *r = *state;
	struct seen seen[CONSUMERS] = {0};

	for (uint32_t i = 1; i < CONSUMERS; i++)
		room_subscribe(r, i, VIDEO, &r->peers[VIEWER], FIRST_SSRC + i);
	room_apply(r);
	for (unsigned i = 0; i < 3 * FRAMES; i++) {
		struct room_packet *got[2 * CONSUMERS];

		if (i % 10 == 5 && i / 10 < CONSUMERS - 1)
			wish_of(r, i / 10 + 1, 0, 0);
		room_time(r, r->now_us + FRAME_US);
		send_frame(r, LOW_SSRC, i, i % 2, i == 0, 200);
		room_housekeeping(r);
		room_collect(r);
		unsigned n = room_of(r, VIEWER, false, got, 2 * CONSUMERS);
		for (unsigned k = 0; k < n; k++) {
			const struct media_read m = media_read(got[k]);
			struct seen *s = &seen[m.m.ssrc - FIRST_SSRC];
			uint16_t id = bytes_be16(m.m.payload + PICTURE_ID) & 0x7fff;

			assert_int_equal(id, s->count);
			assert_int_equal(m.m.payload[5] >> 6, i % 2);
			assert_int_equal(m.m.size, 200);
			s->count++;
		}
	}
	assert_int_equal(seen[0].count, 3 * FRAMES);
	assert_in_range(seen[1].count, 3 * FRAMES / 2, 3 * FRAMES / 2 + 4);
	assert_int_equal(seen[2].count, seen[1].count + 5); // asked ten frames later
	assert_int_equal(seen[3].count, seen[1].count + 10);
}

// More consumers on one transport than are chosen for: the rest gets the best there is, and nobody
// else notices.
static void more_consumers_than_are_chosen_for(void **state)
{
	enum { CONSUMERS = 300, CHOSEN = 256 };
	struct room *r = *state;

	for (uint32_t i = 1; i < CONSUMERS; i++) {
		room_subscribe(r, i, VIDEO, &r->peers[VIEWER], 0x3000 + i);
		if (i % 50 == 0)
			room_apply(r);
	}
	room_apply(r);
	for (unsigned i = 0; i < FRAMES / 2; i++) {
		room_time(r, r->now_us + FRAME_US);
		send_frame(r, LOW_SSRC, i, 0, i == 0, 200);
		room_housekeeping(r);
		room_collect(r);
	}
	for (uint32_t i = 0; i < CONSUMERS; i++) {
		const struct subscription *s = &r->h->dp.subscriptions[i];
		assert_int_equal(s->layers.target.set, i < CHOSEN);
		assert_false(s->layers.target.paused);
		assert_int_equal(s->stats.packets_sent, FRAMES / 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(steps_rise_from_the_lowest_layer, simulcast, leave),
		cmocka_unit_test_setup_teardown(an_encoding_that_falls_silent_is_inactive,
						simulcast, leave),
		cmocka_unit_test_setup_teardown(encodings_change_at_keyframes, simulcast, leave),
		cmocka_unit_test_setup_teardown(the_best_that_runs_is_sent, simulcast, leave),
		cmocka_unit_test_setup_teardown(what_falls_silent_goes_on_at_once, lone, leave),
		cmocka_unit_test_setup_teardown(simulcast_that_falls_silent_goes_on_at_once,
						simulcast, leave),
		cmocka_unit_test_setup_teardown(more_consumers_than_are_chosen_for, lone, leave),
		cmocka_unit_test_setup_teardown(less_is_left_out_in_mid_stream, lone, leave),
		cmocka_unit_test_setup_teardown(consumers_of_one_packet_have_ids_of_their_own, lone,
						leave),
		cmocka_unit_test_setup_teardown(a_temporal_layer_is_left_out_without_a_gap,
						simulcast, leave),
	};
	return cmocka_run_group_tests_name("layers", tests, NULL, NULL);
}
