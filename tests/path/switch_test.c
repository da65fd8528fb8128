// SPDX-License-Identifier: Apache-2.0
//
// tests/path/switch_test.c - one consumer, sources that change under it: simulcast encodings, and
// the same run on one worker and on two.
#include "dataplane/tables/subscription.h"
#include "dataplane/tables/track.h"
#include "tests/path/media.h"
#include "tests/path/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/path/both_workers.h"

enum { LOW = 0x100, HIGH = 0x200, SECOND_US = 1000000 };

static const uint8_t keyframe[] = {0x10, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 1};
static const uint8_t delta[] = {0x10, 0x11, 0x02, 0x00, 0x33};

static struct room *simulcast(unsigned workers)
{
	struct room *r = room_new(workers);
	struct room_peer *from = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.1");
	struct room_peer *to =
		room_join(r, SHM_SUITE_AEAD_AES_128_GCM, workers - 1, "198.51.100.2");
	struct shm_track_config *c = room_track(r, 0, from, SHM_KIND_VIDEO, SHM_CODEC_VP8, LOW);

	c->encoding_count = 2;
	memcpy(c->encodings[0].rid, "lo", 2);
	memcpy(c->encodings[1].rid, "hi", 2);
	c->encodings[1].ssrc = HIGH;
	room_subscribe(r, 0, 0, to, 0x2000);
	room_apply(r);
	return r;
}

BOTH_WORKERS(simulcast)

static void send_of(struct room *r, unsigned peer, uint32_t ssrc, uint16_t seq, bool key)
{
	uint8_t rtp[200];
	const struct media m = {
		.ssrc = ssrc,
		.seq = seq,
		.ts = 3000u * seq + ssrc,
		.pt = ROOM_VIDEO_PT,
		.payload = key ? keyframe : delta,
		.size = key ? sizeof(keyframe) : sizeof(delta),
	};

	room_send_rtp(r, &r->peers[peer], rtp, media_write(rtp, &m));
	room_deliver(r);
}

static void send(struct room *r, uint32_t ssrc, uint16_t seq, bool key)
{
	send_of(r, 0, ssrc, seq, key);
}

// What the consumer got since the last call must be 'count' packets numbered on from '*next', with
// timestamps that never go back.
static void expect(struct room *r, unsigned count, uint16_t *next, uint32_t *ts)
{
	struct room_packet *got[32];

	room_collect(r);
	assert_int_equal(room_of(r, 1, false, got, 32), count);
	for (unsigned i = 0; i < count; i++) {
		struct media_read m = media_read(got[i]);
		assert_int_equal(m.m.seq, (*next)++);
		assert_int_equal(m.m.ssrc, 0x2000);
		assert_true((int32_t)(m.m.ts - *ts) >= 0);
		*ts = m.m.ts;
	}
}

static uint64_t other_encoding(const struct room *r)
{
	const struct worker *w = &r->h->dp.workers[r->h->dp.worker_count - 1];
	return w->stats.egress_drops[SHM_EGRESS_DROP_OTHER_ENCODING];
}

static void up_at_a_keyframe_down_in_silence(void **state)
{
	struct room *r = *state;
	uint16_t next = ROOM_SEQUENCE_START;
	uint32_t ts = ROOM_TIMESTAMP_START;

	send(r, LOW, 10, true);
	send(r, LOW, 11, false);
	expect(r, 2, &next, &ts);
	send(r, HIGH, 500, false); // its keyframe is wanted now
	send(r, LOW, 12, false);
	expect(r, 1, &next, &ts);
	assert_int_equal(other_encoding(r), 1);
	room_time(r, r->now_us + 33000);
	send(r, HIGH, 501, true);
	send(r, HIGH, 502, false);
	send(r, LOW, 13, false);
	send(r, LOW, 14, true); // lower: not while the higher one is sent
	expect(r, 2, &next, &ts);
	assert_int_equal(other_encoding(r), 3);

	room_time(r, r->now_us + SECOND_US);
	send(r, LOW, 15, false);
	expect(r, 0, &next, &ts);
	send(r, LOW, 16, true);
	send(r, LOW, 17, false);
	expect(r, 2, &next, &ts);
	assert_int_equal(r->h->dp.subscriptions[0].encoding, 0);
}

// An encoding that never shows a keyframe is not waited for, nor asked, for ever.
static void up_without_a_keyframe_after_a_second(void **state)
{
	struct room *r = *state;
	uint16_t next = ROOM_SEQUENCE_START;
	uint32_t ts = ROOM_TIMESTAMP_START;

	send(r, LOW, 1, true);
	send(r, HIGH, 1, false);
	room_time(r, r->now_us + SECOND_US);
	send(r, HIGH, 2, false);
	send(r, HIGH, 3, false);
	expect(r, 3, &next, &ts);
}

// Wishes go to the gate of the encoding that is to be sent, and end with its keyframe.
static void each_encoding_has_its_gate(void **state)
{
	struct room *r = *state;
	struct encoding *high = &r->h->dp.tracks[0].encodings[1];

	send(r, LOW, 1, true);
	send(r, HIGH, 1, true);
	send(r, HIGH, 2, false);
	room_collect(r);
	assert_int_equal(high->gate.tries_left, 0); // served by its keyframe
	send(r, LOW, 2, true);
	room_time(r, r->now_us + 3 * (uint64_t)SECOND_US);
	assert_int_equal(r->h->dp.tracks[0].encodings[0].gate.tries_left, 0);
	send(r, LOW, 3, false); // the higher one is silent: back to this one, at a keyframe
	room_collect(r);
	assert_int_not_equal(r->h->dp.tracks[0].encodings[0].gate.tries_left, 0);
}

static unsigned run(unsigned workers, struct room_packet *out, unsigned room)
{
	struct room *r = simulcast(workers);

	for (uint16_t seq = 0; seq < 300; seq++) {
		room_time(r, r->now_us + 20000);
		send(r, LOW, seq, seq % 40 == 3);
		if (seq > 50 && seq < 90)
			send(r, HIGH, (uint16_t)(65500 + seq), seq == 60);
	}
	room_collect(r);
	unsigned count = r->got_count < room ? r->got_count : room;
	memcpy(out, r->got, count * sizeof(*out));
	room_free(r);
	return count;
}

static void two_workers_send_the_same_bytes(void **state)
{
	enum { ROOM = 400 };
	struct room_packet *one = calloc(ROOM, sizeof(*one));
	struct room_packet *two = calloc(ROOM, sizeof(*two));
	(void)state;

	unsigned count = run(1, one, ROOM);
	assert_in_range(count, 100, ROOM - 1);
	assert_int_equal(run(2, two, ROOM), count);
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(one[i].size, two[i].size);
		assert_memory_equal(one[i].bytes, two[i].bytes, (size_t)one[i].size);
	}
	free(one);
	free(two);
}

// Two publishers and a viewer, whose one stream shows the first.
static struct room *lineup(unsigned workers)
{
	struct room *r = room_new(workers);
	struct room_peer *first = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.1");
	struct room_peer *to =
		room_join(r, SHM_SUITE_AEAD_AES_128_GCM, workers - 1, "198.51.100.2");
	struct room_peer *second = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.3");

	room_track(r, 0, first, SHM_KIND_VIDEO, SHM_CODEC_VP8, LOW);
	room_track(r, 1, second, SHM_KIND_VIDEO, SHM_CODEC_VP8, HIGH);
	room_subscribe(r, 0, 0, to, 0x2000);
	room_apply(r);
	return r;
}

static void show(struct room *r, struct shm_ref track)
{
	r->h->dp.shm.subscriptions[0].config.track = track;
	room_op(r, SHM_RECORD_SUBSCRIPTION, SHM_ACTION_APPLY, 0, 1);
}

// One stream, one SSRC, one numbering: a publisher goes, nobody is there, the next one comes.
static void another_track_under_the_same_ssrc(void **state)
{
	struct room *r = *state;
	uint16_t next = ROOM_SEQUENCE_START;
	uint32_t ts = ROOM_TIMESTAMP_START;

	send_of(r, 0, LOW, 10, true);
	send_of(r, 2, HIGH, 700, true); // not shown
	send_of(r, 0, LOW, 11, false);
	expect(r, 2, &next, &ts);

	show(r, (struct shm_ref){0});
	room_op(r, SHM_RECORD_TRACK, SHM_ACTION_REMOVE, 0, 1);
	room_apply(r);
	send_of(r, 0, LOW, 12, true);
	send_of(r, 2, HIGH, 701, false);
	expect(r, 0, &next, &ts);

	room_time(r, r->now_us + 40000);
	show(r, (struct shm_ref){1, 1});
	room_apply(r);
	assert_int_not_equal(r->h->dp.tracks[1].encodings[0].gate.tries_left,
			     0); // wants a keyframe
	send_of(r, 2, HIGH, 702, false);
	expect(r, 0, &next, &ts);
	send_of(r, 2, HIGH, 703, true);
	send_of(r, 2, HIGH, 704, false);
	expect(r, 2, &next, &ts);
}

static int one_worker_lineup(void **state)
{
	*state = lineup(1);
	return 0;
}

static int two_workers_lineup(void **state)
{
	*state = lineup(2);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(up_at_a_keyframe_down_in_silence),
		BOTH(up_without_a_keyframe_after_a_second),
		BOTH(each_encoding_has_its_gate),
		cmocka_unit_test(two_workers_send_the_same_bytes),
		{"1 worker: another track", another_track_under_the_same_ssrc, one_worker_lineup,
		 leave, NULL},
		{"2 workers: another track", another_track_under_the_same_ssrc, two_workers_lineup,
		 leave, NULL},
	};

	return cmocka_run_group_tests_name("switch", tests, NULL, NULL);
}
