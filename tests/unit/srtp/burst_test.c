// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/srtp/burst_test.c - bursts of jobs through every engine: the same bytes and the same
// judgement as one packet after another.
#include "tests/unit/srtp/engines.h"

static const uint8_t master[SHM_MASTER_BYTES_MAX] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9};

// Random packets of random streams of all suites in bursts of random length: each must be what the
// reference makes of it alone, sealed from elsewhere or in place, and open again in a burst.
enum { BURST_STREAMS = 9, BURST = 150, BURST_PACKET = 1400 };

struct burst_stream {
	struct srtp_stream *tx;
	struct srtp_stream *rx;
	struct reference_keys keys;
	uint32_t ssrc;
	uint64_t next;
};

static uint32_t dice(uint32_t *state, uint32_t sides)
{
	*state = *state * 1664525 + 1013904223; // Numerical Recipes' generator
	return (*state >> 8) % sides;
}

static void burst_stream_new(struct burst_stream *b, unsigned i, uint32_t *state)
{
	uint8_t key[SHM_MASTER_BYTES_MAX];

	for (size_t n = 0; n < sizeof(key); n++)
		key[n] = (uint8_t)dice(state, 256);
	*b = (struct burst_stream){.ssrc = dice(state, UINT32_MAX) | 1, .next = 0x7f00 + i};
	b->tx = engine->stream_new(suites[i % SUITES], SRTP_SEND, key, b->ssrc, b->next);
	b->rx = engine->stream_new(suites[i % SUITES], SRTP_RECEIVE, key, b->ssrc, 0);
	assert_non_null(b->tx);
	assert_non_null(b->rx);
	reference_derive(&b->keys, suites[i % SUITES], key);
}

// A plain packet with, half the time, an extension or CSRCs.
static void burst_packet(struct burst_stream *b, uint8_t *plain, struct srtp_job *job,
			 uint32_t *state)
{
	size_t payload = dice(state, 3) == 0 ? dice(state, 40) : dice(state, 1200);
	size_t words = dice(state, 2) * dice(state, 16);
	bool extension = dice(state, 2) != 0;

	rtp_make(plain, b->next, b->ssrc, 0);
	job->header_size = (uint16_t)(HEADER + 4 * (words + (extension && words == 0)));
	for (size_t i = HEADER; i < job->header_size + payload; i++)
		plain[i] = (uint8_t)dice(state, 256);
	plain[0] |= (uint8_t)(extension ? 0x10 : words);
	if (extension) {
		bytes_store_be16(plain + HEADER, 0xbede);
		bytes_store_be16(plain + HEADER + 2, (uint16_t)(words == 0 ? 0 : words - 1));
	}
	job->size = (uint16_t)(job->header_size + payload);
	job->index = b->next;
	b->next += dice(state, 50) == 0 ? 0x3000 : 1; // lost ones: wraps and counters soon
}

static void are_byte_identical(void **state)
{
	static uint8_t plain[BURST][BURST_PACKET], out[BURST][BURST_PACKET + SRTP_TAG_BYTES_MAX];
	struct burst_stream streams[BURST_STREAMS];
	struct srtp_job jobs[BURST];
	unsigned of[BURST];
	uint32_t seed = 4711;
	(void)state;

	for (unsigned i = 0; i < BURST_STREAMS; i++)
		burst_stream_new(&streams[i], i, &seed);
	for (unsigned round = 0; round < 60; round++) {
		unsigned count = 1 + dice(&seed, BURST);
		for (unsigned i = 0; i < count; i++) {
			of[i] = dice(&seed, BURST_STREAMS);
			jobs[i] = (struct srtp_job){.stream = streams[of[i]].tx, .packet = out[i]};
			burst_packet(&streams[of[i]], plain[i], &jobs[i], &seed);
			bool in_place = dice(&seed, 2) != 0;
			memcpy(out[i], plain[i], in_place ? jobs[i].size : jobs[i].header_size);
			jobs[i].payload = (in_place ? out[i] : plain[i]) + jobs[i].header_size;
		}
		engine->seal(lanes, jobs, count);
		for (unsigned i = 0; i < count; i++) {
			uint8_t expected[BURST_PACKET + SRTP_TAG_BYTES_MAX];
			size_t size = reference_seal(&streams[of[i]].keys, plain[i], jobs[i].size,
						     jobs[i].header_size, jobs[i].index, expected);
			assert_int_equal(jobs[i].status, SRTP_OK);
			assert_int_equal(jobs[i].out_size, size);
			assert_memory_equal(out[i], expected, size);
			jobs[i].stream = streams[of[i]].rx;
			jobs[i].size = jobs[i].out_size;
		}
		engine->open(lanes, jobs, count);
		for (unsigned i = 0; i < count; i++) {
			assert_int_equal(jobs[i].status, SRTP_OK);
			assert_memory_equal(out[i], plain[i], jobs[i].out_size);
		}
	}
	for (unsigned i = 0; i < BURST_STREAMS; i++) {
		engine->stream_free(streams[i].tx);
		engine->stream_free(streams[i].rx);
	}
}

// What happens within one burst is what would happen one packet after another.
static void is_judged_in_order(void **state)
{
	static const struct {
		uint64_t index;
		bool forged;
		uint8_t expected;
	} packets[] = {
		{0xfff0, false, SRTP_OK},	    {0xfff0, false, SRTP_FAIL_REPLAY},
		{0xfff1, true, SRTP_FAIL_AUTH},	    {0xfff1, false, SRTP_OK},
		{0xfff1, true, SRTP_FAIL_REPLAY},   {0x10001, false, SRTP_OK},
		{0xfff2, false, SRTP_OK},	    {0x10401, false, SRTP_OK},
		{0x10001, false, SRTP_FAIL_REPLAY}, {0x10002, false, SRTP_OK},
		{0x17000, false, SRTP_OK},	    {0x1f000, true, SRTP_FAIL_AUTH},
		{0x1e000, false, SRTP_OK},	    {0x25fff, false, SRTP_OK},
	};
	enum { PACKETS = sizeof(packets) / sizeof(packets[0]) };
	(void)state;

	for (size_t i = 0; i < SUITES; i++) {
		struct srtp_stream *rx =
			engine->stream_new(suites[i], SRTP_RECEIVE, master, SSRC, 0);
		struct reference_keys keys;
		uint8_t sealed[PACKETS][ROOM];
		struct srtp_job jobs[PACKETS];

		reference_derive(&keys, suites[i], master);
		for (size_t n = 0; n < PACKETS; n++) {
			uint8_t plain[ROOM];
			size_t size = rtp_make(plain, packets[n].index, SSRC, 40);
			size = reference_seal(&keys, plain, size, HEADER, packets[n].index,
					      sealed[n]);
			sealed[n][HEADER + 3] ^= packets[n].forged;
			jobs[n] = (struct srtp_job){.stream = rx,
						    .packet = sealed[n],
						    .header_size = HEADER,
						    .size = (uint16_t)size};
		}
		engine->open(lanes, jobs, PACKETS);
		for (size_t n = 0; n < PACKETS; n++)
			if (jobs[n].status != packets[n].expected)
				fail_msg("packet %zu: status %u", n, jobs[n].status);
		engine->stream_free(rx);
	}
}

// Each packet goes out with its own head in front of a payload they share.
static void heads_stand_for_the_first_bytes(void **state)
{
	enum { PACKETS = 40, PAYLOAD = 300 };
	static uint8_t out[PACKETS][ROOM], shared[PAYLOAD];
	uint8_t heads[PACKETS][SRTP_HEAD_BYTES];
	struct srtp_job jobs[PACKETS];
	(void)state;

	for (size_t i = 0; i < SUITES; i++) {
		struct srtp_stream *tx = engine->stream_new(suites[i], SRTP_SEND, master, SSRC, 0);
		struct reference_keys keys;

		reference_derive(&keys, suites[i], master);
		memset(shared, 0xa5, sizeof(shared));
		for (unsigned n = 0; n < PACKETS; n++) {
			// One in three has none, and would show another's: it has a payload of its
			// own.
			static const uint8_t own[PAYLOAD] = {1, 2, 3};
			bool has = n % 3 != 0;

			rtp_make(out[n], n, SSRC, 0);
			memset(heads[n], (int)n, sizeof(heads[n]));
			jobs[n] = (struct srtp_job){.stream = tx,
						    .packet = out[n],
						    .payload = has ? shared : own,
						    .head = has ? heads[n] : NULL,
						    .index = n,
						    .header_size = HEADER,
						    .size = HEADER + PAYLOAD};
		}
		engine->seal(lanes, jobs, PACKETS);
		for (unsigned n = 0; n < PACKETS; n++) {
			uint8_t plain[ROOM] = {0}, expected[ROOM];

			rtp_make(plain, n, SSRC, 0);
			if (n % 3 != 0) {
				memset(plain + HEADER, 0xa5, PAYLOAD);
				memset(plain + HEADER, (int)n, SRTP_HEAD_BYTES);
			} else {
				memcpy(plain + HEADER, (const uint8_t[]){1, 2, 3}, 3);
				memset(plain + HEADER + 3, 0, PAYLOAD - 3);
			}
			size_t size =
				reference_seal(&keys, plain, HEADER + PAYLOAD, HEADER, n, expected);
			assert_int_equal(jobs[n].status, SRTP_OK);
			assert_int_equal(jobs[n].out_size, size);
			assert_memory_equal(out[n], expected, size);
		}
		engine->stream_free(tx);
	}
}

static int run(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(are_byte_identical),
		cmocka_unit_test(is_judged_in_order),
		cmocka_unit_test(heads_stand_for_the_first_bytes),
	};
	return cmocka_run_group_tests_name(name, tests, engines_begin, engines_end);
}

int main(void)
{
	return engines_run(run);
}
