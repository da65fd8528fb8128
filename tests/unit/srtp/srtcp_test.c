// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/srtp/srtcp_test.c - SRTCP against published packets, RFC 7714 17 and libsrtp2 itself;
// replays, forgeries, too many sources. Each with every engine, and engines against each other.
#include "dataplane/srtp/srtcp.c" // RFC 7714 gives session keys: below the derivation

#include "tests/unit/srtp/engines.h"
#include "tests/vectors/hex.h"
#include "tests/vectors/srtp.h"

#include <srtp2/srtp.h>

static uint8_t master[SHM_MASTER_BYTES_MAX];

static size_t rtcp_make(uint8_t *out, uint32_t ssrc, uint8_t fill)
{
	memset(out, fill, 32);
	out[0] = 0x80;
	out[1] = 201;
	bytes_store_be16(out + 2, 7);
	bytes_store_be32(out + 4, ssrc);
	return 32;
}

static struct srtcp *both_ways(enum shm_suite suite)
{
	struct srtcp *s = srtcp_new(engine->srtcp, suite, master, master);
	assert_non_null(s);
	return s;
}

static void published_one(enum shm_suite suite, const char *master_hex, const char *sealed_hex)
{
	uint8_t key[64], plain[ROOM], sealed[ROOM], packet[ROOM];
	size_t plain_size = hex_bytes(LIBSRTP_RTCP, plain, sizeof(plain));
	size_t sealed_size = hex_bytes(sealed_hex, sealed, sizeof(sealed));
	size_t size = plain_size;

	hex_bytes(master_hex, key, sizeof(key));
	struct srtcp *s = srtcp_new(engine->srtcp, suite, key, key);
	memcpy(packet, plain, plain_size);
	assert_true(srtcp_seal(s, lanes, packet, &size, 1));
	assert_int_equal(size, sealed_size);
	assert_memory_equal(packet, sealed, sealed_size);
	assert_int_equal(srtcp_open(s, lanes, packet, &size), SRTP_OK);
	assert_int_equal(size, plain_size);
	assert_memory_equal(packet, plain, plain_size);
	srtcp_free(s);
}

static void published_packets(void **state)
{
	(void)state;
	published_one(SHM_SUITE_AES_CM_128_HMAC_SHA1_80, LIBSRTP_CM_MASTER, LIBSRTP_CM_SRTCP);
	published_one(SHM_SUITE_AEAD_AES_128_GCM, LIBSRTP_GCM_MASTER, LIBSRTP_GCM_SRTCP);
}

static struct srtcp *from_session_keys(enum shm_suite suite, const char *key, const char *salt)
{
	struct srtcp_keys keys = {0};
	struct srtcp *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	hex_bytes(key, keys.key, sizeof(keys.key));
	hex_bytes(salt, keys.salt, sizeof(keys.salt));
	s->cipher = engine->srtcp;
	s->aead = true;
	s->receive = s->cipher->way_new(suite, &keys, SRTP_RECEIVE);
	s->send = s->cipher->way_new(suite, &keys, SRTP_SEND);
	assert_true(s->receive != NULL && s->send != NULL);
	return s;
}

static void rfc7714_one(enum shm_suite suite, const char *key, const char *sealed_hex)
{
	uint8_t plain[ROOM], sealed[ROOM], packet[ROOM];
	size_t plain_size = hex_bytes(RFC7714_RTCP, plain, sizeof(plain));
	size_t sealed_size = hex_bytes(sealed_hex, sealed, sizeof(sealed));
	size_t size = plain_size;
	struct srtcp *s = from_session_keys(suite, key, RFC7714_SALT);

	memcpy(packet, plain, plain_size);
	assert_true(srtcp_seal(s, lanes, packet, &size, RFC7714_SRTCP_INDEX));
	assert_int_equal(size, sealed_size);
	assert_memory_equal(packet, sealed, sealed_size);
	assert_int_equal(srtcp_open(s, lanes, packet, &size), SRTP_OK);
	assert_int_equal(size, plain_size);
	assert_memory_equal(packet, plain, plain_size);
	srtcp_free(s);
}

static void rfc7714_17(void **state)
{
	(void)state;
	rfc7714_one(SHM_SUITE_AEAD_AES_128_GCM, RFC7714_KEY_128, RFC7714_SRTCP_128);
	rfc7714_one(SHM_SUITE_AEAD_AES_256_GCM, RFC7714_KEY_256, RFC7714_SRTCP_256);
}

static void refuses_the_unencrypted(void **state)
{
	uint8_t packet[ROOM];
	size_t size = hex_bytes(RFC7714_SRTCP_128_CLEAR, packet, sizeof(packet));
	struct srtcp *s =
		from_session_keys(SHM_SUITE_AEAD_AES_128_GCM, RFC7714_KEY_128, RFC7714_SALT);
	(void)state;

	assert_int_equal(srtcp_open(s, lanes, packet, &size), SRTP_FAIL_MALFORMED);
	srtcp_free(s);
}

static srtp_t libsrtp(enum shm_suite suite)
{
	static const srtp_profile_t profiles[SUITES] = {srtp_profile_aes128_cm_sha1_80,
							srtp_profile_aead_aes_128_gcm,
							srtp_profile_aead_aes_256_gcm};
	srtp_policy_t policy = {.ssrc = {.type = ssrc_any_inbound}, .key = master};
	srtp_t session = NULL;

	for (size_t i = 0; i < SUITES; i++) {
		if (suites[i] != suite)
			continue;
		srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, profiles[i]);
		srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, profiles[i]);
	}
	assert_int_equal(srtp_create(&session, &policy), srtp_err_status_ok);
	return session;
}

static void libsrtp_opens_ours(void **state)
{
	(void)state;
	for (size_t i = 0; i < SUITES; i++) {
		struct srtcp *s = both_ways(suites[i]);
		srtp_t peer = libsrtp(suites[i]);
		for (uint32_t index = 0; index < 300; index += 1 + index % 5) {
			uint8_t plain[ROOM], packet[ROOM];
			size_t size = rtcp_make(plain, 0x1000, (uint8_t)index);
			memcpy(packet, plain, size);
			assert_true(srtcp_seal(s, lanes, packet, &size, index));
			int opened = (int)size;
			assert_int_equal(srtp_unprotect_rtcp(peer, packet, &opened),
					 srtp_err_status_ok);
			assert_int_equal(opened, 32);
			assert_memory_equal(packet, plain, 32);
		}
		srtp_dealloc(peer);
		srtcp_free(s);
	}
}

static void we_open_libsrtps(void **state)
{
	(void)state;
	for (size_t i = 0; i < SUITES; i++) {
		struct srtcp *s = both_ways(suites[i]);
		srtp_t peer = libsrtp(suites[i]);
		for (int n = 0; n < 100; n++) {
			uint8_t plain[ROOM], packet[ROOM];
			int sealed = (int)rtcp_make(plain, 0x2000, (uint8_t)n);
			memcpy(packet, plain, sizeof(packet));
			assert_int_equal(srtp_protect_rtcp(peer, packet, &sealed),
					 srtp_err_status_ok);
			size_t size = (size_t)sealed;
			assert_int_equal(srtcp_open(s, lanes, packet, &size), SRTP_OK);
			assert_int_equal(size, 32);
			assert_memory_equal(packet, plain, 32);
		}
		srtp_dealloc(peer);
		srtcp_free(s);
	}
}

static enum srtp_status deliver(struct srtcp *s, uint32_t ssrc, uint32_t index, size_t flip)
{
	uint8_t packet[ROOM];
	size_t size = rtcp_make(packet, ssrc, 1);

	assert_true(srtcp_seal(s, lanes, packet, &size, index));
	if (flip != 0)
		packet[size - flip] ^= 1;
	return srtcp_open(s, lanes, packet, &size);
}

static void replays(void **state)
{
	(void)state;
	for (size_t i = 0; i < SUITES; i++) {
		struct srtcp *s = both_ways(suites[i]);
		assert_int_equal(deliver(s, 1, 5000, 0), SRTP_OK);
		assert_int_equal(deliver(s, 1, 5000, 0), SRTP_FAIL_REPLAY);
		assert_int_equal(deliver(s, 2, 5000, 0), SRTP_OK); // another source, its own window
		assert_int_equal(deliver(s, 1, 4990, 0), SRTP_OK);
		assert_int_equal(deliver(s, 1, 4990, 0), SRTP_FAIL_REPLAY);
		assert_int_equal(deliver(s, 1, 9000, 0), SRTP_OK);
		assert_int_equal(deliver(s, 1, 5001, 0), SRTP_FAIL_REPLAY); // too old
		srtcp_free(s);
	}
}

static void forgeries_move_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < SUITES; i++) {
		struct srtcp *s = both_ways(suites[i]);
		assert_int_equal(deliver(s, 1, 100, 0), SRTP_OK);
		for (size_t flip = 1; flip <= 24; flip++) {
			enum srtp_status status = deliver(s, 1, 0x7ffffff0, flip);
			assert_true(status == SRTP_FAIL_AUTH || status == SRTP_FAIL_MALFORMED);
		}
		// A moved window would call this one too old.
		assert_int_equal(deliver(s, 1, 101, 0), SRTP_OK);
		// Forged sources are not remembered.
		for (uint32_t ssrc = 100; ssrc < 200; ssrc++)
			assert_int_equal(deliver(s, ssrc, 1, suites[i] == suites[0] ? 1 : 5),
					 SRTP_FAIL_AUTH);
		assert_int_equal(s->source_count, 1);
		srtcp_free(s);
	}
}

static void seventeenth_source(void **state)
{
	struct srtcp *s = both_ways(suites[0]);
	(void)state;

	for (uint32_t ssrc = 1; ssrc <= SRTCP_SOURCES_MAX; ssrc++)
		assert_int_equal(deliver(s, ssrc, 1, 0), SRTP_OK);
	assert_int_equal(deliver(s, SRTCP_SOURCES_MAX + 1, 1, 0), SRTP_FAIL_ENGINE);
	assert_int_equal(deliver(s, 1, 2, 0), SRTP_OK);
	srtcp_free(s);
}

static void short_packets(void **state)
{
	(void)state;
	for (size_t i = 0; i < SUITES; i++) {
		struct srtcp *s = both_ways(suites[i]);
		size_t least = 8 + 4 + (s->aead ? 16 : 10);
		for (size_t n = 0; n < least; n++) {
			uint8_t packet[ROOM];
			size_t size = n;
			memset(packet, 0x80, sizeof(packet));
			assert_int_equal(srtcp_open(s, lanes, packet, &size), SRTP_FAIL_MALFORMED);
		}
		srtcp_free(s);
	}
}

static void index_has_31_bits(void **state)
{
	uint8_t packet[ROOM];
	size_t size = rtcp_make(packet, 1, 1);
	struct srtcp *s = both_ways(suites[1]);
	(void)state;

	assert_false(srtcp_seal(s, lanes, packet, &size, UINT32_C(0x80000000)));
	assert_int_equal(deliver(s, 1, 0x7fffffff, 0), SRTP_OK);
	srtcp_free(s);
	assert_null(srtcp_new(engine->srtcp, SHM_SUITE_NONE, master, master));
	srtcp_free(NULL);
}

enum { RANDOM_ROUNDS = 2000, RANDOM_WORDS_MAX = 350 };

// Repeats to the digit; RFC 3711 asks nothing of a compound's bytes.
static uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 32);
}

static void random_fill(uint64_t *seed, uint8_t *out, size_t size)
{
	for (size_t i = 0; i < size; i++)
		out[i] = (uint8_t)next_random(seed);
}

// Sealed by both, to the same bytes; opened by the other one.
static void agree_on_one(struct srtcp *ours, struct srtcp *reference, uint64_t *seed)
{
	uint8_t plain[ROOM], a[ROOM], b[ROOM];
	size_t words = next_random(seed) % RANDOM_WORDS_MAX;
	size_t size = SRTCP_CLEAR_BYTES + 4 * words, size_a = size, size_b = size;
	uint32_t index = next_random(seed) & SRTCP_INDEX_MAX;

	random_fill(seed, plain, size);
	plain[0] = 0x80 | (plain[0] & 0x3f);
	memcpy(a, plain, size);
	memcpy(b, plain, size);
	assert_true(srtcp_seal(ours, lanes, a, &size_a, index));
	assert_true(srtcp_seal(reference, NULL, b, &size_b, index));
	assert_int_equal(size_a, size_b);
	assert_memory_equal(a, b, size_a);
	assert_int_equal(srtcp_open(ours, lanes, b, &size_b), SRTP_OK);
	assert_int_equal(srtcp_open(reference, NULL, a, &size_a), SRTP_OK);
	assert_int_equal(size_a, size);
	assert_int_equal(size_b, size);
	assert_memory_equal(a, plain, size);
	assert_memory_equal(b, plain, size);
}

static void engines_agree(void **state)
{
	uint64_t seed = 4;

	(void)state;
	for (unsigned round = 0; round < RANDOM_ROUNDS; round++) {
		uint8_t key[SHM_MASTER_BYTES_MAX];
		enum shm_suite suite = suites[round % SUITES];
		random_fill(&seed, key, sizeof(key));
		struct srtcp *ours = srtcp_new(engine->srtcp, suite, key, key);
		struct srtcp *reference = srtcp_new(&srtcp_evp, suite, key, key);
		assert_true(ours != NULL && reference != NULL);
		agree_on_one(ours, reference, &seed);
		srtcp_free(ours);
		srtcp_free(reference);
	}
}

static int set_up(void **state)
{
	for (size_t i = 0; i < sizeof(master); i++)
		master[i] = (uint8_t)(i * 31 + 7);
	return engines_begin(state); // engines_run() has started libsrtp2
}

static int run(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_packets),	   cmocka_unit_test(rfc7714_17),
		cmocka_unit_test(refuses_the_unencrypted), cmocka_unit_test(libsrtp_opens_ours),
		cmocka_unit_test(we_open_libsrtps),	   cmocka_unit_test(replays),
		cmocka_unit_test(forgeries_move_nothing),  cmocka_unit_test(seventeenth_source),
		cmocka_unit_test(short_packets),	   cmocka_unit_test(index_has_31_bits),
		cmocka_unit_test(engines_agree),
	};
	return cmocka_run_group_tests_name(name, tests, set_up, engines_end);
}

int main(void)
{
	return engines_run(run);
}
