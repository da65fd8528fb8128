// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/srtp/kdf_test.c - key derivation against RFC 3711 B.3, and the table of suites.
#include "dataplane/srtp/srtcp.h"
#include "tests/unit/srtp/reference.h"
#include "tests/vectors/hex.h"
#include "tests/vectors/srtp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct vector {
	uint8_t label;
	const char *out;
};

static const struct vector vectors[] = {
	{0, RFC3711_B3_CIPHER_KEY},
	{1, RFC3711_B3_AUTH_KEY},
	{2, RFC3711_B3_CIPHER_SALT},
};

static void rfc3711_b3(void **state)
{
	uint8_t key[16], salt[14], expected[32], out[32];
	(void)state;

	hex_bytes(RFC3711_B3_MASTER_KEY, key, sizeof(key));
	hex_bytes(RFC3711_B3_MASTER_SALT, salt, sizeof(salt));
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		size_t size = hex_bytes(vectors[i].out, expected, sizeof(expected));
		assert_true(srtp_derive(key, 16, salt, 14, vectors[i].label, out, size));
		assert_memory_equal(out, expected, size);
	}
}

static void reference_agrees_with_rfc3711_b3(void **state)
{
	struct reference_keys keys;
	uint8_t master[30], expected[32];
	(void)state;

	hex_bytes(RFC3711_B3_MASTER_KEY RFC3711_B3_MASTER_SALT, master, sizeof(master));
	reference_derive(&keys, SHM_SUITE_AES_CM_128_HMAC_SHA1_80, master);
	hex_bytes(RFC3711_B3_CIPHER_KEY, expected, sizeof(expected));
	assert_memory_equal(keys.key, expected, 16);
	hex_bytes(RFC3711_B3_AUTH_KEY, expected, sizeof(expected));
	assert_memory_equal(keys.auth, expected, 20);
	hex_bytes(RFC3711_B3_CIPHER_SALT, expected, sizeof(expected));
	assert_memory_equal(keys.salt, expected, 14);
}

static void refuses_what_it_cannot_derive(void **state)
{
	uint8_t key[32] = {0}, salt[16] = {0}, out[64];
	(void)state;

	assert_false(srtp_derive(key, 24, salt, 14, 0, out, 16));
	assert_false(srtp_derive(key, 16, salt, 15, 0, out, 16));
	assert_false(srtp_derive(key, 16, salt, 14, 6, out, 16));
	assert_false(srtp_derive(key, 16, salt, 14, 0, out, 33));
}

static void suites_have_their_sizes(void **state)
{
	(void)state;
	assert_int_equal(srtp_suite_key_bytes(SHM_SUITE_AES_CM_128_HMAC_SHA1_80), 16);
	assert_int_equal(srtp_suite_salt_bytes(SHM_SUITE_AES_CM_128_HMAC_SHA1_80), 14);
	assert_int_equal(srtp_suite_key_bytes(SHM_SUITE_AEAD_AES_128_GCM), 16);
	assert_int_equal(srtp_suite_salt_bytes(SHM_SUITE_AEAD_AES_128_GCM), 12);
	assert_int_equal(srtp_suite_key_bytes(SHM_SUITE_AEAD_AES_256_GCM), 32);
	assert_int_equal(srtp_suite_salt_bytes(SHM_SUITE_AEAD_AES_256_GCM), 12);
	assert_int_equal(srtp_suite_key_bytes(SHM_SUITE_NONE), 0);
	assert_int_equal(srtp_suite_salt_bytes((enum shm_suite)0x1234), 0);
	assert_string_equal(srtp_suite_name(SHM_SUITE_AEAD_AES_256_GCM), "AEAD_AES_256_GCM");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc3711_b3),
		cmocka_unit_test(reference_agrees_with_rfc3711_b3),
		cmocka_unit_test(refuses_what_it_cannot_derive),
		cmocka_unit_test(suites_have_their_sizes),
	};
	return cmocka_run_group_tests_name("srtp kdf", tests, NULL, NULL);
}
