// SPDX-License-Identifier: Apache-2.0
//
// tests/path/red_test.c - redundant audio (RFC 2198): as it is to who negotiated it, under their
// own payload types; the primary block alone to who did not.
#include "tests/path/checks.h"
#include "tests/path/media.h"

#include "tests/path/both_workers.h"

enum { AUDIO = 3, AUDIO_SSRC = 0xa0d10, RED_PT = 63, OPUS_PT = 111 };
enum { PUBLISHER, ALIKE, OTHERWISE, WITHOUT, PEERS };

// PT 111, 960 ticks back, 3 bytes; the primary block, PT 111; their bytes.
static const uint8_t red[] = {0x80 | OPUS_PT, 0x0f, 0x00, 0x03, OPUS_PT, 1, 2, 3, 4, 5};
static const uint8_t renumbered[] = {0x80 | 100, 0x0f, 0x00, 0x03, 100, 1, 2, 3, 4, 5};
static const uint8_t primary[] = {4, 5};

static void subscribe(struct room *r, uint32_t slot, const struct room_peer *to, uint8_t red_pt,
		      uint8_t opus_pt)
{
	struct shm_subscription_config *c = room_subscribe(r, slot, AUDIO, to, 0x1000);

	c->pts[0] = (struct shm_pt_map){OPUS_PT, opus_pt};
	c->pts[1] = (struct shm_pt_map){RED_PT, red_pt};
	c->pt_count = red_pt != 0 ? 2 : 1;
}

static struct room *four(unsigned workers)
{
	struct room *r = room_new(workers);
	struct room_peer *from = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.1");
	struct room_peer *alike =
		room_join(r, SHM_SUITE_AEAD_AES_128_GCM, workers - 1, "198.51.100.2");
	struct room_peer *otherwise =
		room_join(r, SHM_SUITE_AES_CM_128_HMAC_SHA1_80, workers - 1, "198.51.100.3");
	struct room_peer *without =
		room_join(r, SHM_SUITE_AEAD_AES_256_GCM, workers - 1, "198.51.100.4");
	struct shm_track_config *c =
		room_track(r, AUDIO, from, SHM_KIND_AUDIO, SHM_CODEC_OPUS, AUDIO_SSRC);

	c->codecs[0] = (struct shm_track_codec){RED_PT, SHM_CODEC_RED, 0, 0, 48000};
	c->codecs[1] = (struct shm_track_codec){OPUS_PT, SHM_CODEC_OPUS, 0, 0, 48000};
	subscribe(r, 0, alike, RED_PT, OPUS_PT);
	subscribe(r, 1, otherwise, 101, 100);
	subscribe(r, 2, without, 0, 100);
	room_apply(r);
	return r;
}

BOTH_WORKERS(four)

static void send(struct room *r, uint8_t pt, uint16_t seq, const uint8_t *payload, size_t size)
{
	uint8_t packet[400];
	const struct media m = {.ssrc = AUDIO_SSRC,
				.seq = seq,
				.ts = 960u * seq,
				.pt = pt,
				.marker = seq == 1,
				.payload = payload,
				.size = size};

	room_send_rtp(r, &r->peers[PUBLISHER], packet, media_write(packet, &m));
}

// The n-th packet a peer got since the last call of room_collect().
static struct media_read got(struct room *r, unsigned peer, unsigned n)
{
	struct room_packet *all[16];

	assert_true(room_of(r, peer, false, all, 16) > n);
	return media_read(all[n]);
}

static unsigned count(struct room *r, unsigned peer)
{
	struct room_packet *all[16];

	return room_of(r, peer, false, all, 16);
}

static void expect(const struct media_read *m, uint8_t pt, const uint8_t *payload, size_t size)
{
	assert_int_equal(m->m.pt, pt);
	assert_int_equal(m->m.size, size);
	assert_memory_equal(m->m.payload, payload, size);
}

static void each_gets_what_it_negotiated(void **state)
{
	struct room *r = *state;

	send(r, RED_PT, 1, red, sizeof(red));
	room_collect(r);
	for (unsigned peer = ALIKE; peer < PEERS; peer++) {
		const struct media_read m = got(r, peer, 0);
		assert_int_equal(count(r, peer), 1);
		assert_true(m.m.marker);
		assert_true(m.has_level && m.has_twcc);
		if (peer == ALIKE)
			expect(&m, RED_PT, red, sizeof(red));
		else if (peer == OTHERWISE)
			expect(&m, 101, renumbered, sizeof(renumbered));
		else
			expect(&m, 100, primary, sizeof(primary));
	}
	assert_int_equal(r->h->dp.subscriptions[2].stats.bytes_sent, sizeof(primary));
}

// A sender changes between the two; numbers and times go on.
static void red_and_plain_opus_are_one_stream(void **state)
{
	struct room *r = *state;
	static const uint8_t opus[] = {9, 9, 9};

	for (uint16_t seq = 1; seq <= 6; seq++) {
		if (seq % 2 != 0)
			send(r, RED_PT, seq, red, sizeof(red));
		else
			send(r, OPUS_PT, seq, opus, sizeof(opus));
	}
	room_collect(r);
	for (unsigned peer = ALIKE; peer < PEERS; peer++) {
		const struct media_read first = got(r, peer, 0);
		for (unsigned i = 0; i < 6; i++) {
			const struct media_read m = got(r, peer, i);
			assert_int_equal(m.m.seq, (uint16_t)(first.m.seq + i));
			assert_int_equal(m.m.ts, first.m.ts + 960 * i);
			if (i % 2 != 0)
				expect(&m, peer == ALIKE ? OPUS_PT : 100, opus, sizeof(opus));
		}
	}
}

// DTX: the redundant block alone. Nothing is left of it without RED, and no gap either; a packet
// the uplink has lost is one.
static void silence_leaves_no_gap(void **state)
{
	static const uint8_t silent[] = {0x80 | OPUS_PT, 0x0f, 0x00, 0x03, OPUS_PT, 1, 2, 3};
	struct room *r = *state;

	send(r, RED_PT, 1, red, sizeof(red));
	send(r, RED_PT, 2, silent, sizeof(silent));
	send(r, RED_PT, 3, red, sizeof(red));
	send(r, RED_PT, 5, red, sizeof(red));
	room_collect(r);
	assert_int_equal(count(r, ALIKE), 4);
	assert_int_equal(count(r, WITHOUT), 3);
	const uint16_t first = got(r, WITHOUT, 0).m.seq;
	assert_int_equal(got(r, WITHOUT, 1).m.seq, (uint16_t)(first + 1));
	assert_int_equal(got(r, WITHOUT, 1).m.ts, got(r, WITHOUT, 0).m.ts + 2 * 960);
	assert_int_equal(got(r, WITHOUT, 2).m.seq, (uint16_t)(first + 3));
}

static void what_is_malformed_ends_here(void **state)
{
	struct room *r = *state;
	uint8_t lies[sizeof(red)];

	for (uint16_t size = 1; size < 8; size++)
		send(r, RED_PT, size, red, size);
	memcpy(lies, red, sizeof(red));
	lies[3] = 0xff; // more than there is
	send(r, RED_PT, 8, lies, sizeof(lies));
	room_collect(r);
	for (unsigned peer = ALIKE; peer < PEERS; peer++)
		assert_int_equal(count(r, peer), 0);
	assert_int_equal(drops_of(r, SHM_INGRESS_DROP_RED_MALFORMED), 8);
	send(r, RED_PT, 9, red, sizeof(red));
	room_collect(r);
	assert_int_equal(count(r, WITHOUT), 1);
}

// What is inside is not Opus, or RED again: those without RED have nothing they could use.
static void another_primary_block_is_not_negotiated(void **state)
{
	struct room *r = *state;
	static const uint8_t other[] = {13, 1}, nested[] = {RED_PT, OPUS_PT, 1};

	send(r, RED_PT, 1, other, sizeof(other));
	send(r, RED_PT, 2, nested, sizeof(nested));
	room_collect(r);
	assert_int_equal(count(r, ALIKE), 2);
	assert_int_equal(count(r, WITHOUT), 0);
	const struct worker *w = &r->h->dp.workers[r->h->dp.worker_count - 1];
	assert_int_equal(w->stats.egress_drops[SHM_EGRESS_DROP_PT_NOT_NEGOTIATED], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(each_gets_what_it_negotiated),
		BOTH(red_and_plain_opus_are_one_stream),
		BOTH(silence_leaves_no_gap),
		BOTH(what_is_malformed_ends_here),
		BOTH(another_primary_block_is_not_negotiated),
	};

	return cmocka_run_group_tests_name("red", tests, NULL, NULL);
}
