// SPDX-License-Identifier: Apache-2.0
//
// tests/path/plain_test.c - transports without ICE: every suite to every other, whom they listen
// to, and what they leave to WebRTC. Each test runs with one worker and with two.
#include "dataplane/core/hmac.h"
#include "proto/rtc/stun.h"
#include "tests/path/media.h"
#include "tests/path/room.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/path/both_workers.h"

enum { SSRC = 0xa0d10, OTHER_SSRC = 0xa0d11, TRACK = 0, PACKETS = 20 };

BOTH_WORKERS(room_new)

static uint64_t drops(const struct room *r, enum shm_ingress_drop why)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < r->h->dp.worker_count; i++)
		sum += r->h->dp.workers[i].stats.ingress_drops[why];
	return sum;
}

static size_t audio(uint8_t out[1600], uint32_t ssrc, uint16_t seq)
{
	static const uint8_t payload[60] = {0xaa};
	const struct media m = {
		.ssrc = ssrc,
		.seq = seq,
		.ts = 960u * seq,
		.pt = ROOM_AUDIO_PT,
		.payload = payload,
		.size = sizeof(payload),
	};

	return media_write(out, &m);
}

static void send(struct room *r, struct room_peer *from, uint32_t ssrc, uint16_t seq)
{
	uint8_t rtp[1600];
	size_t size = audio(rtp, ssrc, seq);

	if (from->suite == SHM_SUITE_NONE)
		room_send_raw(r, from, rtp, size);
	else
		room_send_rtp(r, from, rtp, size);
	room_deliver(r); // over a ring where another worker owns it
}

static void produce(struct room *r, const struct room_peer *from)
{
	room_track(r, TRACK, from, SHM_KIND_AUDIO, SHM_CODEC_OPUS, SSRC);
}

static unsigned heard(struct room *r, const struct room_peer *by)
{
	struct room_packet *got[64];

	room_collect(r);
	return room_of(r, by->id, false, got, 64);
}

// A producer of each suite, consumers of every suite and one that speaks WebRTC.
static void every_suite_to_every_other(void **state)
{
	static const enum shm_suite suites[] = {SHM_SUITE_NONE, SHM_SUITE_AES_CM_128_HMAC_SHA1_80,
						SHM_SUITE_AEAD_AES_128_GCM,
						SHM_SUITE_AEAD_AES_256_GCM};
	static const char *const ips[] = {"198.51.100.1", "198.51.100.2", "2001:db8::3",
					  "198.51.100.4"};
	struct room *r = *state;
	struct room_packet *got[64];

	for (unsigned i = 0; i < 4; i++)
		room_plain(r, suites[i], i % r->h->dp.worker_count, ips[i], false);
	room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "203.0.113.5");
	for (uint32_t from = 0; from < 4; from++) {
		room_track(r, from, &r->peers[from], SHM_KIND_AUDIO, SHM_CODEC_OPUS, SSRC + from);
		for (uint32_t to = 0; to < 5; to++)
			room_subscribe(r, 5 * from + to, from, &r->peers[to],
				       0x1000 + 16 * from + to);
	}
	room_apply(r);
	for (uint16_t seq = 65530; seq != (uint16_t)(65530 + PACKETS); seq++)
		for (unsigned from = 0; from < 4; from++)
			send(r, &r->peers[from], SSRC + from, seq);
	room_collect(r);
	for (unsigned to = 0; to < 5; to++) {
		assert_int_equal(room_of(r, to, false, got, 64), 64);
		assert_int_equal(media_read(got[0]).m.pt, 100);
	}
	assert_int_equal(r->got_count, 5 * 4 * PACKETS);
	assert_int_equal(drops(r, SHM_INGRESS_DROP_PLAIN_SOURCE), 0);
}

static void rtp_is_taken_from_its_peer_alone(void **state)
{
	struct room *r = *state;
	struct room_peer *peer = room_plain(r, SHM_SUITE_NONE, 0, "198.51.100.1", false);
	struct room_peer *consumer =
		room_plain(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.2", false);
	struct room_peer elsewhere = *peer;

	produce(r, peer);
	room_subscribe(r, 0, TRACK, consumer, 0x1000);
	room_apply(r);
	elsewhere.remote.port++;
	send(r, &elsewhere, SSRC, 1);
	assert_int_equal(drops(r, SHM_INGRESS_DROP_UNCHECKED_TUPLE), 1);
	send(r, peer, OTHER_SSRC, 1);
	assert_int_equal(drops(r, SHM_INGRESS_DROP_RTP_UNKNOWN_SSRC), 1);
	assert_int_equal(heard(r, consumer), 0);
	send(r, peer, SSRC, 1);
	send(r, peer, SSRC, 1);
	assert_int_equal(drops(r, SHM_INGRESS_DROP_SRTP_REPLAY), 1);
	assert_int_equal(heard(r, consumer), 1);
}

static void move(struct room *r, struct room_peer *peer)
{
	struct shm_transport_config *c = &r->h->dp.shm.transports[peer->id].config;

	peer->remote.port++;
	c->selected_remote = peer->remote;
	room_op(r, SHM_RECORD_TRANSPORT, SHM_ACTION_APPLY, peer->id, 1);
	room_apply(r);
}

// Both ends move and keep their keys; where they were nobody is known.
static void a_fixed_peer_moves(void **state)
{
	struct room *r = *state;
	struct room_peer *peer =
		room_plain(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.1", false);
	struct room_peer *consumer = room_plain(r, SHM_SUITE_AEAD_AES_128_GCM,
						r->h->dp.worker_count - 1, "198.51.100.2", false);
	struct room_peer former = *peer;

	produce(r, peer);
	room_subscribe(r, 0, TRACK, consumer, 0x1000);
	room_apply(r);
	send(r, peer, SSRC, 1);
	assert_int_equal(heard(r, consumer), 1);
	move(r, peer);
	move(r, consumer);
	send(r, &former, SSRC, 2);
	assert_int_equal(drops(r, SHM_INGRESS_DROP_UNCHECKED_TUPLE), 1);
	send(r, peer, SSRC, 3);
	assert_int_equal(heard(r, consumer), 1);
}

// The first to prove itself by its key, not the first to send, is the peer, for good.
static void srtp_latches_after_authentication(void **state)
{
	struct room *r = *state;
	struct room_peer *peer = room_plain(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.1", true);
	struct room_peer forger = *peer;
	uint8_t rtp[1600];
	size_t size = audio(rtp, SSRC, 7);

	produce(r, peer);
	room_subscribe(r, 0, TRACK, peer, 0x1000); // hears itself
	room_apply(r);
	forger.remote.port++;
	rtp[size++] = 0; // no tag of anybody's
	size += 15;
	room_send_raw(r, &forger, rtp, size);
	room_deliver(r);
	assert_int_equal(drops(r, SHM_INGRESS_DROP_SRTP_AUTH), 1);
	assert_true(r->h->dp.transports[peer->id].latching);
	send(r, peer, SSRC, 1);
	assert_false(r->h->dp.transports[peer->id].latching);
	send(r, &forger, SSRC, 2); // the very key, from elsewhere
	assert_int_equal(drops(r, SHM_INGRESS_DROP_PLAIN_SOURCE), 1);
	send(r, peer, SSRC, 3);
	assert_int_equal(heard(r, peer), 2);
}

static void rtp_latches_on_an_announced_ssrc(void **state)
{
	static const uint8_t report[] = {0x80, 201, 0, 1, 0, 0, 0, 9};
	struct room *r = *state;
	struct room_peer *peer = room_plain(r, SHM_SUITE_NONE, 0, "198.51.100.1", true);
	struct room_peer stranger = *peer;

	produce(r, peer);
	room_subscribe(r, 0, TRACK, peer, 0x1000);
	room_apply(r);
	stranger.remote.port++;
	send(r, &stranger, OTHER_SSRC, 1);
	assert_int_equal(drops(r, SHM_INGRESS_DROP_RTP_UNKNOWN_SSRC), 1);
	room_send_raw(r, &stranger, report, sizeof(report));
	room_deliver(r);
	assert_int_equal(drops(r, SHM_INGRESS_DROP_PLAIN_SOURCE), 1);
	send(r, peer, SSRC, 1);
	send(r, &stranger, SSRC, 2);
	assert_int_equal(drops(r, SHM_INGRESS_DROP_PLAIN_SOURCE), 2);
	assert_int_equal(heard(r, peer), 1);
}

static void ports_open_and_close(void **state)
{
	static const uint8_t client_hello[20] = {22, 0xfe, 0xfd};
	struct room *r = *state;
	struct room_peer *peer = room_plain(r, SHM_SUITE_NONE, 0, "198.51.100.1", true);
	struct room_peer nobody = *peer;

	nobody.local_port++;
	send(r, &nobody, SSRC, 1);
	assert_int_equal(drops(r, SHM_INGRESS_DROP_CLOSED_PORT), 1);
	room_send_raw(r, peer, client_hello, sizeof(client_hello));
	assert_int_equal(drops(r, SHM_INGRESS_DROP_PLAIN_CLASS), 1);
	room_op(r, SHM_RECORD_TRANSPORT, SHM_ACTION_REMOVE, peer->id, 1);
	room_apply(r);
	send(r, peer, SSRC, 1);
	assert_int_equal(drops(r, SHM_INGRESS_DROP_CLOSED_PORT), 2);
}

// A check with right credentials does not take a plain peer's tuple, nor the reverse.
static void tuples_stay_whose_they_are(void **state)
{
	struct room *r = *state;
	struct room_peer *plain = room_plain(r, SHM_SUITE_NONE, 0, "198.51.100.1", false);
	struct room_peer *webrtc = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.9");

	produce(r, plain);
	room_subscribe(r, 0, TRACK, webrtc, 0x1000);
	room_track(r, 1, webrtc, SHM_KIND_AUDIO, SHM_CODEC_OPUS, OTHER_SSRC);
	room_subscribe(r, 1, 1, plain, 0x1001);
	room_apply(r);
	struct rtc_addr own = webrtc->remote;
	webrtc->remote = plain->remote;
	room_check(r, webrtc);
	webrtc->remote = own;
	assert_int_equal(drops(r, SHM_INGRESS_DROP_PLAIN_TUPLE), 1);
	send(r, plain, SSRC, 1);
	send(r, webrtc, OTHER_SSRC, 1);
	room_collect(r);
	assert_int_equal(r->got_count, 2);
	// A plain record with an ICE peer's address is let in, and gets nothing of its packets.
	struct room_peer *thief = room_plain(r, SHM_SUITE_NONE, 0, "203.0.113.1", false);
	struct shm_transport_config *c = &r->h->dp.shm.transports[thief->id].config;
	room_op(r, SHM_RECORD_TRANSPORT, SHM_ACTION_REMOVE, thief->id, 1);
	room_apply(r);
	c->generation = 2;
	c->selected_remote = own;
	room_op(r, SHM_RECORD_TRANSPORT, SHM_ACTION_APPLY, thief->id, 2);
	room_apply(r);
	send(r, webrtc, OTHER_SSRC, 2);
	assert_int_equal(heard(r, plain), 1);
}

static enum shm_refusal again(struct room *r, uint32_t slot, uint32_t generation)
{
	room_op(r, SHM_RECORD_TRANSPORT, SHM_ACTION_APPLY, slot, generation);
	return room_try(r);
}

static void what_is_refused(void **state)
{
	struct room *r = *state;
	struct shm_transport_slot *slots = r->h->dp.shm.transports;
	struct room_peer *fixed = room_plain(r, SHM_SUITE_NONE, 0, "198.51.100.1", false);
	struct room_peer *latching = room_plain(r, SHM_SUITE_NONE, 0, "198.51.100.2", true);
	struct shm_transport_config *c = &slots[5].config;

	*c = slots[fixed->id].config;
	assert_int_equal(again(r, 5, 1), SHM_REFUSAL_DUPLICATE_TUPLE);
	*c = slots[latching->id].config;
	assert_int_equal(again(r, 5, 1), SHM_REFUSAL_DUPLICATE_PORT);
	c->selected_local.port = HARNESS_PUBLIC_PORT;
	assert_int_equal(again(r, 5, 1), SHM_REFUSAL_BAD_FIELD);
	*c = slots[fixed->id].config;
	c->selected_local.port = HARNESS_PLAIN_FIRST;
	assert_int_equal(again(r, 5, 1), SHM_REFUSAL_BAD_FIELD);
	slots[fixed->id].config.suite = SHM_SUITE_AEAD_AES_128_GCM;
	assert_int_equal(again(r, fixed->id, 1), SHM_REFUSAL_KEY_CHANGE);
	slots[fixed->id].config.suite = SHM_SUITE_NONE;
	slots[fixed->id].config.selected_local.port++;
	assert_int_equal(again(r, fixed->id, 1), SHM_REFUSAL_BAD_FIELD);
	slots[fixed->id].config.selected_local.port--;
	struct room_peer *other = room_plain(r, SHM_SUITE_NONE, 0, "198.51.100.3", false);
	slots[other->id].config.selected_remote = slots[fixed->id].config.selected_remote;
	assert_int_equal(again(r, other->id, 1), SHM_REFUSAL_DUPLICATE_TUPLE);
	room_track(r, TRACK, fixed, SHM_KIND_AUDIO, SHM_CODEC_OPUS, 0);
	assert_int_equal(room_try(r), SHM_REFUSAL_BAD_FIELD);
}

static unsigned inactive_events(struct room *r, uint64_t value)
{
	struct xmsg msgs[64];
	unsigned found = 0;

	for (unsigned i = 0; i < r->h->dp.worker_count; i++) {
		unsigned n = harness_to_main(r->h, i, msgs, 64);
		for (unsigned k = 0; k < n; k++)
			found += msgs[k].kind == XMSG_EVENT_INACTIVE && msgs[k].value == value;
	}
	return found;
}

static void silence_is_told_once(void **state)
{
	struct room *r = *state;
	struct room_peer *peer = room_plain(r, SHM_SUITE_NONE, 0, "198.51.100.1", false);

	r->h->dp.shm.transports[peer->id].config.inactivity_ms = 500;
	room_op(r, SHM_RECORD_TRANSPORT, SHM_ACTION_APPLY, peer->id, 1);
	produce(r, peer);
	room_apply(r);
	room_time(r, r->now_us + 499999);
	room_housekeeping(r);
	assert_int_equal(inactive_events(r, 1), 0);
	room_time(r, r->now_us + 1);
	room_housekeeping(r);
	room_housekeeping(r);
	assert_int_equal(inactive_events(r, 1), 1);
	send(r, peer, SSRC, 1);
	send(r, peer, SSRC, 2);
	assert_int_equal(inactive_events(r, 0), 1);
	assert_int_equal(r->h->dp.transports[peer->id].phase, SHM_PHASE_ESTABLISHED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(every_suite_to_every_other),
		BOTH(rtp_is_taken_from_its_peer_alone),
		BOTH(a_fixed_peer_moves),
		BOTH(srtp_latches_after_authentication),
		BOTH(rtp_latches_on_an_announced_ssrc),
		BOTH(ports_open_and_close),
		BOTH(tuples_stay_whose_they_are),
		BOTH(what_is_refused),
		BOTH(silence_is_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
