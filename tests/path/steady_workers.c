// SPDX-License-Identifier: Apache-2.0
//
// tests/path/steady_workers.c - two workers on lcores of their own, under every kind of work a call
// brings: audio and video in all suites, over the rings between workers, RTCP both ways, NACKs
// answered by RTX, keyframe requests, STUN checks.
//
//   steady_workers [SECONDS [adaptive]]
//
// Counts   what the workers' threads take from the heap: malloc and its kin are replaced here, for
//          the libraries as well. Exit status 1 if that is anything, or if some kind of work did
//          not come to pass. tests/system/system_calls_test.py counts their system calls meanwhile.
// Prints   "running" and "measured". Given SECONDS, it waits for a line of input behind each, so
//          that whoever watches can begin and end.
#include "dataplane/core/clock.h"
#include "dataplane/core/eal_args.h"
#include "dataplane/core/loop.h"
#include "dataplane/srtp/engine.h"
#include "dataplane/tables/subscription.h"
#include "dataplane/tables/track.h"
#include "dataplane/tables/transport.h"
#include "proto/rtc/rtcp_build.h"
#include "tests/path/media.h"
#include "tests/path/room.h"

#include <errno.h>
#include <inttypes.h>
#include <rte_lcore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { PUBLISHER = 0, WORKERS = 2, AUDIO = 0, VIDEO = 1, CONSUMERS = 3 };
enum { AUDIO_SSRC = 0xa0d10, VIDEO_SSRC = 0x51de0, CONSUMER = 0x2000, REPAIR = 0x3000 };
enum {
	REPAIR_PT = 101,
	VIDEO_BYTES = 1100,
	AUDIO_BYTES = 120,
	SENT_AT_ONCE = 64,
	ROUNDS_MIN = 300
};

// The C library's own, under names that stay theirs.
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *old);

static _Atomic bool counting;
static _Atomic uint64_t taken;

// Main is lcore 0; other threads have no lcore.
static void count(void)
{
	if (atomic_load_explicit(&counting, memory_order_relaxed) && rte_lcore_id() != 0 &&
	    rte_lcore_id() != LCORE_ID_ANY)
		atomic_fetch_add(&taken, 1);
}

void *malloc(size_t size)
{
	count();
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	count();
	return __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	count();
	return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size)
{
	count();
	return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
	*out = memalign(alignment, size);
	return *out != NULL ? 0 : ENOMEM;
}

void free(void *old)
{
	__libc_free(old);
}

static void subscribe(struct room *r, unsigned n, const struct room_peer *to)
{
	struct shm_subscription_config *c = room_subscribe(r, 2 * n, VIDEO, to, CONSUMER + 2 * n);

	c->rtx_ssrc = REPAIR + n;
	c->pts[0].rtx = REPAIR_PT;
	room_subscribe(r, 2 * n + 1, AUDIO, to, CONSUMER + 2 * n + 1);
}

static struct room *three_consumers(void)
{
	static const enum shm_suite suites[CONSUMERS] = {SHM_SUITE_AES_CM_128_HMAC_SHA1_80,
							 SHM_SUITE_AEAD_AES_128_GCM,
							 SHM_SUITE_AEAD_AES_256_GCM};
	static const char *const ips[CONSUMERS] = {"198.51.100.2", "2001:db8::77", "198.51.100.4"};
	struct room *r = room_new(WORKERS);

	room_time(r, clock_us());
	struct room_peer *from = room_join(r, suites[0], 0, "198.51.100.1");
	for (unsigned i = 0; i < CONSUMERS; i++)
		room_join(r, suites[i], i % WORKERS, ips[i]);
	room_track(r, AUDIO, from, SHM_KIND_AUDIO, SHM_CODEC_OPUS, AUDIO_SSRC);
	room_track(r, VIDEO, from, SHM_KIND_VIDEO, SHM_CODEC_VP8, VIDEO_SSRC);
	room_apply(r);
	for (unsigned i = 0; i < CONSUMERS; i++)
		subscribe(r, i, &r->peers[1 + i]);
	room_apply(r);
	return r;
}

// Every 100th is a keyframe (RFC 7741); every 50th is lost on the way, for the publisher to hear.
static void send_video(struct room *r, unsigned n)
{
	static uint8_t payload[VIDEO_BYTES] = {0x10, 0x11, 2, 0, 0x9d, 1, 0x2a};
	uint8_t packet[VIDEO_BYTES + MEDIA_HEADER_BYTES];
	const struct media m = {.ssrc = VIDEO_SSRC,
				.seq = (uint16_t)n,
				.ts = n * 3000,
				.pt = ROOM_VIDEO_PT,
				.twcc = (uint16_t)n,
				.marker = true,
				.payload = payload,
				.size = sizeof(payload)};

	payload[1] = n % 100 == 0 ? 0x10 : 0x11;
	if (n % 50 != 49)
		room_send_rtp(r, &r->peers[PUBLISHER], packet, media_write(packet, &m));
}

static void send_audio(struct room *r, unsigned n)
{
	static const uint8_t payload[AUDIO_BYTES];
	uint8_t packet[AUDIO_BYTES + MEDIA_HEADER_BYTES];
	const struct media m = {.ssrc = AUDIO_SSRC,
				.seq = (uint16_t)n,
				.ts = n * 960,
				.pt = ROOM_AUDIO_PT,
				.level = 30,
				.payload = payload,
				.size = sizeof(payload)};

	room_send_rtp(r, &r->peers[PUBLISHER], packet, media_write(packet, &m));
}

static void send_compound(struct room *r, unsigned peer, const struct bytes_writer *w)
{
	assert_false(w->overflow);
	room_send_rtcp(r, &r->peers[peer], w->start, w->size);
}

static void publisher_reports(struct room *r, unsigned n)
{
	const struct rtcp_sr sr = {.ssrc = VIDEO_SSRC,
				   .ntp = (uint64_t)clock_us() << 12,
				   .ts = n * 3000,
				   .packets = n,
				   .bytes = n * VIDEO_BYTES};
	uint8_t bytes[128];
	struct bytes_writer w;

	bytes_writer_init(&w, bytes, sizeof(bytes));
	rtcp_put_sr(&w, &sr, NULL, 0);
	send_compound(r, PUBLISHER, &w);
}

// A report, two packets asked for again, now and then a keyframe.
static void consumer_reports(struct room *r, unsigned i, unsigned n)
{
	uint16_t seqs[] = {(uint16_t)(ROOM_SEQUENCE_START + n - 40),
			   (uint16_t)(ROOM_SEQUENCE_START + n - 37)};
	uint8_t bytes[256];
	struct bytes_writer w;

	bytes_writer_init(&w, bytes, sizeof(bytes));
	rtcp_put_rr(&w, 77 + i, NULL, 0);
	rtcp_put_nack(&w, 77 + i, CONSUMER + 2 * i, seqs, 2);
	if (n % 64 == 0)
		rtcp_put_pli(&w, 77 + i, CONSUMER + 2 * i);
	send_compound(r, 1 + i, &w);
}

// Takes what went out. Returns how many frames.
static unsigned take(struct room *r)
{
	struct rte_mbuf *frames[SENT_AT_ONCE];
	struct xmsg msgs[SENT_AT_ONCE];
	unsigned frames_sent = 0;

	for (unsigned id = 0; id < WORKERS; id++) {
		unsigned n = harness_sent(r->h, id, frames, SENT_AT_ONCE);
		rte_pktmbuf_free_bulk(frames, n);
		frames_sent += n;
		n = harness_to_main(r->h, id, msgs, SENT_AT_ONCE);
		for (unsigned i = 0; i < n; i++)
			if (msgs[i].kind == XMSG_PUNT || msgs[i].kind == XMSG_STUN_RESPONSE)
				rte_pktmbuf_free(msgs[i].mbuf);
	}
	return frames_sent;
}

static void round_of_work(struct room *r, unsigned n)
{
	send_video(r, n);
	send_audio(r, n);
	if (n % 16 == 0)
		publisher_reports(r, n);
	if (n % 8 == 0)
		consumer_reports(r, n / 8 % CONSUMERS, n);
	if (n % 200 == 0)
		for (unsigned i = 0; i < r->peer_count; i++)
			room_check(r, &r->peers[i]);
}

static bool received(const struct room *r)
{
	for (unsigned id = 0; id < WORKERS; id++)
		if (!rte_ring_empty(r->h->wire_rx[id]))
			return false;
	return true;
}

// A round once the last one is received: nothing piles up, however slow the machine. At least so
// many that each kind of work comes to pass.
static void work(struct room *r, unsigned *rounds, uint64_t us)
{
	unsigned enough = *rounds + ROUNDS_MIN;

	for (uint64_t end = clock_us() + us; clock_us() < end || *rounds < enough; (*rounds)++) {
		round_of_work(r, *rounds);
		do
			take(r);
		while (!received(r));
	}
}

static bool happened(const char *what, uint64_t count_of)
{
	printf("%s %" PRIu64 "\n", what, count_of);
	if (count_of == 0)
		printf("FAIL: %s came to nothing\n", what);
	return count_of != 0;
}

static bool all_happened(struct room *r)
{
	const struct dataplane *dp = &r->h->dp;
	bool ok = true;

	for (unsigned id = 0; id < WORKERS; id++) {
		ok &= happened("packets of a worker", dp->workers[id].stats.packets_sent);
		ok &= happened("polls of a worker", dp->workers[id].stats.polls);
	}
	for (unsigned i = 0; i < 2 * CONSUMERS; i++)
		ok &= happened("packets of a consumer", dp->subscriptions[i].stats.packets_sent);
	for (unsigned i = 0; i < CONSUMERS; i++)
		ok &= happened("packets sent again",
			       dp->subscriptions[2 * i].stats.retransmitted_packets_sent);
	ok &= happened("keyframes asked for", dp->tracks[VIDEO].encodings[0].stats.pli_count);
	ok &= happened("sender reports", dp->tracks[VIDEO].encodings[0].stats.reports);
	return ok;
}

// What nobody received any more, and what nobody took.
static void leave(struct room *r)
{
	void *frame = NULL;

	for (unsigned id = 0; id < WORKERS; id++)
		while (rte_ring_dequeue(r->h->wire_rx[id], &frame) == 0)
			rte_pktmbuf_free(frame);
	r->running = false;
	room_deliver(r);
	while (take(r) != 0)
		continue;
	room_free(r);
}

static void lcores(char *out, size_t size)
{
	char cpus[256];

	assert_true(eal_args_allowed_cpus(cpus, sizeof(cpus)));
	snprintf(out, size, "(0-%d)@(%s)", WORKERS, cpus);
}

int main(int argc, char **argv)
{
	unsigned long seconds = argc > 1 ? strtoul(argv[1], NULL, 10) : 2;
	unsigned rounds = 0;
	struct loops loops;
	char map[300], line[16];

	setvbuf(stdout, NULL, _IOLBF, 0);
	lcores(map, sizeof(map));
	harness_eal_on(map);
	struct room *r = three_consumers();
	if (loops_start(&loops, &r->h->dp, argc > 2) != 0)
		return 1;
	r->running = true;
	work(r, &rounds, 200000); // first packets, first frees: set-up that is over soon
	// OpenSSL 3.0 allocates with each HMAC-SHA1, so SRTCP does beside engine libsrtp2.
	bool is_fast = r->h->dp.srtp == &srtp_engine_ipsec_mb;
	printf("running: engine %s\n", r->h->dp.srtp->name);
	if (argc > 1 && fgets(line, sizeof(line), stdin) == NULL)
		return 1;
	atomic_store(&counting, true);
	work(r, &rounds, seconds * 1000000);
	atomic_store(&counting, false);
	printf("measured\n");
	if (argc > 1 && fgets(line, sizeof(line), stdin) == NULL)
		return 1;
	loops_stop(&loops);
	bool ok = all_happened(r);
	printf("taken from the heap by workers: %" PRIu64 "\n", taken);
	leave(r);
	return ok && (taken == 0 || !is_fast) ? 0 : 1;
}
