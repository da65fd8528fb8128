// SPDX-License-Identifier: Apache-2.0
//
// tests/path/wanted_test.c - which encodings of a simulcast track its publisher is to send: wishes
// of viewers on two workers, as main is told of them.
#include "dataplane/core/path.h"
#include "proto/shm/snapshot.h"
#include "tests/path/checks.h"

enum { VIDEO = 0, LONE = 1, SSRC = 0x10, ENCODINGS = 3, ALL = 7, TICK_MS = 100 };
enum { NEAR = 0, FAR = 1 }; // subscriptions: on the publisher's worker, and on the other
enum { STOPS_MS = 6500 }; // after the last wish: a repeat, the wait, a look

static struct xmsg told; // the newest event; kind 0: none
static unsigned told_count;

static int meet(void **state)
{
	struct room *r = room_new(2);
	struct room_peer *publisher = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.1");
	struct shm_track_config *c =
		room_track(r, VIDEO, publisher, SHM_KIND_VIDEO, SHM_CODEC_VP8, SSRC);

	c->encoding_count = ENCODINGS;
	for (unsigned i = 0; i < ENCODINGS; i++)
		c->encodings[i].ssrc = SSRC + i;
	for (unsigned i = NEAR; i <= FAR; i++) {
		static const char *const ips[] = {"198.51.100.2", "198.51.100.3"};
		struct room_peer *viewer = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, i, ips[i]);
		room_subscribe(r, i, VIDEO, viewer, 0x2000 + i);
	}
	room_apply(r);
	told = (struct xmsg){0};
	told_count = 0;
	*state = r;
	return 0;
}

static int leave(void **state)
{
	room_free(*state);
	return 0;
}

static void run(struct room *r, unsigned ms)
{
	for (unsigned at = 0; at < ms; at += TICK_MS) {
		room_time(r, r->now_us + TICK_MS * UINT64_C(1000));
		room_housekeeping(r);
		struct checks_main got = checks_main(r);
		if (got.last_event.kind == XMSG_EVENT_WANTED) {
			told = got.last_event;
			told_count++;
		}
		room_collect(r);
	}
}

static void change(struct room *r, unsigned slot)
{
	room_op(r, SHM_RECORD_SUBSCRIPTION, SHM_ACTION_APPLY, slot, 1);
	room_apply(r);
}

static void wish(struct room *r, unsigned slot, uint8_t lowest, uint8_t highest)
{
	struct shm_subscription_config *c = &r->h->dp.shm.subscriptions[slot].config;

	c->layer_wishes = SHM_LAYER_MINIMUM | SHM_LAYER_MAXIMUM;
	c->minimum = (struct shm_layer){lowest, 0};
	c->maximum = (struct shm_layer){highest, 3};
	change(r, slot);
}

static void expect_told(uint32_t mask, unsigned count)
{
	assert_int_equal(told_count, count);
	assert_int_equal(told.a, mask);
	assert_int_equal(told.ref.index, VIDEO);
	assert_int_equal(told.ref.generation, 1);
}

static void nothing_is_said_while_all_are_wanted(void **state)
{
	struct room *r = *state;

	wish(r, NEAR, 0, 0);
	run(r, 20000);
	assert_int_equal(told_count, 0);
}

static void what_is_wanted_is_the_union_of_all_workers(void **state)
{
	static const struct {
		uint8_t near_lowest, near_highest, far_lowest, far_highest;
		uint32_t mask;
	} cases[] = {
		{0, 0, 0, 0, 1}, {0, 0, 0, 1, 3}, {0, 1, 0, 0, 3},
		{0, 0, 2, 2, 5}, {1, 1, 2, 2, 7}, // the lowest always
		{1, 1, 1, 1, 3}, {2, 1, 0, 0, 1}, // what cannot be served wants nothing
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct room *r = *state;
		wish(r, NEAR, cases[i].near_lowest, cases[i].near_highest);
		wish(r, FAR, cases[i].far_lowest, cases[i].far_highest);
		run(r, STOPS_MS);
		assert_int_equal(told_count != 0 ? told.a : ALL, cases[i].mask);
		leave(state);
		meet(state);
	}
}

// Not before some seconds, and once.
static void a_stop_waits_and_a_start_does_not(void **state)
{
	struct room *r = *state;

	run(r, 2000);
	wish(r, NEAR, 0, 0);
	wish(r, FAR, 0, 0);
	run(r, 4000);
	assert_int_equal(told_count, 0);
	run(r, 6000);
	expect_told(1, 1);
	for (unsigned slot = NEAR; slot <= FAR; slot++) {
		wish(r, slot, 0, 2);
		run(r, 2 * TICK_MS);
		expect_told(ALL, 2 + 2 * slot);
		wish(r, slot, 0, 0);
		room_check(r, &r->peers[0]); // consent, for 30 s
		room_check(r, &r->peers[1]);
		room_check(r, &r->peers[2]);
		run(r, STOPS_MS + 1000);
		expect_told(1, 3 + 2 * slot);
	}
}

static void who_looks_away_wants_nothing(void **state)
{
	struct room *r = *state;

	r->h->dp.shm.subscriptions[FAR].config.paused = 1;
	change(r, FAR);
	room_op(r, SHM_RECORD_SUBSCRIPTION, SHM_ACTION_REMOVE, NEAR, 1);
	room_apply(r);
	run(r, STOPS_MS);
	expect_told(1, 1);
	r->h->dp.shm.subscriptions[FAR].config.paused = 0;
	change(r, FAR);
	run(r, 2 * TICK_MS);
	expect_told(ALL, 2);
}

static void the_state_says_what_was_told(void **state)
{
	struct room *r = *state;
	struct shm_track_slot *slot = &r->h->dp.shm.tracks[VIDEO];
	struct shm_track_state s;

	run(r, 500);
	assert_true(shm_snapshot_read(&slot->state_seq, &s, &slot->state, sizeof(s)));
	assert_int_equal(s.layers_wanted, ALL);
	wish(r, NEAR, 0, 1);
	wish(r, FAR, 0, 1);
	run(r, STOPS_MS + 500);
	assert_true(shm_snapshot_read(&slot->state_seq, &s, &slot->state, sizeof(s)));
	assert_int_equal(s.layers_wanted, 3);
}

static void a_track_of_one_encoding_is_left_alone(void **state)
{
	struct room *r = *state;

	room_track(r, LONE, &r->peers[0], SHM_KIND_VIDEO, SHM_CODEC_VP8, 0x99);
	room_apply(r);
	run(r, STOPS_MS);
	assert_int_equal(told_count, 0);
}

static void wishes_for_what_is_gone_are_ignored(void **state)
{
	struct room *r = *state;
	const struct xmsg strays[] = {
		{.kind = XMSG_WANTED, .ref = {VIDEO, 2}, .a = ALL},
		{.kind = XMSG_WANTED, .ref = {LONE, 1}, .a = ALL},
		{.kind = XMSG_WANTED, .ref = {UINT32_MAX, 1}, .a = UINT32_MAX},
	};

	wish(r, NEAR, 0, 0);
	wish(r, FAR, 0, 0);
	run(r, STOPS_MS);
	for (unsigned i = 0; i < sizeof(strays) / sizeof(strays[0]); i++)
		path_message(&r->h->dp.workers[0], &strays[i]);
	run(r, 2 * TICK_MS);
	expect_told(1, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_is_said_while_all_are_wanted, meet, leave),
		cmocka_unit_test_setup_teardown(what_is_wanted_is_the_union_of_all_workers, meet,
						leave),
		cmocka_unit_test_setup_teardown(a_stop_waits_and_a_start_does_not, meet, leave),
		cmocka_unit_test_setup_teardown(who_looks_away_wants_nothing, meet, leave),
		cmocka_unit_test_setup_teardown(the_state_says_what_was_told, meet, leave),
		cmocka_unit_test_setup_teardown(a_track_of_one_encoding_is_left_alone, meet, leave),
		cmocka_unit_test_setup_teardown(wishes_for_what_is_gone_are_ignored, meet, leave),
	};

	return cmocka_run_group_tests_name("wanted", tests, NULL, NULL);
}
