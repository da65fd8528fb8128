// SPDX-License-Identifier: Apache-2.0
//
// tests/path/receiver_report_test.c - a subscriber without transport-wide feedback: what it reports
// lost brings its picture down, and that nothing is lost brings it back, from a pause as well.
#include "dataplane/core/path.h"
#include "dataplane/tables/subscription.h"
#include "dataplane/tables/track.h"
#include "proto/rtc/rtcp_build.h"
#include "proto/rtc/rtcp_remb.h"
#include "tests/path/media.h"
#include "tests/path/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { VIDEO, SPEECH, LOW_SSRC = 0x10, HIGH_SSRC = 0x20, VOICE_SSRC = 0x30 };
enum { CONSUMER = 0x2000, LISTENER = 0x2001, PUBLISHER = 0, VIEWER = 1, SENDER = 0x99 };
enum { TICK_US = 50000, SECOND_US = 1000000, UDP_BYTES = 28 };
enum { LOW_BYTES = 300, HIGH_BYTES = 1100, HIGH_PACKETS = 4 }; // 60 and 760 kbit/s with headers
enum { WIDE_BPS = 10000000 };

// What a link lets through of a second's worth, and what its viewer says of that.
struct path {
	struct room *r;
	uint64_t rate_bps;
	uint64_t remb_bps; // 0: it sends none
	bool speech; // there is audio, too
	unsigned frame;
	unsigned high, low; // packets that came, since the last look
	unsigned came, lost; // of all, since the last report
	int64_t room_bytes; // of the link's, in this tick
};

static struct path the_path;

static int behind_a_link(void **state)
{
	struct room *r = room_new(1);
	struct room_peer *publisher = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.1");
	struct room_peer *viewer = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.2");
	struct shm_track_config *c =
		room_track(r, VIDEO, publisher, SHM_KIND_VIDEO, SHM_CODEC_VP8, LOW_SSRC);

	c->encoding_count = 2;
	c->encodings[1].ssrc = HIGH_SSRC;
	room_track(r, SPEECH, publisher, SHM_KIND_AUDIO, SHM_CODEC_OPUS, VOICE_SSRC);
	for (uint32_t i = VIDEO; i <= SPEECH; i++)
		room_subscribe(r, i, i, viewer, CONSUMER + i)->ext.id[RTP_EXT_TRANSPORT_WIDE_CC] =
			0;
	room_apply(r);
	the_path = (struct path){.r = r, .rate_bps = WIDE_BPS};
	*state = &the_path;
	return 0;
}

static int leave(void **state)
{
	room_free(((struct path *)*state)->r);
	return 0;
}

static void send(struct path *p, uint32_t ssrc, uint16_t seq, uint8_t pt, bool starts, size_t size)
{
	static uint64_t asked[2];
	const struct encoding *e = p->r->h->dp.tracks[VIDEO].encodings;
	unsigned which = ssrc == HIGH_SSRC;
	bool key = starts && (p->frame == 0 || e[which].stats.pli_count != asked[which]);
	uint8_t payload[HIGH_BYTES] = {0};
	uint8_t packet[1400];
	const struct media m = {.ssrc = ssrc,
				.seq = seq,
				.ts = p->frame * 4500,
				.pt = pt,
				.payload = payload,
				.size = size};

	media_write_vp8(payload, p->frame, starts, key);
	if (starts)
		asked[which] = e[which].stats.pli_count;
	room_send_rtp(p->r, &p->r->peers[PUBLISHER], packet, media_write(packet, &m));
}

// 20 frames a second; a keyframe where one is asked for, as browsers do.
static void send_frame(struct path *p)
{
	send(p, LOW_SSRC, (uint16_t)p->frame, ROOM_VIDEO_PT, true, LOW_BYTES);
	for (unsigned i = 0; i < HIGH_PACKETS; i++)
		send(p, HIGH_SSRC, (uint16_t)(p->frame * HIGH_PACKETS + i), ROOM_VIDEO_PT, i == 0,
		     HIGH_BYTES);
	if (p->speech)
		send(p, VOICE_SSRC, (uint16_t)p->frame, ROOM_AUDIO_PT, false, 80);
	p->frame++;
}

static void receive(struct path *p)
{
	struct room_packet *got[ROOM_PACKETS_MAX];
	unsigned n = room_of(p->r, VIEWER, false, got, ROOM_PACKETS_MAX);

	p->room_bytes = (int64_t)(p->rate_bps / 8 * TICK_US / SECOND_US);
	for (unsigned i = 0; i < n; i++) {
		const struct media_read m = media_read(got[i]);

		p->room_bytes -= got[i]->size + UDP_BYTES;
		if (p->room_bytes < 0) {
			p->lost++;
			continue;
		}
		p->came++;
		p->high += m.m.ssrc == CONSUMER && m.m.size == HIGH_BYTES;
		p->low += m.m.ssrc == CONSUMER && m.m.size == LOW_BYTES;
	}
}

// Once a second, of whatever came.
static void report(struct path *p)
{
	const struct rtcp_report_block block = {
		.ssrc = p->speech ? LISTENER : CONSUMER,
		.fraction_lost = (uint8_t)(p->lost * 255 / (p->came + p->lost + 1)),
	};
	uint8_t compound[200];
	struct bytes_writer w;
	uint32_t ssrc = CONSUMER;

	bytes_writer_init(&w, compound, sizeof(compound));
	rtcp_put_rr(&w, SENDER, &block, p->came + p->lost != 0);
	if (p->remb_bps != 0)
		rtcp_put_remb(&w, SENDER, p->remb_bps, &ssrc, 1);
	room_send_rtcp(p->r, &p->r->peers[VIEWER], compound, w.size);
	p->came = p->lost = 0;
}

static void run(struct path *p, unsigned seconds)
{
	p->high = p->low = 0;
	for (unsigned i = 0; i < p->r->peer_count; i++)
		room_check(p->r, &p->r->peers[i]); // consent, for 30 s
	for (unsigned ms = 0; ms < seconds * 1000; ms += TICK_US / 1000) {
		room_time(p->r, p->r->now_us + TICK_US);
		send_frame(p);
		room_housekeeping(p->r);
		room_collect(p->r);
		receive(p);
		if (ms % 1000 == 0)
			report(p);
	}
}

static uint8_t layer(const struct path *p)
{
	return p->r->h->dp.subscriptions[VIDEO].stats.target_layer.spatial;
}

static void down_and_up(struct path *p)
{
	run(p, 5);
	assert_int_equal(layer(p), 1);
	p->rate_bps = 300000;
	run(p, 15);
	assert_int_equal(layer(p), 0);
	assert_int_equal(p->r->h->dp.subscriptions[VIDEO].stats.layer_reason, SHM_LAYER_BANDWIDTH);
	run(p, 3);
	assert_true(p->low > 0);
	p->rate_bps = WIDE_BPS;
	run(p, 25);
	run(p, 25);
	assert_int_equal(layer(p), 1);
}

static void losses_alone_tell(void **state)
{
	down_and_up(*state);
}

static void losses_tell_beside_remb(void **state)
{
	struct path *p = *state;

	p->remb_bps = WIDE_BPS;
	down_and_up(p);
}

static void paused(struct path *p)
{
	run(p, 5);
	p->rate_bps = 10000;
	for (unsigned s = 0; s < 25 && layer(p) != SHM_LAYER_NONE; s++)
		run(p, 1);
	assert_int_equal(layer(p), SHM_LAYER_NONE);
	p->rate_bps = WIDE_BPS;
	run(p, 25);
	run(p, 25);
	assert_int_equal(layer(p), 1);
}

// Nobody reports on what is not sent.
static void a_pause_is_not_for_ever(void **state)
{
	paused(*state);
}

static void a_pause_beside_speech_is_not_for_ever(void **state)
{
	struct path *p = *state;

	p->speech = true;
	paused(p);
}

int main(void)
{
#define PATH_TEST(f) cmocka_unit_test_setup_teardown(f, behind_a_link, leave)
	const struct CMUnitTest tests[] = {
		PATH_TEST(losses_alone_tell),
		PATH_TEST(losses_tell_beside_remb),
		PATH_TEST(a_pause_is_not_for_ever),
		PATH_TEST(a_pause_beside_speech_is_not_for_ever),
	};

	return cmocka_run_group_tests_name("receiver_report", tests, NULL, NULL);
}
