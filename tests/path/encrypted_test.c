// SPDX-License-Identifier: Apache-2.0
//
// tests/path/encrypted_test.c - video encrypted end to end, in three spatial and three temporal
// layers: the Dependency Descriptor alone says what a packet is, and layers are switched by it.
#include "dataplane/core/path.h"
#include "dataplane/tables/subscription.h"
#include "dataplane/tables/track.h"
#include "tests/path/media.h"
#include "tests/path/room.h"
#include "tests/unit/rtc/svc_publisher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { VIDEO, SSRC = 0x51de0, HIGH_SSRC = 0x51de1, CONSUMER = 0x2000, PUBLISHER = 0, VIEWER = 1 };
enum { DD_ID = 13, CONSUMER_DD_ID = 8, LAYERS = 3, PAYLOAD_BYTES = 200, PICTURE_US = 50000 };
enum { SPATIAL = 8, TEMPORAL }; // where a frame's are in the payload, for this test

struct stage {
	struct room *r;
	struct svc_publisher publisher;
	uint16_t seq;
	uint32_t noise;
	uint64_t plis;
	unsigned by_layer[LAYERS][LAYERS]; // frames the viewer got, since the last look
};

static struct stage the_stage;

static void subscribe(struct room *r, const struct room_peer *to)
{
	struct rtp_ext_map *ext = &room_subscribe(r, 0, VIDEO, to, CONSUMER)->ext;

	ext->id[RTP_EXT_DEPENDENCY_DESCRIPTOR] = CONSUMER_DD_ID;
	ext->allow_mixed = 1;
}

static int svc(void **state)
{
	struct room *r = room_new(1);
	struct room_peer *from = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.1");
	struct room_peer *to = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.2");

	room_track(r, VIDEO, from, SHM_KIND_VIDEO, SHM_CODEC_VP8, SSRC)
		->ext.id[RTP_EXT_DEPENDENCY_DESCRIPTOR] = DD_ID;
	subscribe(r, to);
	room_apply(r);
	the_stage = (struct stage){
		.r = r,
		.publisher = {.spatial_count = LAYERS, .temporal_count = LAYERS, .key_mode = true},
		.noise = 1,
	};
	*state = &the_stage;
	return 0;
}

static int leave(void **state)
{
	room_free(((struct stage *)*state)->r);
	return 0;
}

// RFC 8285 4.3, the two-byte form: a descriptor with its structure is long.
static size_t put_ext(uint8_t *at, const struct svc_bits *dd)
{
	size_t size = (dd->count + 7) / 8, all = (2 + size + 3) & ~(size_t)3;

	bytes_store_be16(at, 0x1000);
	bytes_store_be16(at + 2, (uint16_t)(all / 4));
	memset(at + 4, 0, all);
	at[4] = DD_ID;
	at[5] = (uint8_t)size;
	memcpy(at + 6, dd->bytes, size);
	return 4 + all;
}

// Bytes that mean nothing: half of them are a VP8 keyframe to whoever would look.
static void encrypt(struct stage *s, const struct svc_frame *f, uint8_t out[PAYLOAD_BYTES])
{
	for (unsigned i = 0; i < PAYLOAD_BYTES; i++) {
		s->noise = s->noise * 1664525 + 1013904223;
		out[i] = (uint8_t)(s->noise >> 24);
	}
	out[0] = 0x10;
	out[SPATIAL] = (uint8_t)f->spatial;
	out[TEMPORAL] = (uint8_t)f->temporal;
}

static void send_frame_of(struct stage *s, uint32_t ssrc, uint16_t seq, const struct svc_frame *f)
{
	uint8_t packet[600] = {0x90, (uint8_t)(ROOM_VIDEO_PT | (f->top ? 0x80 : 0))};
	const struct svc_bits dd =
		svc_descriptor(&s->publisher, f, true, true, f->key && f->spatial == 0, 7);

	bytes_store_be16(packet + 2, seq);
	bytes_store_be32(packet + 4, f->picture * 4500);
	bytes_store_be32(packet + 8, ssrc);
	size_t size = 12 + put_ext(packet + 12, &dd);
	encrypt(s, f, packet + size);
	room_send_rtp(s->r, &s->r->peers[PUBLISHER], packet, size + PAYLOAD_BYTES);
}

static void send_frame(struct stage *s, const struct svc_frame *f)
{
	send_frame_of(s, SSRC, s->seq++, f);
}

static void receive(struct stage *s)
{
	struct room_packet *got[16];

	room_collect(s->r);
	unsigned n = room_of(s->r, VIEWER, false, got, 16);
	for (unsigned i = 0; i < n; i++) {
		const uint8_t *p = media_read(got[i]).m.payload;
		assert_true(p[SPATIAL] < LAYERS && p[TEMPORAL] < LAYERS);
		s->by_layer[p[SPATIAL]][p[TEMPORAL]]++;
	}
}

// Pictures at 20 a second, each fourth of the base temporal layer; keyframes where asked for.
static void run(struct stage *s, unsigned pictures)
{
	const struct encoding *e = &s->r->h->dp.tracks[VIDEO].encodings[0];
	struct svc_frame frames[SVC_SPATIAL_MAX];

	memset(s->by_layer, 0, sizeof(s->by_layer));
	for (unsigned i = 0; i < pictures; i++) {
		bool key = s->publisher.next_picture == 0 || e->stats.pli_count != s->plis;
		unsigned count = svc_next_picture(&s->publisher, key, frames);

		s->plis = e->stats.pli_count;
		room_time(s->r, s->r->now_us + PICTURE_US);
		for (unsigned k = 0; k < count; k++)
			send_frame(s, &frames[k]);
		room_housekeeping(s->r);
		receive(s);
	}
}

static void wish(struct stage *s, uint8_t spatial, uint8_t temporal)
{
	struct shm_subscription_config *c = &s->r->h->dp.shm.subscriptions[0].config;

	c->layer_wishes = SHM_LAYER_MAXIMUM;
	c->maximum = (struct shm_layer){spatial, temporal};
	room_op(s->r, SHM_RECORD_SUBSCRIPTION, SHM_ACTION_APPLY, 0, 1);
	room_apply(s->r);
}

// Frames of spatial layer 'spatial' alone, in so many temporal layers.
static void expect(const struct stage *s, unsigned spatial, unsigned temporal)
{
	for (unsigned l = 0; l < LAYERS; l++)
		for (unsigned t = 0; t < LAYERS; t++) {
			bool wanted = l == spatial && t <= temporal;
			assert_int_equal(s->by_layer[l][t] != 0, wanted);
		}
}

static void layers_are_switched_unseen(void **state)
{
	struct stage *s = *state;
	const struct shm_encoding_stats *stats = &s->r->h->dp.tracks[VIDEO].encodings[0].stats;

	run(s, 20);
	assert_int_equal(stats->keyframes, 1); // whatever the payload looks like
	run(s, 20);
	wish(s, 0, 2);
	run(s, 40); // a lower spatial layer is got by a keyframe, too
	run(s, 40);
	expect(s, 0, 2);
	wish(s, 0, 0);
	run(s, 20);
	run(s, 40);
	expect(s, 0, 0);
	assert_int_equal(s->by_layer[0][0], 10);
	uint64_t keyframes = stats->keyframes;
	wish(s, 0, 2);
	run(s, 20);
	run(s, 40);
	expect(s, 0, 2);
	assert_int_equal(stats->keyframes, keyframes); // more frames need none
	wish(s, 2, 2);
	run(s, 40);
	run(s, 40);
	expect(s, 2, 2);
	assert_true(stats->keyframes > keyframes);
}

// The packet with the structure is lost: nothing is taken for a keyframe until one comes whole.
static void nothing_begins_without_the_structure(void **state)
{
	struct stage *s = *state;
	struct svc_frame frames[SVC_SPATIAL_MAX];
	const struct shm_encoding_stats *stats = &s->r->h->dp.tracks[VIDEO].encodings[0].stats;

	svc_next_picture(&s->publisher, true, frames);
	s->plis = UINT64_MAX;
	for (unsigned i = 0; i < 10; i++) {
		svc_next_picture(&s->publisher, false, frames);
		send_frame(s, &frames[0]);
		receive(s);
	}
	assert_int_equal(s->by_layer[0][0] + s->by_layer[0][1] + s->by_layer[0][2], 0);
	assert_int_equal(stats->keyframes, 0);
	run(s, 4);
	assert_int_equal(stats->keyframes, 1);
	assert_true(s->by_layer[0][0] + s->by_layer[1][0] + s->by_layer[2][0] > 0);
}

// Two encodings in three temporal layers.
static int simulcast(void **state)
{
	struct stage *s = &the_stage;

	*s = (struct stage){.r = room_new(1), .noise = 1};
	*state = s;
	struct room_peer *from = room_join(s->r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.1");
	struct room_peer *to = room_join(s->r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.2");
	struct shm_track_config *c =
		room_track(s->r, VIDEO, from, SHM_KIND_VIDEO, SHM_CODEC_H264, SSRC);
	c->ext.id[RTP_EXT_DEPENDENCY_DESCRIPTOR] = DD_ID;
	c->encoding_count = 2;
	c->encodings[1].ssrc = HIGH_SSRC;
	subscribe(s->r, to);
	room_apply(s->r);
	s->publisher = (struct svc_publisher){.spatial_count = 1, .temporal_count = LAYERS};
	return 0;
}

// The frame number of a descriptor to the consumer: behind the byte of start, end and template.
static uint16_t number_of(const struct room_packet *got)
{
	bool two_bytes = bytes_be16(got->bytes + 12) == 0x1000;
	const uint8_t *at = got->bytes + 16, *end = at + 4u * bytes_be16(got->bytes + 14);

	while (at < end) {
		uint8_t id = two_bytes ? at[0] : at[0] >> 4;
		if (id == 0) {
			at++;
			continue;
		}
		size_t size = two_bytes ? at[1] : (at[0] & 15) + 1u;
		at += two_bytes ? 2 : 1;
		if (id == CONSUMER_DD_ID)
			return bytes_be16(at + 1);
		at += size;
	}
	fail_msg("a packet without a descriptor");
	return 0;
}

// Both encodings, the higher with numbers far from the lower's. Counts what came of it, and checks
// that frame numbers to the consumer have no gap.
static unsigned run_both(struct stage *s, struct svc_publisher *high, unsigned pictures,
			 uint16_t *next)
{
	struct encoding *e = s->r->h->dp.tracks[VIDEO].encodings;
	struct svc_publisher *of[] = {&s->publisher, high};
	static uint64_t asked[2];
	struct room_packet *got[8];
	unsigned came = 0;

	for (unsigned i = 0; i < pictures; i++) {
		room_time(s->r, s->r->now_us + PICTURE_US);
		for (unsigned k = 0; k < 2; k++) {
			struct svc_frame f[SVC_SPATIAL_MAX];
			bool key = of[k]->next_picture == 0 || e[k].stats.pli_count != asked[k];

			asked[k] = e[k].stats.pli_count;
			svc_next_picture(of[k], key, f);
			f[0].picture &= 0xffff;
			send_frame_of(s, k == 0 ? SSRC : HIGH_SSRC, (uint16_t)f[0].number, &f[0]);
		}
		room_housekeeping(s->r);
		room_collect(s->r);
		unsigned n = room_of(s->r, VIEWER, false, got, 8);
		for (unsigned k = 0; k < n; k++, came++) {
			if (s->seq++ != 0)
				assert_int_equal(number_of(got[k]), *next);
			*next = (uint16_t)(number_of(got[k]) + 1);
		}
	}
	return came;
}

static void frame_numbers_go_on_over_a_change(void **state)
{
	struct stage *s = *state;
	struct svc_publisher high = s->publisher;
	uint16_t next = 0;

	high.next_number = 40000;
	run_both(s, &high, 40, &next);
	assert_int_equal(s->r->h->dp.subscriptions[0].encoding, 1);
	for (unsigned i = 0; i < 3; i++) {
		wish(s, i % 2 != 0, 2);
		assert_true(run_both(s, &high, 60, &next) >= 60);
		assert_int_equal(s->r->h->dp.subscriptions[0].encoding, i % 2 != 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(layers_are_switched_unseen, svc, leave),
		cmocka_unit_test_setup_teardown(frame_numbers_go_on_over_a_change, simulcast,
						leave),
		cmocka_unit_test_setup_teardown(nothing_begins_without_the_structure, svc, leave),
	};

	return cmocka_run_group_tests_name("encrypted", tests, NULL, NULL);
}
