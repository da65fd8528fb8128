// SPDX-License-Identifier: Apache-2.0
// tests/unit/icedtls/srtp_keys_test.c - exported material is split as RFC 5764 4.2 orders it.
// Place    tests dtls/srtp_keys.c.
#include "controlplane/dtls/srtp_keys.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

// Sizes from RFC 5764 4.1.2 and RFC 7714 12: key and salt octets.
static const struct {
	uint16_t suite;
	uint8_t key, salt;
	const char *name;
} suites[] = {
	{0x0001, 16, 14, "AES_CM_128_HMAC_SHA1_80"},
	{0x0007, 16, 12, "AEAD_AES_128_GCM"},
	{0x0008, 32, 12, "AEAD_AES_256_GCM"},
};

static void split_test(void **state)
{
	uint8_t material[128];

	(void)state;
	for (unsigned i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		struct dtls_srtp_keys client, server;
		uint8_t k = suites[i].key, s = suites[i].salt;

		// client key 'c', server key 's', client salt 'C', server salt 'S'
		memset(material, 'c', k);
		memset(material + k, 's', k);
		memset(material + 2 * k, 'C', s);
		memset(material + 2 * k + s, 'S', s);
		assert_int_equal(
			dtls_srtp_keys_split(suites[i].suite, 1, material, 2u * (k + s), &client),
			0);
		assert_int_equal(
			dtls_srtp_keys_split(suites[i].suite, 0, material, 2u * (k + s), &server),
			0);
		assert_int_equal(client.local.key_size, k);
		assert_int_equal(client.local.salt_size, s);
		assert_int_equal(client.local.key[0], 'c');
		assert_int_equal(client.local.key[k - 1], 'c');
		assert_int_equal(client.local.salt[s - 1], 'C');
		assert_int_equal(client.remote.key[k - 1], 's');
		assert_int_equal(client.remote.salt[s - 1], 'S');
		assert_memory_equal(&client.local, &server.remote, sizeof(client.local));
		assert_memory_equal(&client.remote, &server.local, sizeof(client.local));
		assert_string_equal(dtls_srtp_suite_name(suites[i].suite), suites[i].name);
		assert_int_equal(dtls_srtp_keys_split(suites[i].suite, 1, material,
						      2u * (k + s) - 1, &client),
				 -EINVAL);
	}
}

static void unknown_suite_test(void **state)
{
	struct dtls_srtp_keys keys;
	uint8_t material[60] = {0};

	(void)state;
	assert_int_equal(dtls_srtp_keys_split(2, 1, material, 60, &keys), -ENOTSUP);
	assert_string_equal(dtls_srtp_suite_name(2), "unknown");
}

static void wipe_test(void **state)
{
	struct dtls_srtp_keys keys, zero;

	(void)state;
	memset(&keys, 0x5a, sizeof(keys));
	memset(&zero, 0, sizeof(zero));
	dtls_srtp_keys_wipe(&keys);
	assert_memory_equal(&keys, &zero, sizeof(keys));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split_test),
		cmocka_unit_test(unknown_suite_test),
		cmocka_unit_test(wipe_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
