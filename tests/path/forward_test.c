// SPDX-License-Identifier: Apache-2.0
//
// tests/path/forward_test.c - one publisher, several consumers: what they get is what was sent,
// under numbers, types and extensions of their own. Each test runs with one worker and with two.
#include "dataplane/core/path.h"
#include "dataplane/tables/subscription.h"
#include "proto/shm/snapshot.h"
#include "tests/path/media.h"
#include "tests/path/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/path/both_workers.h"

enum { AUDIO = 0, VIDEO = 1, AUDIO_SSRC = 0xa0d10, VIDEO_SSRC = 0x51de0, CONSUMERS = 3 };

static const enum shm_suite suites[CONSUMERS] = {
	SHM_SUITE_AES_CM_128_HMAC_SHA1_80, SHM_SUITE_AEAD_AES_128_GCM, SHM_SUITE_AEAD_AES_256_GCM};
static const char *const ips[CONSUMERS] = {"198.51.100.7", "2001:db8::77", "203.0.113.9"};
static const uint8_t vp8_keyframe[] = {0x10, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a,
				       0x80, 0x02, 0xe0, 0x01, 0x11, 0x22};
static const uint8_t vp8_delta[] = {0x10, 0x11, 0x02, 0x00, 0x33, 0x44, 0x55};

// Publisher 0 with audio and video; consumers 1..3, the last two on the last worker.
static struct room *everybody(unsigned workers)
{
	struct room *r = room_new(workers);
	struct room_peer *publisher = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.1");

	for (unsigned i = 0; i < CONSUMERS; i++)
		room_join(r, suites[i], i == 0 ? 0 : workers - 1, ips[i]);
	room_track(r, AUDIO, publisher, SHM_KIND_AUDIO, SHM_CODEC_OPUS, AUDIO_SSRC);
	room_track(r, VIDEO, publisher, SHM_KIND_VIDEO, SHM_CODEC_VP8, VIDEO_SSRC);
	for (unsigned i = 0; i < CONSUMERS; i++) {
		room_subscribe(r, 2 * i, AUDIO, &r->peers[1 + i], 0x1000 + i);
		room_subscribe(r, 2 * i + 1, VIDEO, &r->peers[1 + i], 0x2000 + i);
	}
	room_apply(r);
	return r;
}

BOTH_WORKERS(everybody)

static void send_audio(struct room *r, uint16_t seq)
{
	uint8_t rtp[1600];
	uint8_t payload[100];
	const struct media m = {
		.ssrc = AUDIO_SSRC,
		.seq = seq,
		.ts = 5000 + 960u * seq,
		.pt = ROOM_AUDIO_PT,
		.marker = seq % 7 == 0,
		.twcc = seq,
		.level = (uint8_t)(seq & 0x7f),
		.payload = payload,
		.size = 20 + seq % 80,
	};

	memset(payload, seq & 0xff, sizeof(payload));
	room_send_rtp(r, &r->peers[0], rtp, media_write(rtp, &m));
}

static void send_video(struct room *r, uint16_t seq, const uint8_t *payload, size_t size)
{
	uint8_t rtp[1600];
	const struct media m = {
		.ssrc = VIDEO_SSRC,
		.seq = seq,
		.ts = 3000u * seq,
		.pt = ROOM_VIDEO_PT,
		.payload = payload,
		.size = size,
	};

	room_send_rtp(r, &r->peers[0], rtp, media_write(rtp, &m));
}

static uint64_t egress_drops(const struct room *r, enum shm_egress_drop why)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < r->h->dp.worker_count; i++)
		sum += r->h->dp.workers[i].stats.egress_drops[why];
	return sum;
}

static uint64_t ingress_drops(const struct room *r, enum shm_ingress_drop why)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < r->h->dp.worker_count; i++)
		sum += r->h->dp.workers[i].stats.ingress_drops[why];
	return sum;
}

// Loss, reordering and a wrap in what is sent: every consumer sees just that.
static void audio_arrives_as_sent(void **state)
{
	static const uint16_t order[] = {65500, 65501, 65503, 65502, 65510, 65535,
					 1,	0,     2,     65511, 100};
	enum { N = sizeof(order) / sizeof(order[0]) };
	struct room *r = *state;

	for (unsigned i = 0; i < N; i++)
		send_audio(r, order[i]);
	room_collect(r);
	for (unsigned consumer = 0; consumer < CONSUMERS; consumer++) {
		struct room_packet *got[N + 1];
		assert_int_equal(room_of(r, 1 + consumer, false, got, N + 1), N);
		for (unsigned i = 0; i < N; i++) {
			struct media_read m = media_read(got[i]);
			uint16_t distance = (uint16_t)(order[i] - order[0]);
			assert_int_equal(m.m.seq, (uint16_t)(ROOM_SEQUENCE_START + distance));
			assert_int_equal(m.m.ts, (uint32_t)(ROOM_TIMESTAMP_START + 960u * order[i] -
							    960u * order[0]));
			assert_int_equal(m.m.ssrc, 0x1000 + consumer);
			assert_int_equal(m.m.pt, 100);
			assert_int_equal(m.m.marker, order[i] % 7 == 0);
			assert_int_equal(m.m.size, 20 + order[i] % 80);
			assert_int_equal(m.m.payload[0], order[i] & 0xff);
			assert_int_equal(m.m.payload[m.m.size - 1], order[i] & 0xff);
		}
	}
}

static void extensions_are_the_consumers_own(void **state)
{
	struct room *r = *state;
	struct room_packet *got[8];

	room_time(r, 7250000);
	for (uint16_t seq = 10; seq < 14; seq++)
		send_audio(r, seq);
	room_collect(r);
	for (unsigned consumer = 0; consumer < CONSUMERS; consumer++) {
		char mid[16];
		snprintf(mid, sizeof(mid), "m%u", 2 * consumer);
		assert_int_equal(room_of(r, 1 + consumer, false, got, 8), 4);
		for (unsigned i = 0; i < 4; i++) {
			struct media_read m = media_read(got[i]);
			assert_int_equal(m.ids, 4); // and not the publisher's 12
			assert_string_equal(m.mid, mid);
			assert_true(m.has_level);
			assert_int_equal(m.m.level, 10 + i);
			assert_true(m.has_twcc);
			assert_int_equal(m.m.twcc, i);
			assert_true(m.has_abs_send_time);
			// 7.25 s in 6.18 fixed point.
			assert_int_equal(m.abs_send_time, 0x1d0000);
		}
	}
}

// One numbering per transport, over all that is sent there.
static void transport_wide_numbers_have_no_gap(void **state)
{
	struct room *r = *state;
	struct room_packet *got[64];

	for (uint16_t seq = 1; seq <= 20; seq++) {
		send_audio(r, seq);
		send_video(r, seq, seq == 5 ? vp8_keyframe : vp8_delta, sizeof(vp8_delta));
	}
	room_collect(r);
	for (unsigned consumer = 0; consumer < CONSUMERS; consumer++) {
		unsigned n = room_of(r, 1 + consumer, false, got, 64);
		assert_int_equal(n, 20 + 16);
		bool seen[36] = {false};
		for (unsigned i = 0; i < n; i++) {
			struct media_read m = media_read(got[i]);
			assert_in_range(m.m.twcc, 0, 35);
			assert_false(seen[m.m.twcc]);
			seen[m.m.twcc] = true;
		}
	}
}

static void video_begins_at_a_keyframe(void **state)
{
	struct room *r = *state;
	struct room_packet *got[8];

	send_video(r, 100, vp8_delta, sizeof(vp8_delta));
	send_video(r, 101, vp8_delta, sizeof(vp8_delta));
	room_collect(r);
	assert_int_equal(r->got_count, 0);
	assert_int_equal(egress_drops(r, SHM_EGRESS_DROP_WAITING_KEYFRAME), 2 * CONSUMERS);
	send_video(r, 102, vp8_keyframe, sizeof(vp8_keyframe));
	send_video(r, 103, vp8_delta, sizeof(vp8_delta));
	room_collect(r);
	for (unsigned consumer = 0; consumer < CONSUMERS; consumer++) {
		assert_int_equal(room_of(r, 1 + consumer, false, got, 8), 2);
		assert_int_equal(media_read(got[0]).m.seq, ROOM_SEQUENCE_START);
		assert_memory_equal(media_read(got[0]).m.payload, vp8_keyframe,
				    sizeof(vp8_keyframe));
		assert_int_equal(media_read(got[1]).m.seq, ROOM_SEQUENCE_START + 1);
	}
}

// End-to-end encrypted video shows no keyframe: the wait has an end.
static void video_begins_without_one_after_a_second(void **state)
{
	struct room *r = *state;

	send_video(r, 1, vp8_delta, sizeof(vp8_delta));
	room_deliver(r);
	room_time(r, r->now_us + 999999);
	send_video(r, 2, vp8_delta, sizeof(vp8_delta));
	room_collect(r);
	assert_int_equal(r->got_count, 0);
	room_time(r, r->now_us + 1);
	send_video(r, 3, vp8_delta, sizeof(vp8_delta));
	room_collect(r);
	assert_int_equal(r->got_count, CONSUMERS);
}

static void held_back_leaves_no_gap(void **state)
{
	struct room *r = *state;
	struct room_packet *got[8];
	uint8_t rtp[200];
	struct media m = {
		.ssrc = AUDIO_SSRC, .seq = 2, .pt = ROOM_OTHER_PT, .payload = vp8_delta, .size = 7};

	send_audio(r, 1);
	room_send_rtp(r, &r->peers[0], rtp, media_write(rtp, &m)); // no consumer takes this type
	m = (struct media){.ssrc = AUDIO_SSRC, .seq = 3, .pt = ROOM_AUDIO_PT, .payload = vp8_delta};
	room_send_rtp(r, &r->peers[0], rtp, media_write(rtp, &m)); // nothing in it
	send_audio(r, 4);
	room_collect(r);
	assert_int_equal(egress_drops(r, SHM_EGRESS_DROP_PT_NOT_NEGOTIATED), CONSUMERS);
	assert_int_equal(egress_drops(r, SHM_EGRESS_DROP_PADDING), CONSUMERS);
	for (unsigned consumer = 0; consumer < CONSUMERS; consumer++) {
		assert_int_equal(room_of(r, 1 + consumer, false, got, 8), 2);
		assert_int_equal(media_read(got[0]).m.seq, ROOM_SEQUENCE_START);
		assert_int_equal(media_read(got[1]).m.seq, ROOM_SEQUENCE_START + 1);
	}
}

static void set_paused(struct room *r, uint32_t slot, bool paused)
{
	r->h->dp.shm.subscriptions[slot].config.paused = paused;
	room_op(r, SHM_RECORD_SUBSCRIPTION, SHM_ACTION_APPLY, slot, 1);
	room_apply(r);
}

static void a_pause_leaves_no_gap(void **state)
{
	struct room *r = *state;
	struct room_packet *got[8];

	send_audio(r, 1);
	set_paused(r, 0, true);
	send_audio(r, 2);
	send_audio(r, 3);
	assert_int_equal(egress_drops(r, SHM_EGRESS_DROP_PAUSED), 2);
	set_paused(r, 0, false);
	send_audio(r, 4);
	room_collect(r);
	assert_int_equal(room_of(r, 1, false, got, 8), 2);
	assert_int_equal(media_read(got[1]).m.seq, ROOM_SEQUENCE_START + 1);
	assert_int_equal(room_of(r, 2, false, got, 8), 4);
}

static void set_muted(struct room *r, uint8_t muted)
{
	r->h->dp.shm.tracks[AUDIO].config.muted = muted;
	room_op(r, SHM_RECORD_TRACK, SHM_ACTION_APPLY, AUDIO, 1);
	room_apply(r);
}

static void a_mute_is_silent_and_leaves_no_gap(void **state)
{
	struct room *r = *state;
	struct room_packet *got[8];

	send_audio(r, 1);
	room_deliver(r);
	set_muted(r, 1);
	room_collect(r);
	send_audio(r, 2);
	send_audio(r, 3);
	room_collect(r);
	assert_int_equal(r->got_count, 0);
	assert_int_equal(ingress_drops(r, SHM_INGRESS_DROP_MUTED), 2);
	set_muted(r, 0);
	send_audio(r, 4);
	room_collect(r);
	for (unsigned consumer = 0; consumer < CONSUMERS; consumer++) {
		assert_int_equal(room_of(r, 1 + consumer, false, got, 8), 1);
		assert_int_equal(media_read(got[0]).m.seq, ROOM_SEQUENCE_START + 1);
		assert_int_equal(media_read(got[0]).m.ts,
				 (uint32_t)(ROOM_TIMESTAMP_START + 3 * 960));
	}
}

static void an_unsubscribed_one_gets_nothing(void **state)
{
	struct room *r = *state;
	struct room_packet *got[8];

	send_audio(r, 1);
	room_deliver(r);
	room_op(r, SHM_RECORD_SUBSCRIPTION, SHM_ACTION_REMOVE, 2, 1);
	room_apply(r);
	send_audio(r, 2);
	room_collect(r);
	assert_int_equal(room_of(r, 1, false, got, 8), 2);
	assert_int_equal(room_of(r, 2, false, got, 8), 1);
	assert_int_equal(room_of(r, 3, false, got, 8), 2);
}

// Replayed, forged and plain packets between good ones: nothing of them gets through or moves
// anything.
static void the_untrue_goes_nowhere(void **state)
{
	struct room *r = *state;
	struct room_packet *got[8];
	uint8_t rtp[400], sealed[400];
	const uint8_t payload[60] = {1, 2, 3};
	const struct media m = {
		.ssrc = AUDIO_SSRC,
		.seq = 2,
		.pt = ROOM_AUDIO_PT,
		.payload = payload,
		.size = sizeof(payload),
	};
	int size = (int)media_write(rtp, &m);

	send_audio(r, 1);
	room_send_raw(r, &r->peers[0], rtp, (size_t)size);
	memcpy(sealed, rtp, (size_t)size);
	assert_int_equal(srtp_protect(r->peers[0].send, sealed, &size), srtp_err_status_ok);
	room_send_raw(r, &r->peers[0], sealed, (size_t)size);
	room_send_raw(r, &r->peers[0], sealed, (size_t)size);
	bytes_store_be16(sealed + 2, 20000); // far ahead
	room_send_raw(r, &r->peers[0], sealed, (size_t)size);
	send_audio(r, 3);
	room_collect(r);
	assert_int_equal(ingress_drops(r, SHM_INGRESS_DROP_SRTP_AUTH), 2);
	assert_int_equal(ingress_drops(r, SHM_INGRESS_DROP_SRTP_REPLAY), 1);
	assert_int_equal(room_of(r, 1, false, got, 8), 3);
	assert_int_equal(media_read(got[2]).m.seq, (uint16_t)(ROOM_SEQUENCE_START + 2));
}

// No index leaves that the segment has not reserved, and the reservation stays within reach.
static void indices_are_reserved_ahead(void **state)
{
	struct room *r = *state;
	struct shm_subscription_slot *slot = &r->h->dp.shm.subscriptions[0];
	uint64_t sent = ROOM_SEQUENCE_START;

	for (uint32_t n = 0; n < 40000; n += 1 + n % 300) {
		struct shm_subscription_state s;
		send_audio(r, (uint16_t)n);
		room_collect(r);
		assert_true(shm_snapshot_read(&slot->state_seq, &s, &slot->state, sizeof(s)));
		sent = ROOM_SEQUENCE_START + n;
		assert_true(s.srtp_index_reserved > sent);
		assert_true(s.srtp_index_reserved < sent + 0x8000);
	}
	assert_in_range(sent, 0x10000, 0x20000); // the rollover counter moved on the way
}

static uint16_t sequence_of(const struct rte_mbuf *m)
{
	struct harness_udp u;

	assert_null(harness_udp_read(m, &u));
	return bytes_be16((const uint8_t *)u.payload + 2);
}

// What the port has no room for waits, in order, in a bounded queue; the rest is dropped by name.
static void a_full_port_is_waited_for(void **state)
{
	enum { N = 1200, PORT = 2047, TAKEN = PORT + EGRESS_WAITING_MAX };
	struct rte_mbuf *frames[PORT];
	struct room *r = *state;
	struct worker *w = &r->h->dp.workers[0];
	uint64_t sent = 0;

	for (uint16_t seq = 0; seq < N; seq++) {
		send_audio(r, seq);
		path_flush(w);
	}
	assert_int_equal(w->stats.egress_drops[SHM_EGRESS_DROP_TX_FULL], CONSUMERS * N - TAKEN);
	for (unsigned i = 0; i < CONSUMERS; i++)
		sent += r->h->dp.subscriptions[2 * i].stats.packets_sent;
	assert_int_equal(sent, TAKEN);
	assert_int_equal(w->stats.packets_sent, TAKEN);

	assert_int_equal(harness_sent(r->h, 0, frames, PORT), PORT);
	rte_pktmbuf_free_bulk(frames, PORT);
	path_flush(w);
	assert_int_equal(harness_sent(r->h, 0, frames, PORT), EGRESS_WAITING_MAX);
	for (unsigned i = CONSUMERS; i < EGRESS_WAITING_MAX; i++) // one after another, each in turn
		assert_int_equal(sequence_of(frames[i]),
				 (uint16_t)(sequence_of(frames[i - CONSUMERS]) + 1));
	rte_pktmbuf_free_bulk(frames, EGRESS_WAITING_MAX);
	assert_int_equal(w->stats.packets_sent, TAKEN);
}

static void the_books_balance(void **state)
{
	struct room *r = *state;
	uint64_t in = 0, out = 0;

	for (uint16_t seq = 1; seq < 50; seq++) {
		send_audio(r, seq);
		send_video(r, seq, vp8_delta, sizeof(vp8_delta));
		room_send_raw(r, &r->peers[2], vp8_keyframe, sizeof(vp8_keyframe));
	}
	for (unsigned i = 0; i < r->h->dp.worker_count; i++) {
		const struct shm_worker_stats *s = &r->h->dp.workers[i].stats;
		in += s->packets_received;
		out += s->packets_forwarded + s->packets_consumed;
		for (unsigned d = 0; d < SHM_INGRESS_DROP_COUNT; d++)
			out += s->ingress_drops[d];
	}
	// Each peer's first check went on to the control plane: main's books.
	assert_int_equal(in, out + r->peer_count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(audio_arrives_as_sent),
		BOTH(extensions_are_the_consumers_own),
		BOTH(transport_wide_numbers_have_no_gap),
		BOTH(video_begins_at_a_keyframe),
		BOTH(video_begins_without_one_after_a_second),
		BOTH(held_back_leaves_no_gap),
		BOTH(a_pause_leaves_no_gap),
		BOTH(a_mute_is_silent_and_leaves_no_gap),
		BOTH(an_unsubscribed_one_gets_nothing),
		BOTH(the_untrue_goes_nowhere),
		BOTH(indices_are_reserved_ahead),
		{"1 worker: a_full_port_is_waited_for", a_full_port_is_waited_for, one_worker,
		 leave, NULL},
		BOTH(the_books_balance),
	};

	return cmocka_run_group_tests_name("forward", tests, NULL, NULL);
}
