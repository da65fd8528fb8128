// SPDX-License-Identifier: Apache-2.0
//
// tests/path/bandwidth_test.c - a subscriber behind a narrow link: its feedback brings the estimate
// down, the estimate a lower encoding; when the link widens, probes bring both back. Virtual time.
#include "dataplane/core/path.h"
#include "dataplane/tables/bandwidth.h"
#include "dataplane/tables/subscription.h"
#include "dataplane/tables/track.h"
#include "proto/rtc/rtcp_build.h"
#include "proto/rtc/rtcp_remb.h"
#include "proto/rtc/twcc.h"
#include "tests/path/media.h"
#include "tests/path/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { VIDEO = 0, LOW_SSRC = 0x10, HIGH_SSRC = 0x20, CONSUMER = 0x2000, RTX = 0x3000 };
enum { PUBLISHER = 0, VIEWER = 1, OTHER = 2, TICK_US = 10000, TICKS_A_FRAME = 5 };
enum { LOW_BYTES = 300, HIGH_BYTES = 1100, HIGH_PACKETS = 4 }; // 48 and 704 kbit/s
enum { UDP_BYTES = 28, SENDER = 0x99 };
// Another track, whose packets the viewer gets between those of the larger picture.
enum { BETWEEN = 1, BETWEEN_SSRC = 0x30, BETWEEN_CONSUMER = 0x4000 };

// A link of a rate, whose queue delays and, where it has an end, loses, and the viewer's report on
// it.
struct path {
	struct room *r;
	uint64_t rate_bps;
	uint64_t queue_us; // the longest it delays by; 0: any
	uint64_t free_us; // when the link has sent all it has
	struct twcc_receiver twcc;
	uint64_t number; // of the newest frame
	unsigned ticks;
	unsigned high, low, padding; // packets that came out, since the last look
	uint16_t newest; // number of the newest of media
	unsigned gaps; // in these numbers
	uint8_t times[1 << 16]; // that each came
	bool is_between; // the other track is there
	uint16_t between_sent, between_newest;
	unsigned between; // packets that came out, since the last look
	unsigned between_gaps;
};

static struct path the_path;

static int meet(void **state, bool rtx)
{
	struct room *r = room_new(1);
	struct room_peer *publisher = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.1");
	struct room_peer *viewer = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.2");
	struct room_peer *other = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.3");
	struct shm_track_config *c =
		room_track(r, VIDEO, publisher, SHM_KIND_VIDEO, SHM_CODEC_VP8, LOW_SSRC);

	c->encoding_count = 2;
	c->encodings[1].ssrc = HIGH_SSRC;
	for (unsigned i = 0; i < 2; i++) {
		struct shm_subscription_config *s =
			room_subscribe(r, i, VIDEO, i == 0 ? viewer : other, CONSUMER);
		if (!rtx)
			continue;
		s->rtx_ssrc = RTX;
		s->pts[0].rtx = 101;
		s->rtx_sequence_start = 1;
	}
	room_apply(r);
	the_path = (struct path){.r = r, .rate_bps = 10000000};
	twcc_init(&the_path.twcc, SENDER, 50000);
	*state = &the_path;
	return 0;
}

static int behind_a_link(void **state)
{
	return meet(state, true);
}

static int without_rtx(void **state)
{
	return meet(state, false);
}

static int with_packets_between(void **state)
{
	int result = meet(state, true);
	struct room *r = the_path.r;

	room_track(r, BETWEEN, &r->peers[PUBLISHER], SHM_KIND_VIDEO, SHM_CODEC_VP8, BETWEEN_SSRC)
		->mid[0] = '1';
	room_subscribe(r, 2, BETWEEN, &r->peers[VIEWER], BETWEEN_CONSUMER);
	room_apply(r);
	the_path.is_between = true;
	return result;
}

static int leave(void **state)
{
	room_free(((struct path *)*state)->r);
	return 0;
}

static void send_packet(struct path *p, uint32_t ssrc, uint16_t seq, bool starts, bool key,
			size_t size)
{
	uint8_t payload[HIGH_BYTES] = {0};
	uint8_t packet[1400];
	const struct media m = {.ssrc = ssrc,
				.seq = seq,
				.ts = (uint32_t)p->number * 4500,
				.pt = ROOM_VIDEO_PT,
				.payload = payload,
				.size = size};

	media_write_vp8(payload, (unsigned)p->number, starts, key);
	room_send_rtp(p->r, &p->r->peers[PUBLISHER], packet, media_write(packet, &m));
}

// Both encodings at 20 frames a second; a keyframe where one is asked for, as browsers do.
static void send_frame(struct path *p)
{
	static uint64_t asked[2];
	struct encoding *e = p->r->h->dp.tracks[VIDEO].encodings;
	bool key[2];

	for (unsigned i = 0; i < 2; i++) {
		key[i] = p->number == 0 || e[i].stats.pli_count != asked[i];
		asked[i] = e[i].stats.pli_count;
	}
	send_packet(p, LOW_SSRC, (uint16_t)p->number, true, key[0], LOW_BYTES);
	for (unsigned i = 0; i < HIGH_PACKETS; i++) {
		send_packet(p, HIGH_SSRC, (uint16_t)(p->number * HIGH_PACKETS + i), i == 0, key[1],
			    HIGH_BYTES);
		if (p->is_between && i % 2 == 0)
			send_packet(p, BETWEEN_SSRC, p->between_sent++, i == 0, true, LOW_BYTES);
	}
	p->number++;
}

static void receive(struct path *p, const struct room_packet *got)
{
	const struct media_read m = media_read(got);
	uint64_t start_us = p->free_us > p->r->now_us ? p->free_us : p->r->now_us;

	if (p->queue_us != 0 && start_us - p->r->now_us > p->queue_us)
		return;
	p->free_us = start_us + (uint64_t)(got->size + UDP_BYTES) * 8 * 1000000 / p->rate_bps;
	assert_true(m.has_twcc);
	twcc_receive(&p->twcc, m.m.twcc, m.m.ssrc, p->free_us);
	p->padding += m.m.ssrc == RTX;
	if (m.m.ssrc == CONSUMER) {
		p->gaps += p->high + p->low != 0 && m.m.seq != (uint16_t)(p->newest + 1);
		p->newest = m.m.seq;
		assert_int_equal(p->times[m.m.seq]++, 0); // under one key never again
	}
	if (m.m.ssrc == BETWEEN_CONSUMER) {
		p->between_gaps += p->between != 0 && m.m.seq != (uint16_t)(p->between_newest + 1);
		p->between_newest = m.m.seq;
		p->between++;
	}
	p->high += m.m.ssrc == CONSUMER && m.m.size == HIGH_BYTES;
	p->low += m.m.ssrc == CONSUMER && m.m.size == LOW_BYTES;
}

static void report(struct path *p)
{
	uint8_t compound[1200];
	struct bytes_writer w;
	size_t size;

	do {
		bytes_writer_init(&w, compound, sizeof(compound));
		rtcp_put_rr(&w, SENDER, NULL, 0);
		size = twcc_poll(&p->twcc, p->r->now_us, compound + w.size,
				 sizeof(compound) - w.size);
		if (size != 0)
			room_send_rtcp(p->r, &p->r->peers[VIEWER], compound, w.size + size);
	} while (size != 0);
}

static void tick(struct path *p)
{
	struct room_packet *got[ROOM_PACKETS_MAX];

	room_time(p->r, p->r->now_us + TICK_US);
	if (p->ticks++ % TICKS_A_FRAME == 0)
		send_frame(p);
	room_housekeeping(p->r);
	room_collect(p->r);
	unsigned n = room_of(p->r, VIEWER, false, got, ROOM_PACKETS_MAX);
	for (unsigned i = 0; i < n; i++)
		receive(p, got[i]);
	report(p);
}

static void run(struct path *p, unsigned seconds)
{
	p->high = p->low = p->padding = 0;
	for (unsigned i = 0; i < p->r->peer_count; i++)
		room_check(p->r, &p->r->peers[i]); // consent, for 30 s
	for (unsigned i = 0; i < seconds * 1000000 / TICK_US; i++)
		tick(p);
}

static const struct shm_subscription_stats *stats(const struct path *p, unsigned slot)
{
	return &p->r->h->dp.subscriptions[slot].stats;
}

static uint64_t estimate(const struct path *p)
{
	return p->r->h->dp.transports[p->r->peers[VIEWER].id].stats.available_outgoing_bps;
}

static void the_layer_follows_the_link(void **state)
{
	struct path *p = *state;

	run(p, 3);
	assert_true(p->high > 2 * 20 * HIGH_PACKETS);
	p->rate_bps = 300000;
	run(p, 5);
	assert_true(estimate(p) < 400000);
	assert_int_equal(stats(p, 0)->target_layer.spatial, 0);
	assert_int_equal(stats(p, 0)->layer_reason, SHM_LAYER_BANDWIDTH);
	assert_int_equal(stats(p, 1)->target_layer.spatial, 1); // the neighbour keeps the top
	run(p, 2);
	assert_int_equal(p->high, 0);
	assert_in_range(p->low, 39, 41); // without a pause
	p->rate_bps = 10000000;
	run(p, 20);
	assert_true(p->padding > 0); // it was probed for
	assert_int_equal(stats(p, 0)->target_layer.spatial, 1);
	run(p, 2);
	assert_in_range(p->high, 39 * HIGH_PACKETS, 41 * HIGH_PACKETS);
}

// A path too narrow for the smallest picture: it is paused, and nothing is forwarded. What the path
// carries is found out all the same, with padding, and once it is wide the picture comes back.
static void what_is_paused_is_probed_for(void **state)
{
	struct path *p = *state;

	run(p, 3);
	p->rate_bps = 30000;
	p->queue_us = 500000;
	run(p, 15);
	assert_int_equal(stats(p, 0)->target_layer.spatial, SHM_LAYER_NONE);
	assert_int_equal(stats(p, 0)->layer_reason, SHM_LAYER_BANDWIDTH);
	run(p, 5);
	assert_int_equal(p->high + p->low, 0);
	p->rate_bps = 10000000;
	run(p, 20);
	assert_true(p->padding > 0);
	assert_int_equal(stats(p, 0)->target_layer.spatial, 1);
	assert_true(p->high > 0);
}

// Another probe begins; what was sent of padding before it.
static uint64_t run_until_probed(struct path *p)
{
	const struct transport *t = &p->r->h->dp.transports[p->r->peers[VIEWER].id];
	uint32_t id = t->bandwidth->path.probe_id;

	for (unsigned i = 0; t->bandwidth->path.probe_id == id || t->bandwidth->path.probe_id == 0;
	     i++) {
		assert_true(i < 20 * 1000000 / TICK_US);
		tick(p);
	}
	return t->stats.probe_bytes_sent;
}

// Sent ahead of it, it would fill a queue that others share; and where padding makes up the rate,
// media goes on within the estimate.
static void a_probe_keeps_to_its_rate(void **state)
{
	struct path *p = *state;
	const struct transport *t = &p->r->h->dp.transports[p->r->peers[VIEWER].id];
	const struct bandwidth *b = t->bandwidth;

	run(p, 3);
	p->rate_bps = 300000;
	run(p, 5);
	for (unsigned probes = 0; probes < 3; probes++) {
		uint64_t before = run_until_probed(p), begun_us = p->r->now_us;
		while (b->path.probe_id != 0) {
			tick(p);
			uint64_t us = p->r->now_us - begun_us;
			assert_in_range(t->stats.probe_bytes_sent - before, 0,
					b->path.probe.bps / 8 * us / 1000000 + 300);
			assert_true(b->path.pacer.rate_bps < b->path.probe.bps);
		}
		assert_true(t->stats.probe_bytes_sent - before > b->path.probe.bytes / 2);
	}
}

// Nothing but media can show then that the path carries more: it may be sent faster.
static void without_padding_media_is_what_probes(void **state)
{
	struct path *p = *state;
	const struct bandwidth *b = p->r->h->dp.transports[p->r->peers[VIEWER].id].bandwidth;

	run(p, 3);
	p->rate_bps = 300000;
	run(p, 5);
	run_until_probed(p);
	assert_int_equal(b->path.pacer.rate_bps, b->path.probe.bps);
	assert_true(b->path.probe.bps > estimate(p));
	assert_int_equal(p->padding, 0);
}

static void run_until_layer(struct path *p, uint8_t spatial)
{
	for (unsigned i = 0; stats(p, 0)->target_layer.spatial != spatial; i++) {
		assert_true(i < 5 * 1000000 / TICK_US);
		tick(p);
	}
}

// As a probe would.
static void find(struct path *p, uint64_t bps)
{
	struct estimator *e =
		&p->r->h->dp.transports[p->r->peers[VIEWER].id].bandwidth->path.estimator;

	rate_control_set(&e->rate, bps, p->r->now_us);
	loss_control_raise(&e->loss, bps);
}

static void a_larger_picture_is_not_chosen_at_once(void **state)
{
	struct path *p = *state;

	run(p, 3);
	p->rate_bps = 300000;
	run_until_layer(p, 0);
	uint64_t smaller_us = p->r->now_us;
	p->rate_bps = 10000000;
	find(p, 5000000);
	run_until_layer(p, 1);
	assert_in_range(p->r->now_us - smaller_us, STEADY_HOLD_US,
			STEADY_HOLD_US + 2 * STEADY_TURN_US);
}

static void bound(struct path *p, uint8_t spatial)
{
	struct shm_subscription_config *c = &p->r->h->dp.shm.subscriptions[0].config;

	c->layer_wishes = SHM_LAYER_MAXIMUM;
	c->maximum = (struct shm_layer){spatial, 3};
	room_op(p->r, SHM_RECORD_SUBSCRIPTION, SHM_ACTION_APPLY, 0, 1);
	room_apply(p->r);
}

static void what_was_asked_for_comes_at_once(void **state)
{
	struct path *p = *state;

	run(p, 3);
	bound(p, 0);
	run_until_layer(p, 0);
	bound(p, 1);
	uint64_t asked_us = p->r->now_us;
	run_until_layer(p, 1);
	assert_in_range(p->r->now_us - asked_us, 0, 2 * STEADY_TURN_US);
}

// The larger picture, on a path known to carry it.
static void at_the_top(struct path *p)
{
	run(p, 3);
	find(p, 1500000); // more than is probed for
	run(p, 1);
}

static void send_at_once(struct path *p, unsigned frames)
{
	while (frames-- != 0)
		send_frame(p);
}

// What came at once and waits makes room: nothing is paused for it.
static void a_backlog_brings_the_layer_down(void **state)
{
	struct path *p = *state;

	at_the_top(p);
	assert_int_equal(stats(p, 0)->target_layer.spatial, 1);
	send_at_once(p, 30);
	run_until_layer(p, 0);
	run(p, 1);
	assert_int_equal(stats(p, 0)->target_layer.spatial, 0);
	run(p, 10);
	assert_int_equal(stats(p, 0)->target_layer.spatial, 1);
}

// What the smaller picture would come after is not sent, and leaves no gap.
static void a_backlog_of_the_larger_picture_is_taken_back(void **state)
{
	struct path *p = *state;
	const uint64_t *drops = p->r->h->dp.workers[0].stats.egress_drops;

	at_the_top(p);
	send_at_once(p, 20); // half a second of them
	run_until_layer(p, 0);
	uint64_t chosen_us = p->r->now_us, left_out = drops[SHM_EGRESS_DROP_OTHER_ENCODING];
	while (p->low == 0)
		tick(p);
	assert_in_range(p->r->now_us - chosen_us, 0, 2 * TICKS_A_FRAME * TICK_US);
	assert_true(drops[SHM_EGRESS_DROP_OTHER_ENCODING] - left_out > 10 * HIGH_PACKETS);
	p->high = 0;
	for (unsigned i = 0; i < 50; i++)
		tick(p);
	assert_int_equal(p->high, 0);
	assert_int_equal(p->gaps, 0);
	assert_int_equal(drops[SHM_EGRESS_DROP_PACER_FULL], 0);
	assert_int_equal(drops[SHM_EGRESS_DROP_PACER_STALE], 0);
}

// Nor is anything of another track's, whose packets wait between those taken back.
static void what_waits_between_is_not_taken_back(void **state)
{
	struct path *p = *state;
	const uint64_t *drops = p->r->h->dp.workers[0].stats.egress_drops;

	at_the_top(p);
	p->between = 0;
	uint16_t before = p->between_sent;
	send_at_once(p, 20);
	uint16_t waiting = (uint16_t)(p->between_sent - before);
	uint64_t left_out = drops[SHM_EGRESS_DROP_OTHER_ENCODING];
	bound(p, 0); // the subscriber wants the smaller picture
	run_until_layer(p, 0);
	while (p->low == 0)
		tick(p);
	assert_true(drops[SHM_EGRESS_DROP_OTHER_ENCODING] - left_out > 10 * HIGH_PACKETS);
	for (unsigned i = 0; i < 50; i++)
		tick(p);
	assert_true(p->between >= waiting);
	assert_int_equal(p->between_gaps, 0);
	assert_int_equal(p->gaps, 0);
	assert_int_equal(drops[SHM_EGRESS_DROP_PACER_STALE], 0);
}

// The neighbour for whose sake packets were kept is gone: what comes then cannot wait, and passes
// what does. Its numbers are not given out again.
static void what_passed_a_backlog_is_not_taken_back(void **state)
{
	struct path *p = *state;
	struct fanout_list *list = p->r->h->dp.workers[0].fanout[VIDEO];

	at_the_top(p);
	send_at_once(p, 20);
	room_deliver(p->r);
	list->keeps_history = false;
	send_frame(p);
	room_deliver(p->r);
	list->keeps_history = true;
	run_until_layer(p, 0);
	while (p->low == 0)
		tick(p);
	run(p, 5);
	assert_true(p->low + p->high > 20 * HIGH_PACKETS); // more than waited
}

// Time goes on with the core busy for so much of it.
static void run_busy(struct path *p, unsigned percent, unsigned ms)
{
	for (unsigned i = 0; i < ms * 1000 / TICK_US; i++) {
		p->r->h->dp.workers[0].stats.busy_us += TICK_US * percent / 100;
		tick(p);
	}
}

static void a_busy_core_sends_less(void **state)
{
	struct path *p = *state;

	run(p, 3);
	assert_int_equal(stats(p, 0)->target_layer.spatial, 1);
	run_busy(p, 100, 2 * CORE_LOAD_US / 1000 + 100);
	for (unsigned slot = 0; slot < 2; slot++) { // with an estimate and without
		assert_int_equal(stats(p, slot)->target_layer.spatial, 0);
		assert_int_equal(stats(p, slot)->layer_reason, SHM_LAYER_CPU);
	}
	run_busy(p, 100, 10000);
	assert_int_equal(stats(p, 0)->target_layer.spatial, 0); // nobody is paused
	p->r->h->dp.workers[0].load.share = 90;
	run_busy(p, 85, 5000);
	assert_int_equal(stats(p, 0)->layer_reason, SHM_LAYER_CPU); // no time to spare
	run_busy(p, 50, 5000);
	assert_int_equal(stats(p, 0)->target_layer.spatial, 1);
	assert_int_equal(stats(p, 0)->layer_reason, SHM_LAYER_REQUESTED);
}

static void put_remb(struct path *p, uint64_t bps)
{
	uint8_t compound[100];
	struct bytes_writer w;
	uint32_t ssrc = CONSUMER;

	bytes_writer_init(&w, compound, sizeof(compound));
	rtcp_put_rr(&w, SENDER, NULL, 0);
	rtcp_put_remb(&w, SENDER, bps, &ssrc, 1);
	room_send_rtcp(p->r, &p->r->peers[VIEWER], compound, w.size);
}

// Whatever a peer claims, others do not notice, and what it is sent stays within reason.
static void absurd_rembs_are_survived(void **state)
{
	struct path *p = *state;

	for (unsigned i = 0; i < 1000; i++) {
		put_remb(p, 0);
		put_remb(p, UINT64_C(1) << 63);
	}
	run(p, 3);
	assert_true(p->high + p->low > 0);
	assert_int_equal(stats(p, 1)->target_layer.spatial, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_busy_core_sends_less, behind_a_link, leave),
		cmocka_unit_test_setup_teardown(the_layer_follows_the_link, behind_a_link, leave),
		cmocka_unit_test_setup_teardown(what_is_paused_is_probed_for, behind_a_link, leave),
		cmocka_unit_test_setup_teardown(a_probe_keeps_to_its_rate, behind_a_link, leave),
		cmocka_unit_test_setup_teardown(without_padding_media_is_what_probes, without_rtx,
						leave),
		cmocka_unit_test_setup_teardown(a_larger_picture_is_not_chosen_at_once,
						behind_a_link, leave),
		cmocka_unit_test_setup_teardown(what_was_asked_for_comes_at_once, behind_a_link,
						leave),
		cmocka_unit_test_setup_teardown(a_backlog_brings_the_layer_down, behind_a_link,
						leave),
		cmocka_unit_test_setup_teardown(what_waits_between_is_not_taken_back,
						with_packets_between, leave),
		cmocka_unit_test_setup_teardown(what_passed_a_backlog_is_not_taken_back,
						behind_a_link, leave),
		cmocka_unit_test_setup_teardown(a_backlog_of_the_larger_picture_is_taken_back,
						behind_a_link, leave),
		cmocka_unit_test_setup_teardown(absurd_rembs_are_survived, behind_a_link, leave),
	};

	return cmocka_run_group_tests_name("bandwidth", tests, NULL, NULL);
}
