// SPDX-License-Identifier: Apache-2.0
//
// tests/path/goodbye_test.c - BYE (RFC 3550 6.6) both ways: a subscriber is told which streams end,
// and a publisher that has said goodbye is neither reported on nor asked for anything.
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

enum {
	AUDIO,
	VIDEO,
	AUDIO_SSRC = 0xa0d10,
	VIDEO_SSRC = 0x51de0,
	LISTENER = 0x1000,
	VIEWER = 0x2000
};
enum { PUBLISHER, SUBSCRIBER, SECOND_US = 1000000, HEARD_MAX = 8 };

static struct room *pair(unsigned workers)
{
	struct room *r = room_new(workers);
	struct room_peer *from = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.1");
	struct room_peer *to =
		room_join(r, SHM_SUITE_AES_CM_128_HMAC_SHA1_80, workers - 1, "2001:db8::77");

	room_track(r, AUDIO, from, SHM_KIND_AUDIO, SHM_CODEC_OPUS, AUDIO_SSRC);
	room_track(r, VIDEO, from, SHM_KIND_VIDEO, SHM_CODEC_VP8, VIDEO_SSRC);
	room_subscribe(r, AUDIO, AUDIO, to, LISTENER);
	room_subscribe(r, VIDEO, VIDEO, to, VIEWER);
	room_apply(r);
	return r;
}

BOTH_WORKERS(pair)

static void send(struct room *r, unsigned track, uint16_t seq)
{
	static const uint8_t keyframe[] = {0x10, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02};
	uint8_t rtp[200];
	const struct media m = {.ssrc = track == AUDIO ? AUDIO_SSRC : VIDEO_SSRC,
				.seq = seq,
				.ts = 3000u * seq,
				.pt = track == AUDIO ? ROOM_AUDIO_PT : ROOM_VIDEO_PT,
				.twcc = seq,
				.payload = keyframe,
				.size = sizeof(keyframe)};

	room_send_rtp(r, &r->peers[PUBLISHER], rtp, media_write(rtp, &m));
	room_deliver(r);
}

// SSRCs that a peer was told goodbye of since the last call.
static unsigned goodbyes(struct room *r, unsigned peer, uint32_t ssrcs[HEARD_MAX])
{
	struct rtcp_packet p;
	struct rtcp_walk walk;
	unsigned count = 0;

	room_collect(r);
	for (unsigned i = 0; i < r->got_count; i++) {
		const struct room_packet *got = &r->got[i];

		if (got->peer != peer || !got->rtcp)
			continue;
		assert_true(rtcp_check(got->bytes, (size_t)got->size));
		assert_true(got->bytes[1] == RTCP_SR || got->bytes[1] == RTCP_RR);
		rtcp_walk_init(&walk, got->bytes, (size_t)got->size);
		while (rtcp_walk_next(&walk, &p))
			for (unsigned n = 0; rtcp_read_bye(&p, n, &ssrcs[count]); n++)
				assert_true(++count < HEARD_MAX);
	}
	return count;
}

static void remove_subscription(struct room *r, uint32_t slot)
{
	room_op(r, SHM_RECORD_SUBSCRIPTION, SHM_ACTION_REMOVE, slot,
		r->h->dp.subscriptions[slot].generation);
}

static void a_stream_that_ends_says_so(void **state)
{
	struct room *r = *state;
	uint32_t ssrcs[HEARD_MAX];

	send(r, AUDIO, 1);
	send(r, VIDEO, 1);
	assert_int_equal(goodbyes(r, SUBSCRIBER, ssrcs), 0);
	remove_subscription(r, VIDEO);
	room_apply(r);
	room_pass(r, HOUSEKEEPING_US);
	assert_int_equal(goodbyes(r, SUBSCRIBER, ssrcs), 1);
	assert_int_equal(ssrcs[0], VIEWER);
	send(r, AUDIO, 2);
	room_pass(r, HOUSEKEEPING_US);
	assert_int_equal(goodbyes(r, SUBSCRIBER, ssrcs), 0);
	assert_int_equal(r->got_count, 1); // the other goes on
}

// RFC 3550 6.3.7: who has sent nothing says no goodbye.
static void a_stream_never_sent_does_not(void **state)
{
	struct room *r = *state;
	uint32_t ssrcs[HEARD_MAX];

	remove_subscription(r, VIDEO);
	room_apply(r);
	room_pass(r, HOUSEKEEPING_US);
	assert_int_equal(goodbyes(r, SUBSCRIBER, ssrcs), 0);
}

static void a_transport_that_ends_says_all(void **state)
{
	struct room *r = *state;
	const struct room_peer *to = &r->peers[SUBSCRIBER];
	uint32_t ssrcs[HEARD_MAX], sum = 0;

	send(r, AUDIO, 1);
	send(r, VIDEO, 1);
	goodbyes(r, SUBSCRIBER, ssrcs);
	remove_subscription(r, AUDIO);
	remove_subscription(r, VIDEO);
	room_op(r, SHM_RECORD_TRANSPORT, SHM_ACTION_REMOVE, to->id,
		r->h->dp.transports[to->id].generation);
	room_apply(r);
	assert_int_equal(goodbyes(r, SUBSCRIBER, ssrcs), 3);
	for (unsigned i = 0; i < 3; i++)
		sum += ssrcs[i];
	assert_int_equal(sum, LISTENER + VIEWER + ROOM_RTCP_SSRC + SUBSCRIBER);
	assert_int_equal(r->got_count, 1); // in one datagram
}

// What is paused has not ended.
static void a_pause_is_no_goodbye(void **state)
{
	struct room *r = *state;
	struct shm_subscription_config *c = &r->h->dp.shm.subscriptions[VIDEO].config;
	uint32_t ssrcs[HEARD_MAX];

	send(r, VIDEO, 1);
	c->paused = 1;
	room_op(r, SHM_RECORD_SUBSCRIPTION, SHM_ACTION_APPLY, VIDEO, 1);
	room_apply(r);
	room_pass(r, HOUSEKEEPING_US);
	assert_int_equal(goodbyes(r, SUBSCRIBER, ssrcs), 0);
}

static void goodbye_of(struct room *r, unsigned peer, uint32_t ssrc)
{
	uint8_t bytes[64];
	struct bytes_writer w;

	bytes_writer_init(&w, bytes, sizeof(bytes));
	rtcp_put_rr(&w, ssrc, NULL, 0);
	rtcp_put_bye(&w, &ssrc, 1);
	room_send_rtcp(r, &r->peers[peer], bytes, w.size);
	room_deliver(r);
}

// Two seconds of reports to the publisher: blocks about its video, and requests for keyframes.
static void two_seconds(struct room *r, unsigned *blocks, unsigned *plis)
{
	struct rtcp_report_block block;
	struct rtcp_packet p;
	struct rtcp_walk walk;

	*blocks = *plis = 0;
	for (unsigned us = 0; us < 2 * SECOND_US; us += HOUSEKEEPING_US) {
		room_time(r, r->now_us + HOUSEKEEPING_US);
		room_housekeeping(r);
		room_collect(r);
		for (unsigned i = 0; i < r->got_count; i++) {
			if (r->got[i].peer != PUBLISHER || !r->got[i].rtcp)
				continue;
			rtcp_walk_init(&walk, r->got[i].bytes, (size_t)r->got[i].size);
			while (rtcp_walk_next(&walk, &p)) {
				for (unsigned n = 0; rtcp_read_report_block(&p, n, &block); n++)
					*blocks += block.ssrc == VIDEO_SSRC;
				*plis += p.type == RTCP_PSFB;
			}
		}
	}
}

static void who_has_said_goodbye_is_asked_for_nothing(void **state)
{
	struct room *r = *state;
	unsigned blocks, plis;

	send(r, VIDEO, 1);
	two_seconds(r, &blocks, &plis);
	assert_int_equal(blocks, 2);
	goodbye_of(r, PUBLISHER, 0x77777777); // not of its streams
	goodbye_of(r, SUBSCRIBER, VIDEO_SSRC); // not its stream
	two_seconds(r, &blocks, &plis);
	assert_int_equal(blocks, 2);
	goodbye_of(r, PUBLISHER, VIDEO_SSRC);
	keyframe_gate_request(&r->h->dp.tracks[VIDEO].encodings[0].gate);
	two_seconds(r, &blocks, &plis);
	assert_int_equal(blocks, 0);
	assert_int_equal(plis, 0);
	send(r, VIDEO, 2); // it is back
	two_seconds(r, &blocks, &plis);
	assert_int_equal(blocks, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(a_stream_that_ends_says_so),
		BOTH(a_stream_never_sent_does_not),
		BOTH(a_transport_that_ends_says_all),
		BOTH(a_pause_is_no_goodbye),
		BOTH(who_has_said_goodbye_is_asked_for_nothing),
	};

	return cmocka_run_group_tests_name("goodbye", tests, NULL, NULL);
}
