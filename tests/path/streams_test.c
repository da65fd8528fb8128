// SPDX-License-Identifier: Apache-2.0
//
// tests/path/streams_test.c - encodings found by MID and RID, SSRCs that change, and forged ones.
#include "dataplane/tables/track.h"
#include "dataplane/tables/transport.h"
#include "proto/rtc/bytes.h"
#include "tests/path/checks.h"
#include "tests/path/media.h"

enum { TRACK = 0, MID_ID = 9, RID_ID = 10, SSRC = 0x11110000 };

struct scene {
	struct room *r;
	struct room_peer *publisher;
	struct room_peer *consumer;
	unsigned to_main;
	uint16_t seq;
};

static struct scene scene;

// The publisher's transport learns how the peer numbers MID and RID.
static void receive_ext(struct room *r, const struct room_peer *p)
{
	struct shm_transport_config *c = &r->h->dp.shm.transports[p->id].config;

	c->receive_ext.id[RTP_EXT_MID] = MID_ID;
	c->receive_ext.id[RTP_EXT_RID] = RID_ID;
	room_op(r, SHM_RECORD_TRANSPORT, SHM_ACTION_APPLY, p->id, 1);
}

static void scene_new(struct scene *s, unsigned workers)
{
	*s = (struct scene){.r = room_new(workers)};
	s->publisher = room_join(s->r, SHM_SUITE_AES_CM_128_HMAC_SHA1_80, 0, "198.51.100.1");
	s->consumer = room_join(s->r, SHM_SUITE_AEAD_AES_128_GCM, workers - 1, "198.51.100.7");
	s->to_main = 2;
	receive_ext(s->r, s->publisher);
}

static int one_audio(void **state, unsigned workers)
{
	struct scene *s = &scene;

	scene_new(s, workers);
	room_track(s->r, TRACK, s->publisher, SHM_KIND_AUDIO, SHM_CODEC_OPUS, 0);
	room_subscribe(s->r, 0, TRACK, s->consumer, 0x1000);
	room_apply(s->r);
	checks_main(s->r);
	*state = s;
	return 0;
}

static int one_worker(void **state)
{
	return one_audio(state, 1);
}

static int two_workers(void **state)
{
	return one_audio(state, 2);
}

static int scene_end(void **state)
{
	struct scene *s = *state;

	s->to_main += checks_main(s->r).punts;
	assert_books(s->r, s->to_main);
	room_free(s->r);
	return 0;
}

// A packet with MID and, if there is one, RID.
static size_t write_rtp(uint8_t *out, uint32_t ssrc, uint16_t seq, char mid, const char *rid)
{
	uint8_t ext[8] = {MID_ID << 4, (uint8_t)mid};

	if (rid != NULL) {
		ext[2] = RID_ID << 4;
		ext[3] = (uint8_t)rid[0];
	}
	out[0] = 0x90;
	out[1] = ROOM_AUDIO_PT;
	bytes_store_be16(out + 2, seq);
	bytes_store_be32(out + 4, 960u * seq);
	bytes_store_be32(out + 8, ssrc);
	bytes_store_be32(out + 12, 0xbede0002);
	memcpy(out + 16, ext, sizeof(ext));
	memset(out + 24, seq & 0xff, 40);
	return 64;
}

static void send_mid(struct scene *s, uint32_t ssrc, char mid, const char *rid)
{
	uint8_t rtp[200];

	room_send_rtp(s->r, s->publisher, rtp, write_rtp(rtp, ssrc, ++s->seq, mid, rid));
}

// Of the newest packets, how many reached the consumer.
static unsigned arrived(struct scene *s, struct room_packet **last)
{
	struct room_packet *got[32];

	room_collect(s->r);
	unsigned n = room_of(s->r, s->consumer->id, false, got, 32);
	if (n != 0 && last != NULL)
		*last = got[n - 1];
	return n;
}

static struct checks_main serve(struct scene *s)
{
	struct checks_main got = checks_main(s->r);

	s->to_main += got.punts;
	return got;
}

static const struct encoding *encoding(const struct scene *s, unsigned track, unsigned i)
{
	return &s->r->h->dp.tracks[track].encodings[i];
}

// The first packet of an unknown SSRC asks main for a stream; the next ones flow.
static void an_unknown_ssrc_is_known_by_its_mid(void **state)
{
	struct scene *s = *state;

	send_mid(s, SSRC, '0', NULL);
	send_mid(s, SSRC, '0', NULL);
	assert_int_equal(arrived(s, NULL), 0);
	assert_int_equal(drops_of(s->r, SHM_INGRESS_DROP_RTP_PENDING_SSRC), 2);
	struct checks_main got = serve(s);
	assert_int_equal(got.wanted, 1);
	assert_int_equal(got.bound, 0); // nothing is authenticated yet
	send_mid(s, SSRC, '0', NULL);
	assert_int_equal(arrived(s, NULL), 1);
	got = serve(s);
	assert_int_equal(got.bound, 1);
	assert_int_equal(got.last_event.b, SSRC);
	assert_int_equal(encoding(s, TRACK, 0)->ssrc, SSRC);
	send_mid(s, SSRC + 1, '7', NULL);
	assert_int_equal(drops_of(s->r, SHM_INGRESS_DROP_RTP_UNKNOWN_SSRC), 1);
	assert_int_equal(serve(s).wanted, 0);
}

// A lost request is made again, not at every packet.
static void a_lost_request_is_made_again(void **state)
{
	struct scene *s = *state;
	struct xmsg lost;

	send_mid(s, SSRC, '0', NULL);
	assert_int_equal(harness_to_main(s->r->h, 0, &lost, 1), 1);
	for (int i = 0; i < 5; i++)
		send_mid(s, SSRC, '0', NULL);
	assert_int_equal(serve(s).wanted, 0);
	room_time(s->r, s->r->now_us + 250000);
	send_mid(s, SSRC, '0', NULL);
	assert_int_equal(serve(s).wanted, 1);
	send_mid(s, SSRC, '0', NULL);
	assert_int_equal(arrived(s, NULL), 1);
}

static void established(struct scene *s, uint32_t ssrc)
{
	send_mid(s, ssrc, '0', NULL);
	serve(s);
	send_mid(s, ssrc, '0', NULL);
	assert_int_equal(arrived(s, NULL), 1);
	assert_int_equal(serve(s).bound, 1);
}

// The encoding gets another SSRC: the consumer's numbering has no hole, the old SSRC is let go.
static void an_ssrc_changes(void **state)
{
	struct scene *s = *state;
	struct room_packet *last = NULL;

	established(s, SSRC);
	for (uint32_t n = 1; n < 40; n++) { // more than there are places
		send_mid(s, SSRC + n, '0', NULL);
		assert_int_equal(serve(s).wanted, 1);
		send_mid(s, SSRC + n, '0', NULL);
		assert_int_equal(arrived(s, &last), 1);
		assert_int_equal(media_read(last).m.seq, (uint16_t)(ROOM_SEQUENCE_START + n));
		assert_int_equal(encoding(s, TRACK, 0)->ssrc, SSRC + n);
	}
}

// Forged packets with new SSRCs and the right MID: the bound stream loses nothing.
static void forged_ssrcs_take_nothing(void **state)
{
	struct scene *s = *state;
	uint8_t forged[200];

	established(s, SSRC);
	for (uint32_t n = 1; n < 60; n++) {
		size_t size = write_rtp(forged, SSRC + n, (uint16_t)(1000 * n), '0', NULL);
		room_send_raw(s->r, s->publisher, forged, size);
		if (n % 2 == 0)
			serve(s);
		room_send_raw(s->r, s->publisher, forged, size);
		send_mid(s, SSRC, '0', NULL);
		assert_int_equal(arrived(s, NULL), 1);
		assert_int_equal(encoding(s, TRACK, 0)->ssrc, SSRC);
	}
	assert_int_equal(serve(s).bound, 0);
	assert_in_range(drops_of(s->r, SHM_INGRESS_DROP_SRTP_AUTH), 1, 60);
}

// The control plane knew this SSRC from the SDP; forged ones do not push it out before its first
// packet, which may carry no MID.
static void forged_ssrcs_leave_the_announced(void **state)
{
	struct scene *s = *state;
	uint8_t bytes[200];

	room_track(s->r, 1, s->publisher, SHM_KIND_AUDIO, SHM_CODEC_OPUS, 0x77)->mid[0] = '1';
	room_subscribe(s->r, 1, 1, s->consumer, 0x1001);
	room_apply(s->r);
	for (uint32_t n = 1; n < 60; n++) {
		size_t size = write_rtp(bytes, SSRC + n, 1, '0', NULL);
		room_send_raw(s->r, s->publisher, bytes, size);
		room_time(s->r, s->r->now_us + 1000);
		if (n % 3 == 0)
			serve(s);
	}
	serve(s);
	send_mid(s, 0x77, '?', NULL);
	assert_int_equal(arrived(s, NULL), 1);
	serve(s);
}

// Simulcast: one track, an encoding per RID.
static void encodings_by_rid(void **state)
{
	static const char *const rids[] = {"h", "m", "l"};
	struct scene *s = &scene;

	scene_new(s, 1);
	*state = s;
	struct shm_track_config *c =
		room_track(s->r, TRACK, s->publisher, SHM_KIND_AUDIO, SHM_CODEC_OPUS, 0);
	c->encoding_count = 3;
	for (int i = 0; i < 3; i++)
		memcpy(c->encodings[i].rid, rids[i], 1);
	room_apply(s->r);
	for (uint32_t round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 3; i++)
			send_mid(s, SSRC + i, '0', rids[i]);
		serve(s);
	}
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(encoding(s, TRACK, i)->ssrc, SSRC + i);
	send_mid(s, SSRC + 9, '0', "x");
	send_mid(s, SSRC + 9, '0', NULL);
	assert_int_equal(drops_of(s->r, SHM_INGRESS_DROP_RTP_UNKNOWN_SSRC), 2);
}

static enum shm_refusal refusal_of(struct room *r)
{
	const uint32_t n = r->op_count;
	struct shm_command msgs[65] = {
		{.kind = SHM_COMMAND_BEGIN, .op_count = n, .epoch = ++r->epoch}};

	memcpy(&msgs[1], r->ops, n * sizeof(r->ops[0]));
	r->op_count = 0;
	assert_true(shm_ring_push(r->h->dp.shm.commands, SHM_COMMAND_SLOTS, msgs, n + 1));
	for (int i = 0; i < 4 && r->acked != r->epoch; i++) {
		epochs_poll(r->epochs);
		room_deliver(r);
	}
	assert_int_equal(r->acked, r->epoch);
	return atomic_load(&r->h->dp.shm.acks[r->epoch % SHM_ACK_SLOTS].refusal);
}

// 16 SSRCs to a transport; the 17th is refused, and all 16 are heard.
static void the_17th_ssrc_is_refused(void **state)
{
	struct scene *s = &scene;

	scene_new(s, 1);
	*state = s;
	for (uint32_t i = 0; i < ENCODINGS_RECEIVED_MAX; i++) {
		room_track(s->r, i, s->publisher, SHM_KIND_AUDIO, SHM_CODEC_OPUS, SSRC + i);
		room_subscribe(s->r, i, i, s->consumer, 0x1000 + i);
	}
	room_apply(s->r);
	room_track(s->r, ENCODINGS_RECEIVED_MAX, s->publisher, SHM_KIND_AUDIO, SHM_CODEC_OPUS,
		   0x99);
	assert_int_equal(refusal_of(s->r), SHM_REFUSAL_NO_MEMORY);
	for (uint32_t i = 0; i < ENCODINGS_RECEIVED_MAX; i++)
		send_mid(s, SSRC + i, '0', NULL);
	assert_int_equal(arrived(s, NULL), ENCODINGS_RECEIVED_MAX);
	room_op(s->r, SHM_RECORD_SUBSCRIPTION, SHM_ACTION_REMOVE, 3, 1);
	room_op(s->r, SHM_RECORD_TRACK, SHM_ACTION_REMOVE, 3, 1);
	room_track(s->r, ENCODINGS_RECEIVED_MAX, s->publisher, SHM_KIND_AUDIO, SHM_CODEC_OPUS,
		   0x99);
	room_apply(s->r);
	send_mid(s, SSRC + 3, '?', NULL);
	assert_int_equal(drops_of(s->r, SHM_INGRESS_DROP_RTP_UNKNOWN_SSRC), 1);
	serve(s);
}

#define WITH(setup, test)                                                                          \
	{                                                                                          \
#setup ": " #test, test, setup, scene_end, NULL                                    \
	}
#define BOTH(test) WITH(one_worker, test), WITH(two_workers, test)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(an_unknown_ssrc_is_known_by_its_mid),
		BOTH(a_lost_request_is_made_again),
		BOTH(an_ssrc_changes),
		BOTH(forged_ssrcs_take_nothing),
		BOTH(forged_ssrcs_leave_the_announced),
		{"encodings_by_rid", encodings_by_rid, NULL, scene_end, NULL},
		{"the_17th_ssrc_is_refused", the_17th_ssrc_is_refused, NULL, scene_end, NULL},
	};

	return cmocka_run_group_tests_name("streams", tests, NULL, NULL);
}
