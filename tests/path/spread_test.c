// SPDX-License-Identifier: Apache-2.0
//
// tests/path/spread_test.c - one room on 1, 2 and 4 workers: what each consumer gets is the same to
// the byte, sealed, headers and all.
//
// Threads  none: two and more workers are called in turn, so what differs is who seals, behind
// which
//          ring. steady_workers.c runs them side by side.
#include "dataplane/core/path.h"
#include "tests/path/media.h"
#include "tests/path/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { AUDIO = 0, VIDEO = 1, AUDIO_SSRC = 0xa0d10, VIDEO_SSRC = 0x51de0, CONSUMERS = 6 };
enum { ROUNDS = 300, FRAMES_MAX = 4 * ROUNDS, ROUND_US = 20000, COLLECTED_AT_ONCE = 64 };

static const enum shm_suite suites[] = {SHM_SUITE_AES_CM_128_HMAC_SHA1_80,
					SHM_SUITE_AEAD_AES_128_GCM, SHM_SUITE_AEAD_AES_256_GCM};
static const char *const ips[CONSUMERS] = {"198.51.100.7", "2001:db8::77", "203.0.113.9",
					   "198.51.100.8", "2001:db8::78", "203.0.113.10"};

// Every frame to one consumer, one after another, as it left.
struct stream {
	uint8_t *bytes;
	size_t size;
	size_t room;
	unsigned frames;
};

static struct room *everybody(unsigned workers)
{
	struct room *r = room_new(workers);
	struct room_peer *publisher = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.1");

	for (unsigned i = 0; i < CONSUMERS; i++)
		room_join(r, suites[i % 3], i % workers, ips[i]);
	room_track(r, AUDIO, publisher, SHM_KIND_AUDIO, SHM_CODEC_OPUS, AUDIO_SSRC);
	room_track(r, VIDEO, publisher, SHM_KIND_VIDEO, SHM_CODEC_VP8, VIDEO_SSRC);
	for (unsigned i = 0; i < CONSUMERS; i++) {
		room_subscribe(r, 2 * i, AUDIO, &r->peers[1 + i], 0x1000 + i);
		room_subscribe(r, 2 * i + 1, VIDEO, &r->peers[1 + i], 0x2000 + i);
	}
	room_apply(r);
	return r;
}

static void send(struct room *r, uint32_t ssrc, uint8_t pt, uint16_t seq, size_t size)
{
	uint8_t rtp[1600], payload[1200];
	const struct media m = {.ssrc = ssrc,
				.seq = seq,
				.ts = 3000u * seq,
				.pt = pt,
				.marker = seq % 3 == 0,
				.twcc = seq,
				.level = (uint8_t)(seq & 0x7f),
				.payload = payload,
				.size = size};

	memset(payload, seq & 0xff, sizeof(payload));
	memcpy(payload, (const uint8_t[]){0x10, seq % 50 == 0 ? 0x10 : 0x11, 2, 0, 0x9d, 1, 0x2a},
	       7); // VP8 (RFC 7741)
	room_send_rtp(r, &r->peers[0], rtp, media_write(rtp, &m));
}

static void keep(struct stream *s, const struct rte_mbuf *m)
{
	if (s->size + m->data_len > s->room) {
		s->room = 2 * (s->size + m->data_len);
		s->bytes = realloc(s->bytes, s->room);
		assert_non_null(s->bytes);
	}
	memcpy(s->bytes + s->size, rte_pktmbuf_mtod(m, uint8_t *), m->data_len);
	s->size += m->data_len;
	s->frames++;
}

static void collect(struct room *r, struct stream streams[CONSUMERS])
{
	struct rte_mbuf *frames[COLLECTED_AT_ONCE];
	unsigned n;

	room_deliver(r);
	for (unsigned id = 0; id < r->h->dp.worker_count; id++)
		while ((n = harness_sent(r->h, id, frames, COLLECTED_AT_ONCE)) > 0)
			for (unsigned k = 0; k < n; k++) {
				struct harness_udp u;
				assert_null(harness_udp_read(frames[k], &u));
				for (unsigned i = 0; i < CONSUMERS; i++)
					if (rtc_addr_equal(&u.to, &r->peers[1 + i].remote))
						keep(&streams[i], frames[k]);
				rte_pktmbuf_free(frames[k]);
			}
}

// Lost and late packets among them.
static void call(unsigned workers, struct stream streams[CONSUMERS])
{
	struct room *r = everybody(workers);
	struct stream joining[CONSUMERS] = {0};

	collect(r, joining); // answers to checks
	for (unsigned n = 0; n < ROUNDS; n++) {
		room_time(r, r->now_us + ROUND_US);
		send(r, AUDIO_SSRC, ROOM_AUDIO_PT, (uint16_t)(65500 + n), 20 + n % 90);
		if (n % 10 != 7)
			send(r, VIDEO_SSRC, ROOM_VIDEO_PT, (uint16_t)(65400 + n), 900 + n);
		if (n % 10 == 9)
			send(r, VIDEO_SSRC, ROOM_VIDEO_PT, (uint16_t)(65400 + n - 2), 900 + n - 2);
		room_housekeeping(r);
		collect(r, streams);
	}
	for (unsigned i = 0; i < CONSUMERS; i++)
		free(joining[i].bytes);
	room_free(r);
}

static void same_bytes_on_any_number_of_workers(void **state)
{
	struct stream one[CONSUMERS] = {0};

	(void)state;
	call(1, one);
	for (unsigned i = 0; i < CONSUMERS; i++)
		assert_in_range(one[i].frames, 2 * ROUNDS, FRAMES_MAX); // media, and reports
	for (unsigned workers = 2; workers <= 4; workers += 2) {
		struct stream spread[CONSUMERS] = {0};
		call(workers, spread);
		for (unsigned i = 0; i < CONSUMERS; i++) {
			assert_int_equal(spread[i].frames, one[i].frames);
			assert_int_equal(spread[i].size, one[i].size);
			assert_memory_equal(spread[i].bytes, one[i].bytes, one[i].size);
			free(spread[i].bytes);
		}
	}
	for (unsigned i = 0; i < CONSUMERS; i++)
		free(one[i].bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_bytes_on_any_number_of_workers),
	};

	return cmocka_run_group_tests_name("spread", tests, NULL, NULL);
}
