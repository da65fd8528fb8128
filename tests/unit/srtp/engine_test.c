// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/srtp/engine_test.c - every engine, and ipsec-mb with every instruction set of this
// CPU, through the seam of dataplane/srtp/engine.h: published packets, the reference, wraps, jumps,
// replays, forgeries.
#include "tests/unit/srtp/engines.h"
#include "tests/vectors/hex.h"
#include "tests/vectors/srtp.h"

static uint8_t master[SHM_MASTER_BYTES_MAX];

static struct srtp_stream *stream(enum shm_suite suite, enum srtp_direction direction)
{
	struct srtp_stream *s = engine->stream_new(suite, direction, master, SSRC, 0);
	assert_non_null(s);
	return s;
}

static uint8_t seal_one(struct srtp_stream *s, uint64_t index, size_t payload, uint8_t *out,
			uint16_t *size)
{
	uint8_t plain[ROOM];
	struct srtp_job job = {.stream = s,
			       .packet = out,
			       .payload = plain + HEADER,
			       .index = index,
			       .header_size = HEADER};

	job.size = (uint16_t)rtp_make(plain, index, SSRC, payload);
	memcpy(out, plain, HEADER);
	engine->seal(lanes, &job, 1);
	*size = job.out_size;
	return job.status;
}

static struct srtp_job open_one(struct srtp_stream *s, const uint8_t *packet, uint16_t size)
{
	static uint8_t copy[ROOM];
	struct srtp_job job = {.stream = s, .packet = copy, .size = size, .header_size = HEADER};

	memcpy(copy, packet, size);
	engine->open(lanes, &job, 1);
	return job;
}

static void published_one(enum shm_suite suite, const char *master_hex, const char *sealed_hex)
{
	uint8_t key[64], plain[64], sealed[64], out[64];
	uint16_t plain_size = (uint16_t)hex_bytes(LIBSRTP_RTP, plain, sizeof(plain));
	uint16_t sealed_size = (uint16_t)hex_bytes(sealed_hex, sealed, sizeof(sealed));

	hex_bytes(master_hex, key, sizeof(key));
	struct srtp_stream *tx = engine->stream_new(suite, SRTP_SEND, key, 0xcafebabe, 0);
	struct srtp_stream *rx = engine->stream_new(suite, SRTP_RECEIVE, key, 0xcafebabe, 0);
	struct srtp_job job = {.stream = tx,
			       .packet = out,
			       .payload = plain + HEADER,
			       .size = plain_size,
			       .header_size = HEADER,
			       .index = 0x1234};
	memcpy(out, plain, HEADER);
	engine->seal(lanes, &job, 1);
	assert_int_equal(job.status, SRTP_OK);
	assert_int_equal(job.out_size, sealed_size);
	assert_memory_equal(out, sealed, sealed_size);

	job = open_one(rx, sealed, sealed_size);
	assert_int_equal(job.status, SRTP_OK);
	assert_int_equal(job.index, 0x1234);
	assert_int_equal(job.out_size, plain_size);
	assert_memory_equal(job.packet, plain, plain_size);
	engine->stream_free(tx);
	engine->stream_free(rx);
}

static void published_packets(void **state)
{
	(void)state;
	published_one(SHM_SUITE_AES_CM_128_HMAC_SHA1_80, LIBSRTP_CM_MASTER, LIBSRTP_CM_SRTP);
	published_one(SHM_SUITE_AEAD_AES_128_GCM, LIBSRTP_GCM_MASTER, LIBSRTP_GCM_SRTP);
}

// RFC 7714 gives session keys, which libsrtp2 cannot be told: they hold the reference, and the
// reference holds the engine.
static void reference_agrees_with_rfc7714(void **state)
{
	struct reference_keys keys = {.suite = SHM_SUITE_AEAD_AES_128_GCM};
	uint8_t plain[64], sealed[96], out[96];
	size_t plain_size = hex_bytes(RFC7714_RTP, plain, sizeof(plain));
	(void)state;

	hex_bytes(RFC7714_SALT, keys.salt, sizeof(keys.salt));
	hex_bytes(RFC7714_KEY_128, keys.key, sizeof(keys.key));
	size_t sealed_size = hex_bytes(RFC7714_SRTP_128, sealed, sizeof(sealed));
	assert_int_equal(reference_seal(&keys, plain, plain_size, HEADER, 0xf17b, out),
			 sealed_size);
	assert_memory_equal(out, sealed, sealed_size);

	keys.suite = SHM_SUITE_AEAD_AES_256_GCM;
	hex_bytes(RFC7714_KEY_256, keys.key, sizeof(keys.key));
	sealed_size = hex_bytes(RFC7714_SRTP_256, sealed, sizeof(sealed));
	assert_int_equal(reference_seal(&keys, plain, plain_size, HEADER, 0xf17b, out),
			 sealed_size);
	assert_memory_equal(out, sealed, sealed_size);
}

// Every index from here must carry the rollover counter the job says, whatever came before.
static const uint64_t indices[] = {
	0,	  1,	    0x7ffe,	    0x7fff,	    0x8000,	   0x8001,  0xfffe,
	0xffff,	  0x10000,  0x10001,	    0xffff,	    0xfc10,	   0x10002, 0x18000,
	0x1ffff,  0x20000,  0x1fffe,	    0x20001,	    0x90000,	   0x90001, 0x8ffff,
	0xabcdef, 0xabcdf0, 0x123456789abc, 0x123456789abd, 0xffffffffffff};
enum { INDICES = sizeof(indices) / sizeof(indices[0]) };

static void sealed_like_the_reference(void **state)
{
	(void)state;
	for (size_t i = 0; i < SUITES; i++) {
		struct srtp_stream *s = stream(suites[i], SRTP_SEND);
		struct reference_keys keys;
		reference_derive(&keys, suites[i], master);
		for (size_t n = 0; n < INDICES; n++) {
			uint8_t plain[ROOM], out[ROOM], expected[ROOM];
			uint16_t size;
			size_t payload = n * 37 % 1200;
			size_t plain_size = rtp_make(plain, indices[n], SSRC, payload);

			assert_int_equal(seal_one(s, indices[n], payload, out, &size), SRTP_OK);
			size_t expected_size = reference_seal(&keys, plain, plain_size, HEADER,
							      indices[n], expected);
			assert_int_equal(size, expected_size);
			assert_memory_equal(out, expected, size);
		}
		engine->stream_free(s);
	}
}

static void extension_stays_readable(void **state)
{
	(void)state;
	for (size_t i = 0; i < SUITES; i++) {
		struct srtp_stream *s = stream(suites[i], SRTP_SEND);
		struct reference_keys keys;
		uint8_t plain[64] = {0x90, 96, 0, 7,	0,    0, 0, 0, 0x5a, 0x5a, 0, 1, 0xbe,
				     0xde, 0,  1, 0x10, 0xaa, 0, 0, 1, 2,    3,	   4, 5};
		uint8_t copy[64], out[64], expected[64];
		struct srtp_job job = {.stream = s,
				       .packet = out,
				       .payload = plain + 20,
				       .size = 25,
				       .header_size = 20,
				       .index = 7};

		memcpy(copy, plain, sizeof(copy));
		memcpy(out, plain, 20);
		engine->seal(lanes, &job, 1);
		assert_int_equal(job.status, SRTP_OK);
		assert_memory_equal(plain, copy, sizeof(copy)); // the source is shared: untouched
		assert_memory_equal(out, plain, 20);
		reference_derive(&keys, suites[i], master);
		assert_int_equal(reference_seal(&keys, plain, 25, 20, 7, expected), job.out_size);
		assert_memory_equal(out, expected, job.out_size);
		engine->stream_free(s);
	}
}

static void round_trip_over_wraps(void **state)
{
	(void)state;
	for (size_t i = 0; i < SUITES; i++) {
		struct srtp_stream *tx = stream(suites[i], SRTP_SEND);
		struct srtp_stream *rx = stream(suites[i], SRTP_RECEIVE);
		for (uint64_t index = 0x7f00; index < 0x48000; index += 1 + index % 700) {
			uint8_t out[ROOM];
			uint16_t size;
			assert_int_equal(seal_one(tx, index, 100, out, &size), SRTP_OK);
			struct srtp_job job = open_one(rx, out, size);
			assert_int_equal(job.status, SRTP_OK);
			assert_int_equal(job.index, index);
			assert_int_equal(job.out_size, HEADER + 100);
			assert_int_equal(job.packet[HEADER], (uint8_t)index);
		}
		engine->stream_free(tx);
		engine->stream_free(rx);
	}
}

// A packet of the former rollover period, arriving after the wrap, gets its own index.
static void late_over_the_wrap(void **state)
{
	static const uint64_t order[] = {0xfff0,  0x10003, 0xffff, 0x10001, 0xfff1,
					 0x10000, 0x10200, 0xfffe, 0x10002, 0x103ff};
	(void)state;
	for (size_t i = 0; i < SUITES; i++) {
		struct srtp_stream *rx = stream(suites[i], SRTP_RECEIVE);
		struct reference_keys keys;
		reference_derive(&keys, suites[i], master);
		for (size_t n = 0; n < sizeof(order) / sizeof(order[0]); n++) {
			uint8_t plain[ROOM], sealed[ROOM];
			size_t size = rtp_make(plain, order[n], SSRC, 50);
			size = reference_seal(&keys, plain, size, HEADER, order[n], sealed);
			struct srtp_job job = open_one(rx, sealed, (uint16_t)size);
			assert_int_equal(job.status, SRTP_OK);
			assert_int_equal(job.index, order[n]);
		}
		engine->stream_free(rx);
	}
}

static void replayed_and_too_old(void **state)
{
	(void)state;
	for (size_t i = 0; i < SUITES; i++) {
		struct srtp_stream *rx = stream(suites[i], SRTP_RECEIVE);
		struct reference_keys keys;
		uint8_t plain[ROOM], first[ROOM], old[ROOM], edge[ROOM], newest[ROOM];
		reference_derive(&keys, suites[i], master);
		size_t size = rtp_make(plain, 5000, SSRC, 20);
		uint16_t sealed = (uint16_t)reference_seal(&keys, plain, size, HEADER, 5000, first);
		rtp_make(plain, 6024, SSRC, 20);
		reference_seal(&keys, plain, size, HEADER, 6024, newest);
		rtp_make(plain, 5001, SSRC, 20);
		reference_seal(&keys, plain, size, HEADER, 5001, edge);
		rtp_make(plain, 4999, SSRC, 20);
		reference_seal(&keys, plain, size, HEADER, 4999, old);

		assert_int_equal(open_one(rx, first, sealed).status, SRTP_OK);
		assert_int_equal(open_one(rx, first, sealed).status, SRTP_FAIL_REPLAY);
		assert_int_equal(open_one(rx, newest, sealed).status, SRTP_OK);
		assert_int_equal(open_one(rx, edge, sealed).status, SRTP_OK);
		assert_int_equal(open_one(rx, first, sealed).status, SRTP_FAIL_REPLAY);
		assert_int_equal(open_one(rx, old, sealed).status, SRTP_FAIL_REPLAY);
		assert_int_equal(open_one(rx, newest, sealed).status, SRTP_FAIL_REPLAY);
		engine->stream_free(rx);
	}
}

// Forgeries near and far ahead, between good packets: a twin that never saw them must agree.
static void forgeries_move_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < SUITES; i++) {
		struct srtp_stream *rx = stream(suites[i], SRTP_RECEIVE);
		struct srtp_stream *twin = stream(suites[i], SRTP_RECEIVE);
		struct reference_keys keys;
		reference_derive(&keys, suites[i], master);
		for (uint64_t index = 0xf000; index < 0x11000; index += 97) {
			static const uint16_t ahead[] = {1, 1000, 0x4000, 0x7fff, 0x8001, 0xff00};
			uint8_t plain[ROOM], sealed[ROOM], forged[ROOM];
			size_t size = rtp_make(plain, index, SSRC, 30);
			uint16_t sealed_size =
				(uint16_t)reference_seal(&keys, plain, size, HEADER, index, sealed);

			for (size_t a = 0; a < sizeof(ahead) / sizeof(ahead[0]); a++) {
				memcpy(forged, sealed, sealed_size);
				bytes_store_be16(forged + 2, (uint16_t)(index + ahead[a]));
				uint8_t status = open_one(rx, forged, sealed_size).status;
				assert_true(status == SRTP_FAIL_AUTH || status == SRTP_FAIL_REPLAY);
			}
			memcpy(forged, sealed, sealed_size);
			forged[sealed_size - 1] ^= 1;
			assert_int_equal(open_one(rx, forged, sealed_size).status, SRTP_FAIL_AUTH);

			struct srtp_job a = open_one(rx, sealed, sealed_size);
			struct srtp_job b = open_one(twin, sealed, sealed_size);
			assert_int_equal(a.status, SRTP_OK);
			assert_int_equal(b.status, SRTP_OK);
			assert_int_equal(a.index, index);
			assert_int_equal(b.index, index);
		}
		engine->stream_free(rx);
		engine->stream_free(twin);
	}
}

static void short_packets_are_malformed(void **state)
{
	(void)state;
	for (size_t i = 0; i < SUITES; i++) {
		struct srtp_stream *rx = stream(suites[i], SRTP_RECEIVE);
		uint8_t packet[ROOM];
		rtp_make(packet, 1, SSRC, 100);
		for (uint16_t size = 0; size < HEADER + 10; size++)
			assert_int_equal(open_one(rx, packet, size).status, SRTP_FAIL_MALFORMED);
		packet[0] |= 0x10; // an extension that claims more than there is
		bytes_store_be16(packet + HEADER + 2, 0xffff);
		assert_int_not_equal(open_one(rx, packet, 100).status, SRTP_OK);
		engine->stream_free(rx);
	}
}

static void seals_no_index_that_could_repeat(void **state)
{
	uint8_t out[ROOM], again[ROOM];
	uint16_t size;
	(void)state;
	for (size_t i = 0; i < SUITES; i++) {
		struct srtp_stream *tx = stream(suites[i], SRTP_SEND);
		assert_int_equal(seal_one(tx, 0x20000, 9, out, &size), SRTP_OK);
		// A retransmission is the same bytes.
		assert_int_equal(seal_one(tx, 0x20000, 9, again, &size), SRTP_OK);
		assert_memory_equal(out, again, size);
		assert_int_equal(seal_one(tx, 0x20000 - 1024, 9, out, &size), SRTP_FAIL_ENGINE);
		assert_int_equal(seal_one(tx, 5, 9, out, &size), SRTP_FAIL_ENGINE);
		assert_int_equal(seal_one(tx, SEQ_INDEX_MAX + 1, 9, out, &size), SRTP_FAIL_ENGINE);
		assert_int_equal(seal_one(tx, SEQ_INDEX_MAX, 9, out, &size), SRTP_OK);
		engine->stream_free(tx);

		tx = engine->stream_new(suites[i], SRTP_SEND, master, SSRC, 0x30005);
		assert_int_equal(seal_one(tx, 0x30004, 9, out, &size), SRTP_FAIL_ENGINE);
		assert_int_equal(seal_one(tx, 0x30005, 9, out, &size), SRTP_OK);
		engine->stream_free(tx);
	}
}

// A stream that goes on where another stopped keeps the rollover counter and refuses the past.
static void receive_goes_on(void **state)
{
	(void)state;
	for (size_t i = 0; i < SUITES; i++) {
		struct srtp_stream *rx =
			engine->stream_new(suites[i], SRTP_RECEIVE, master, SSRC, 0x4fff0);
		struct reference_keys keys;
		uint8_t plain[ROOM], sealed[ROOM];
		reference_derive(&keys, suites[i], master);
		size_t size = rtp_make(plain, 0x4ffef, SSRC, 20);
		uint16_t n = (uint16_t)reference_seal(&keys, plain, size, HEADER, 0x4ffef, sealed);
		assert_int_equal(open_one(rx, sealed, n).status, SRTP_FAIL_REPLAY);
		rtp_make(plain, 0x50001, SSRC, 20);
		reference_seal(&keys, plain, size, HEADER, 0x50001, sealed);
		struct srtp_job job = open_one(rx, sealed, n);
		assert_int_equal(job.status, SRTP_OK);
		assert_int_equal(job.index, 0x50001);
		engine->stream_free(rx);
	}
}

static unsigned seals_nothing(struct srtp_lanes *l, struct srtp_job *jobs, unsigned count)
{
	(void)l;
	for (unsigned i = 0; i < count; i++) {
		memcpy(jobs[i].packet + jobs[i].header_size, jobs[i].payload,
		       (size_t)(jobs[i].size - jobs[i].header_size));
		jobs[i].out_size = (uint16_t)(jobs[i].size + 10);
		jobs[i].status = SRTP_OK;
	}
	return 0;
}

// Opens what is genuine, and lets forgeries and repeats pass as well.
static void opens_anything(struct srtp_lanes *l, struct srtp_job *jobs, unsigned count)
{
	engine->open(l, jobs, count);
	for (unsigned i = 0; i < count; i++)
		jobs[i].status = SRTP_OK;
}

static void self_test_knows_right_from_wrong(void **state)
{
	static struct srtp_engine twisted;
	(void)state;

	assert_true(srtp_engine_self_test(engine));
	twisted = *engine;
	twisted.seal = seals_nothing;
	assert_false(srtp_engine_self_test(&twisted));
	twisted = *engine;
	twisted.open = opens_anything;
	assert_false(srtp_engine_self_test(&twisted));
}

static void refuses_what_it_does_not_know(void **state)
{
	(void)state;
	assert_null(engine->stream_new(SHM_SUITE_NONE, SRTP_SEND, master, 1, 0));
	assert_null(engine->stream_new((enum shm_suite)2, SRTP_SEND, master, 1, 0));
	assert_null(engine->stream_new(suites[0], SRTP_SEND, master, 1, SEQ_INDEX_MAX + 1));
	engine->stream_free(NULL);
}

static int begin(void **state)
{
	for (size_t i = 0; i < sizeof(master); i++)
		master[i] = (uint8_t)(i * 29 + 3);
	return engines_begin(state);
}

static int run(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_packets),
		cmocka_unit_test(reference_agrees_with_rfc7714),
		cmocka_unit_test(sealed_like_the_reference),
		cmocka_unit_test(extension_stays_readable),
		cmocka_unit_test(round_trip_over_wraps),
		cmocka_unit_test(late_over_the_wrap),
		cmocka_unit_test(replayed_and_too_old),
		cmocka_unit_test(forgeries_move_nothing),
		cmocka_unit_test(short_packets_are_malformed),
		cmocka_unit_test(seals_no_index_that_could_repeat),
		cmocka_unit_test(receive_goes_on),
		cmocka_unit_test(self_test_knows_right_from_wrong),
		cmocka_unit_test(refuses_what_it_does_not_know),
	};
	return cmocka_run_group_tests_name(name, tests, begin, engines_end);
}

int main(void)
{
	return engines_run(run);
}
