// SPDX-License-Identifier: Apache-2.0
//
// tests/path/seal_test.c - an engine that refuses some packets: these are lost and counted, and no
// other is. Each test runs with one worker and with two.
#include "tests/path/media.h"
#include "tests/path/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/path/both_workers.h"

enum {
	AUDIO = 0,
	AUDIO_SSRC = 0xa0d10,
	CONSUMERS = 3,
	CONSUMER_SSRC = 0x1000,
	PACKETS = 100,
	AUDIO_BYTES = 100
};

static const char *const ips[CONSUMERS] = {"198.51.100.7", "2001:db8::77", "203.0.113.9"};

static const struct srtp_engine *engine; // the real one
static struct srtp_engine refusing;
static unsigned jobs_seen;
static bool refused[CONSUMERS][1 << 16]; // by sequence number

// Of every eight the first, the second and the last.
static unsigned refuse_some(struct srtp_lanes *lanes, struct srtp_job *jobs, unsigned count)
{
	unsigned failed = engine->seal(lanes, jobs, count);

	assert_int_equal(failed, 0);
	for (unsigned i = 0; i < count; i++, jobs_seen++) {
		if (jobs_seen % 8 != 0 && jobs_seen % 8 != 1 && jobs_seen % 8 != 7)
			continue;
		jobs[i].status = SRTP_FAIL_ENGINE;
		refused[bytes_be32(jobs[i].packet + 8) - CONSUMER_SSRC]
		       [bytes_be16(jobs[i].packet + 2)] = true;
		failed++;
	}
	return failed;
}

static struct room *everybody(unsigned workers)
{
	struct room *r = room_new(workers);
	struct room_peer *publisher = room_join(r, SHM_SUITE_AEAD_AES_128_GCM, 0, "198.51.100.1");

	for (unsigned i = 0; i < CONSUMERS; i++)
		room_join(r, SHM_SUITE_AEAD_AES_128_GCM, i == 0 ? 0 : workers - 1, ips[i]);
	room_track(r, AUDIO, publisher, SHM_KIND_AUDIO, SHM_CODEC_OPUS, AUDIO_SSRC);
	for (unsigned i = 0; i < CONSUMERS; i++)
		room_subscribe(r, i, AUDIO, &r->peers[1 + i], CONSUMER_SSRC + i);
	room_apply(r);
	engine = r->h->dp.srtp;
	refusing = *engine;
	refusing.seal = refuse_some;
	r->h->dp.srtp = &refusing;
	jobs_seen = 0;
	memset(refused, 0, sizeof(refused));
	return r;
}

BOTH_WORKERS(everybody)

static void send_audio(struct room *r, uint16_t seq)
{
	uint8_t rtp[200];

	room_send_rtp(r, &r->peers[0], rtp, media_write_audio(rtp, AUDIO_SSRC, seq, AUDIO_BYTES));
}

// Everything that got through is what was sent, and nothing that was refused is among it.
static unsigned received(struct room *r, unsigned consumer)
{
	static struct room_packet *got[ROOM_PACKETS_MAX];
	unsigned count = room_of(r, 1 + consumer, false, got, ROOM_PACKETS_MAX);

	for (unsigned i = 0; i < count; i++) {
		struct media_read m = media_read(got[i]);
		uint16_t sent = (uint16_t)(m.m.seq - ROOM_SEQUENCE_START);

		assert_false(refused[consumer][m.m.seq]);
		assert_int_equal(m.m.ssrc, CONSUMER_SSRC + consumer);
		assert_int_equal(m.m.payload[0], sent & 0xff);
		assert_int_equal(m.m.payload[m.m.size - 1], sent & 0xff);
	}
	return count;
}

static void refused_packets_are_lost_alone(void **state)
{
	struct room *r = *state;
	uint64_t drops = 0;
	unsigned lost = 0;

	for (uint16_t seq = 0; seq < PACKETS; seq++)
		send_audio(r, seq);
	room_collect(r);
	for (unsigned i = 0; i < CONSUMERS; i++) {
		unsigned count = received(r, i);

		assert_int_equal(r->h->dp.subscriptions[i].stats.packets_sent, count);
		assert_int_equal(r->h->dp.subscriptions[i].stats.bytes_sent, AUDIO_BYTES * count);
		lost += PACKETS - count;
	}
	for (unsigned i = 0; i < r->h->dp.worker_count; i++)
		drops += r->h->dp.workers[i].stats.egress_drops[SHM_EGRESS_DROP_SEAL];
	assert_int_equal(jobs_seen, CONSUMERS * PACKETS);
	assert_in_range(lost, jobs_seen * 3 / 8, jobs_seen * 3 / 8 + 3);
	assert_int_equal(drops, lost);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(refused_packets_are_lost_alone),
	};

	return cmocka_run_group_tests_name("seal", tests, NULL, NULL);
}
