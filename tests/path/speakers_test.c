// SPDX-License-Identifier: Apache-2.0
//
// tests/path/speakers_test.c - a conversation: who is dominant, whose audio and video a listener
// gets, and that nothing of it leaves a gap. Each test runs with one worker and with two, the
// publishers on both.
#include "dataplane/forward/speakers.h"
#include "dataplane/link/publish.h"
#include "dataplane/tables/subscription.h"
#include "dataplane/tables/track.h"
#include "proto/rtc/rtcp_build.h"
#include "proto/rtc/rtcp_remb.h"
#include "proto/shm/snapshot.h"
#include "tests/path/media.h"
#include "tests/path/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
	PEOPLE = 4,
	LISTENER = PEOPLE, // a peer who sends nothing
	AUDIO = 0, // slots: plus the person
	VIDEO = PEOPLE,
	AUDIO_SSRC = 0xa0d10,
	VIDEO_SSRC = 0x51de0,
	TO_LISTENER = 0x1000, // SSRC: plus the slot
	ROOM = 77,
	TALKS = 0x80 | 20, // a level with the V bit
	SILENT = 127,
	STEP_US = 20000,
	STEP_SAMPLES = 960,
	SECOND = 50, // steps
	LARGE_BYTES = 500, // pictures of about 220 kbit/s
	FOR_ONE_BPS = 400000, // of them, beside all audio
};

static const uint8_t vp8_keyframe[] = {0x10, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a,
				       0x80, 0x02, 0xe0, 0x01, 0x11, 0x22};
static const uint8_t vp8_delta[] = {0x10, 0x11, 0x02, 0x00, 0x33, 0x44, 0x55};
static const char *const ips[PEOPLE + 1] = {"198.51.100.1", "198.51.100.2", "198.51.100.3",
					    "198.51.100.4", "203.0.113.9"};

// What the listener has got of one track.
struct heard {
	unsigned packets;
	uint16_t next_seq;
	uint32_t ts;
	bool begins_at_keyframe; // its first packet since conversation() began
	bool begins_with_marker; // likewise
	unsigned markers;
};

struct conversation {
	struct room *r;
	struct speakers *speakers;
	uint16_t step;
	unsigned keyframe_of; // bit mask: whose next video packet is one
	bool large; // pictures are
	struct heard heard[2 * PEOPLE];
	unsigned dominant_events;
	uint32_t dominant_room;
	struct shm_ref dominant;
};

static void on_dominant(void *context, uint32_t room, struct shm_ref track)
{
	struct conversation *c = context;

	c->dominant_events++;
	c->dominant_room = room;
	c->dominant = track;
}

static struct conversation *meet(unsigned workers)
{
	struct conversation *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	c->r = room_new(workers);
	c->speakers = speakers_new(&c->r->h->dp, on_dominant, c);
	assert_non_null(c->speakers);
	for (unsigned i = 0; i <= PEOPLE; i++)
		room_join(c->r, SHM_SUITE_AEAD_AES_128_GCM, i % workers, ips[i]);
	return c;
}

static int one_worker(void **state)
{
	*state = meet(1);
	return 0;
}

static int two_workers(void **state)
{
	*state = meet(2);
	return 0;
}

static int leave(void **state)
{
	struct conversation *c = *state;

	speakers_free(c->speakers);
	room_free(c->r);
	free(c);
	return 0;
}

static struct shm_track_config *audio(struct conversation *c, unsigned person, uint16_t top_n)
{
	struct shm_track_config *t =
		room_track(c->r, AUDIO + person, &c->r->peers[person], SHM_KIND_AUDIO,
			   SHM_CODEC_OPUS, AUDIO_SSRC + person);

	t->room = ROOM;
	t->audio_top_n = top_n;
	return t;
}

static void video(struct conversation *c, unsigned person, uint16_t last_n)
{
	struct shm_track_config *t = room_track(c->r, VIDEO + person, &c->r->peers[person],
						SHM_KIND_VIDEO, SHM_CODEC_VP8, VIDEO_SSRC + person);

	t->room = ROOM;
	t->video_last_n = last_n;
	t->mid[0] = '1';
}

static void listen(struct conversation *c, unsigned slot)
{
	room_subscribe(c->r, slot, slot, &c->r->peers[LISTENER], TO_LISTENER + slot);
}

static void everybody(struct conversation *c, uint16_t top_n, uint16_t last_n)
{
	for (unsigned i = 0; i < PEOPLE; i++) {
		audio(c, i, top_n);
		video(c, i, last_n);
		listen(c, AUDIO + i);
		listen(c, VIDEO + i);
	}
	room_apply(c->r);
}

static void say(struct conversation *c, unsigned person, uint8_t level)
{
	uint8_t rtp[200];
	const struct media m = {.ssrc = AUDIO_SSRC + person,
				.seq = c->step,
				.ts = STEP_SAMPLES * c->step,
				.pt = ROOM_AUDIO_PT,
				.level = level,
				.payload = vp8_delta,
				.size = sizeof(vp8_delta)};

	room_send_rtp(c->r, &c->r->peers[person], rtp, media_write(rtp, &m));
}

static void show(struct conversation *c, unsigned person)
{
	bool key = (c->keyframe_of >> person & 1) != 0;
	size_t size = key ? sizeof(vp8_keyframe) : sizeof(vp8_delta);
	uint8_t payload[LARGE_BYTES] = {0};
	uint8_t rtp[LARGE_BYTES + MEDIA_HEADER_BYTES];
	const struct media m = {.ssrc = VIDEO_SSRC + person,
				.seq = c->step,
				.ts = 1800u * c->step,
				.pt = ROOM_VIDEO_PT,
				.payload = payload,
				.size = c->large ? LARGE_BYTES : size};

	memcpy(payload, key ? vp8_keyframe : vp8_delta, size);

	room_send_rtp(c->r, &c->r->peers[person], rtp, media_write(rtp, &m));
}

// Each track's numbers go up one by one, whatever was held back in between.
static void hear(struct conversation *c)
{
	struct room_packet *got[64];
	unsigned count = room_of(c->r, LISTENER, false, got, 64);

	for (unsigned i = 0; i < count; i++) {
		struct media_read m = media_read(got[i]);
		unsigned slot = m.m.ssrc - TO_LISTENER;
		assert_in_range(slot, 0, 2 * PEOPLE - 1);
		struct heard *h = &c->heard[slot];
		if (h->next_seq != 0)
			assert_int_equal(m.m.seq, h->next_seq);
		if (h->packets == 0) {
			h->begins_at_keyframe = m.m.size == sizeof(vp8_keyframe);
			h->begins_with_marker = m.m.marker;
			h->markers = 0;
		}
		h->markers += m.m.marker;
		h->next_seq = (uint16_t)(m.m.seq + 1);
		h->ts = m.m.ts;
		h->packets++;
	}
}

// For 'steps' those in 'talking' talk, everybody else sends silence; all show video.
static void conversation(struct conversation *c, unsigned talking, unsigned steps)
{
	for (unsigned i = 0; i < 2 * PEOPLE; i++)
		c->heard[i].packets = 0;
	for (unsigned n = 0; n < steps; n++) {
		room_time(c->r, c->r->now_us + STEP_US);
		c->step++;
		for (unsigned i = 0; i < PEOPLE; i++) {
			say(c, i, (talking >> i & 1) != 0 ? TALKS : SILENT);
			show(c, i);
		}
		if ((talking >> LISTENER & 1) != 0)
			say(c, LISTENER, TALKS);
		c->keyframe_of = 0;
		room_housekeeping(c->r);
		speakers_due(c->speakers, c->r->epochs, c->r->now_us);
		room_collect(c->r);
		hear(c);
	}
}

static uint64_t drops(const struct conversation *c, enum shm_ingress_drop why)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < c->r->h->dp.worker_count; i++)
		sum += c->r->h->dp.workers[i].stats.ingress_drops[why];
	return sum;
}

static void assert_heard(const struct conversation *c, unsigned first,
			 const unsigned packets[PEOPLE])
{
	for (unsigned i = 0; i < PEOPLE; i++)
		if (c->heard[first + i].packets != packets[i])
			fail_msg("track %u: %u packets, not %u", first + i,
				 c->heard[first + i].packets, packets[i]);
}

static void without_a_limit_all_are_heard(void **state)
{
	struct conversation *c = *state;

	everybody(c, 0, 0);
	c->keyframe_of = 0xf;
	conversation(c, 1, 2 * SECOND);
	for (unsigned i = 0; i < 2 * PEOPLE; i++)
		assert_int_equal(c->heard[i].packets, 2 * SECOND);
	assert_int_equal(drops(c, SHM_INGRESS_DROP_OUTSIDE_TOP_N), 0);
	assert_int_equal(drops(c, SHM_INGRESS_DROP_OUTSIDE_LAST_N), 0);
}

static void the_two_who_talk_are_heard(void **state)
{
	struct conversation *c = *state;
	uint32_t ts;

	everybody(c, 2, 0);
	conversation(c, 1 | 2, 2 * SECOND);
	uint64_t before = drops(c, SHM_INGRESS_DROP_OUTSIDE_TOP_N);
	conversation(c, 1 | 2, SECOND);
	assert_heard(c, AUDIO, (const unsigned[]){SECOND, SECOND, 0, 0});
	assert_int_equal(drops(c, SHM_INGRESS_DROP_OUTSIDE_TOP_N) - before, 2 * SECOND);
	ts = c->heard[AUDIO + 0].ts;
	// The first falls silent, the third takes its place, and then the first comes back: its
	// numbers go on (hear()), its clock has run.
	conversation(c, 2 | 4, 2 * SECOND);
	conversation(c, 2 | 4, SECOND);
	assert_heard(c, AUDIO, (const unsigned[]){0, SECOND, SECOND, 0});
	conversation(c, 1, 3 * SECOND);
	assert_int_equal(c->heard[AUDIO + 0].ts - ts, 6 * SECOND * STEP_SAMPLES);
	assert_true(c->heard[AUDIO + 0].packets > 2 * SECOND);
	// It begins a talk spurt, and that once; who went on talking did not (RFC 3551 4.1).
	assert_true(c->heard[AUDIO + 0].begins_with_marker);
	assert_int_equal(c->heard[AUDIO + 0].markers, 1);
	assert_int_equal(c->heard[AUDIO + 1].markers, 0);
}

// Packets stop, as with DTX, in place of silence: that is silence, too.
static void who_sends_nothing_gives_way(void **state)
{
	struct conversation *c = *state;

	everybody(c, 1, 0);
	conversation(c, 1, 2 * SECOND);
	for (unsigned i = 0; i < 2 * SECOND; i++) {
		room_time(c->r, c->r->now_us + STEP_US);
		c->step++;
		say(c, 3, TALKS);
		room_housekeeping(c->r);
		speakers_due(c->speakers, c->r->epochs, c->r->now_us);
		room_collect(c->r);
		hear(c);
	}
	assert_true(c->heard[AUDIO + 3].packets > SECOND);
}

static uint32_t flags(struct conversation *c, unsigned slot)
{
	struct shm_track_slot *s = &c->r->h->dp.shm.tracks[slot];
	struct shm_track_state out;

	for (unsigned i = 0; i < c->r->h->dp.worker_count; i++)
		publish_all(&c->r->h->dp.workers[i]);
	assert_true(shm_snapshot_read(&s->state_seq, &out, &s->state, sizeof(out)));
	return out.flags;
}

static void the_dominant_speaker_changes_once_a_turn(void **state)
{
	struct conversation *c = *state;

	everybody(c, 0, 0);
	conversation(c, 0, SECOND);
	assert_int_equal(c->dominant_events, 0);
	conversation(c, 1 << 2, SECOND);
	assert_int_equal(c->dominant_events, 1);
	assert_int_equal(c->dominant_room, ROOM);
	assert_int_equal(c->dominant.index, AUDIO + 2);
	assert_int_equal(c->dominant.generation, 1);
	assert_int_equal(flags(c, AUDIO + 2), SHM_TRACK_DOMINANT);
	conversation(c, 0, 5 * SECOND);
	assert_int_equal(c->dominant_events, 1);
	conversation(c, 1 << 1, 2 * SECOND);
	assert_int_equal(c->dominant_events, 2);
	assert_int_equal(c->dominant.index, AUDIO + 1);
	assert_int_equal(flags(c, AUDIO + 2), 0);
	assert_int_equal(flags(c, AUDIO + 1), SHM_TRACK_DOMINANT);
}

static uint8_t reason(const struct conversation *c, unsigned slot)
{
	return c->r->h->dp.subscriptions[slot].stats.layer_reason;
}

static void video_follows_who_spoke_last(void **state)
{
	struct conversation *c = *state;

	everybody(c, 0, 1);
	c->keyframe_of = 0xf;
	conversation(c, 1 << 1, 2 * SECOND);
	c->keyframe_of = 0xf;
	conversation(c, 1 << 1, SECOND);
	assert_heard(c, VIDEO, (const unsigned[]){0, SECOND, 0, 0});
	assert_int_equal(flags(c, VIDEO + 2), SHM_TRACK_HELD_BACK);
	assert_int_equal(reason(c, VIDEO + 2), SHM_LAYER_SPEAKERS);
	assert_int_equal(reason(c, VIDEO + 1), SHM_LAYER_REQUESTED);
	uint64_t before = drops(c, SHM_INGRESS_DROP_OUTSIDE_LAST_N);
	conversation(c, 0, SECOND);
	assert_int_equal(drops(c, SHM_INGRESS_DROP_OUTSIDE_LAST_N) - before, 3 * SECOND);

	// Another has the word: its video comes at its next keyframe, which it is asked for.
	conversation(c, 1 << 2, SECOND);
	assert_int_equal(c->heard[VIDEO + 2].packets, 0);
	assert_int_not_equal(flags(c, VIDEO + 1) & SHM_TRACK_HELD_BACK, 0);
	assert_int_not_equal(c->r->h->dp.tracks[VIDEO + 2].encodings[0].stats.pli_count, 0);
	c->keyframe_of = 1 << 2;
	conversation(c, 1 << 2, SECOND);
	assert_heard(c, VIDEO, (const unsigned[]){0, 0, SECOND, 0});
	assert_true(c->heard[VIDEO + 2].begins_at_keyframe);
	assert_int_equal(reason(c, VIDEO + 2), SHM_LAYER_REQUESTED);
}

static void mute_video(struct conversation *c, unsigned person, bool muted)
{
	c->r->h->dp.shm.tracks[VIDEO + person].config.muted = muted;
	room_op(c->r, SHM_RECORD_TRACK, SHM_ACTION_APPLY, VIDEO + person, 1);
	room_apply(c->r);
	conversation(c, 0, 1);
	c->keyframe_of = 0xf;
	conversation(c, 0, SECOND);
}

// Whoever spoke before is seen in its stead; and among those who never spoke, one that comes back
// takes nobody's place.
static void a_muted_camera_takes_no_place(void **state)
{
	struct conversation *c = *state;

	everybody(c, 0, 1);
	conversation(c, 0, 1);
	mute_video(c, 0, true);
	assert_heard(c, VIDEO, (const unsigned[]){0, SECOND, 0, 0});
	mute_video(c, 0, false);
	assert_heard(c, VIDEO, (const unsigned[]){0, SECOND, 0, 0});
	conversation(c, 1 << 3, 2 * SECOND);
	conversation(c, 1 << 2, 2 * SECOND);
	mute_video(c, 2, true);
	assert_heard(c, VIDEO, (const unsigned[]){0, 0, 0, SECOND});
	mute_video(c, 2, false);
	assert_heard(c, VIDEO, (const unsigned[]){0, 0, SECOND, 0});
}

static void narrow(struct conversation *c)
{
	uint8_t compound[64];
	struct bytes_writer w;
	uint32_t ssrc = TO_LISTENER + VIDEO;

	bytes_writer_init(&w, compound, sizeof(compound));
	rtcp_put_rr(&w, 1, NULL, 0);
	rtcp_put_remb(&w, 1, FOR_ONE_BPS, &ssrc, 1);
	room_send_rtcp(c->r, &c->r->peers[LISTENER], compound, w.size);
}

// Long enough for all that has to settle; then everybody's next picture is a keyframe.
static void who_is_seen(struct conversation *c, unsigned talking, unsigned person)
{
	conversation(c, talking, 2 * SECOND);
	c->keyframe_of = 0xf;
	conversation(c, talking, SECOND);
	for (unsigned i = 0; i < PEOPLE; i++) {
		bool seen = i == person;

		assert_int_equal(c->heard[VIDEO + i].packets >= SECOND, seen);
		assert_int_equal(c->heard[VIDEO + i].packets == 0, !seen);
		assert_int_equal(reason(c, VIDEO + i),
				 seen ? SHM_LAYER_REQUESTED : SHM_LAYER_BANDWIDTH);
	}
}

// Whoever speaks, is seen; and until somebody else does, who spoke last. What the listener says
// changes nothing of it.
static void the_speaker_is_seen_where_not_all_can_be(void **state)
{
	struct conversation *c = *state;
	struct shm_track_config *own;

	everybody(c, 0, 0);
	own = room_track(c->r, 2 * PEOPLE, &c->r->peers[LISTENER], SHM_KIND_AUDIO, SHM_CODEC_OPUS,
			 AUDIO_SSRC + LISTENER);
	own->room = ROOM;
	room_apply(c->r);
	c->large = true;
	c->keyframe_of = 0xf;
	narrow(c);
	who_is_seen(c, 1 << 2, 2);
	who_is_seen(c, 1 << 1, 1);
	who_is_seen(c, 0, 1);
	unsigned events = c->dominant_events;
	who_is_seen(c, 1 << LISTENER, 1);
	assert_int_equal(c->dominant_events, events + 1);
	who_is_seen(c, 1 << 3, 3);
}

static void who_cannot_be_judged_is_heard(void **state)
{
	struct conversation *c = *state;

	everybody(c, 1, 0);
	audio(c, 1, 1)->ext.id[RTP_EXT_AUDIO_LEVEL] = 0; // no level negotiated
	audio(c, 2, 1)->room = 0;
	audio(c, 3, 1)->room = ROOM + 1; // alone there
	room_apply(c->r);
	conversation(c, 1, SECOND);
	for (unsigned i = 0; i < PEOPLE; i++)
		assert_int_equal(c->heard[AUDIO + i].packets, SECOND);
}

// The limit goes, a consumer's list is built anew while a track is held back, a slot is used again.
static void changes_while_held_back(void **state)
{
	struct conversation *c = *state;

	everybody(c, 1, 0);
	conversation(c, 1, 2 * SECOND);
	assert_true(track_held_back(&c->r->h->dp.tracks[AUDIO + 1]));
	conversation(c, 1, SECOND);
	assert_int_equal(c->heard[AUDIO + 1].packets, 0);
	room_subscribe(c->r, 20, AUDIO + 1, &c->r->peers[0], 0x3000);
	for (unsigned i = 0; i < PEOPLE; i++)
		audio(c, i, 0);
	room_apply(c->r);
	conversation(c, 1, SECOND);
	conversation(c, 1, SECOND);
	assert_int_equal(c->heard[AUDIO + 1].packets, SECOND);
	for (unsigned i = 0; i < PEOPLE; i++)
		audio(c, i, 1);
	room_apply(c->r);
	conversation(c, 1, SECOND);
	assert_true(track_held_back(&c->r->h->dp.tracks[AUDIO + 1]));
	room_op(c->r, SHM_RECORD_SUBSCRIPTION, SHM_ACTION_REMOVE, 20, 1);
	room_op(c->r, SHM_RECORD_SUBSCRIPTION, SHM_ACTION_REMOVE, AUDIO + 1, 1);
	room_op(c->r, SHM_RECORD_TRACK, SHM_ACTION_REMOVE, AUDIO + 1, 1);
	room_apply(c->r);
	audio(c, 1, 0)->room = 0;
	room_apply(c->r);
	assert_false(track_held_back(&c->r->h->dp.tracks[AUDIO + 1]));
}

int main(void)
{
#define BOTH(test)                                                                                 \
	cmocka_unit_test_setup_teardown(test, one_worker, leave),                                  \
		cmocka_unit_test_setup_teardown(test, two_workers, leave)
	const struct CMUnitTest tests[] = {
		BOTH(without_a_limit_all_are_heard),
		BOTH(the_two_who_talk_are_heard),
		BOTH(who_sends_nothing_gives_way),
		BOTH(the_dominant_speaker_changes_once_a_turn),
		BOTH(video_follows_who_spoke_last),
		BOTH(who_cannot_be_judged_is_heard),
		BOTH(changes_while_held_back),
		BOTH(a_muted_camera_takes_no_place),
		BOTH(the_speaker_is_seen_where_not_all_can_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
