// SPDX-License-Identifier: Apache-2.0
// tests/unit/icedtls/certificate_test.c - fingerprints as SDP carries them, certificates from
// files. Place    tests dtls/certificate.c; the OpenSSL command is the second opinion where it
// matters.
#include "controlplane/dtls/certificate.h"

#include "controlplane/dtls/openssl_parts.h"

#include <errno.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define HEX16 "00:11:22:33:44:55:66:77:88:99:AA:bb:CC:DD:EE:FF"

static const struct {
	const char *text;
	int want;
} table[] = {
	{"sha-256 " HEX16 ":" HEX16, 0},
	{"SHA-256 " HEX16 ":" HEX16, 0},
	{"sha-384 " HEX16 ":" HEX16 ":" HEX16, 0},
	{"sha-512 " HEX16 ":" HEX16 ":" HEX16 ":" HEX16, 0},
	{"sha-1 " HEX16 ":00:11:22:33", -ENOTSUP},
	{"md5 " HEX16, -ENOTSUP},
	{"", -EINVAL},
	{"sha-256", -EINVAL},
	{"sha-256 ", -EINVAL},
	{"sha-256 " HEX16, -EINVAL},
	{"sha-256 " HEX16 ":" HEX16 ":", -EINVAL},
	{"sha-256 " HEX16 ":" HEX16 ":00", -EINVAL},
	{"sha-256 " HEX16 " " HEX16, -EINVAL},
	{"sha-256  " HEX16 ":" HEX16, -EINVAL},
	{"sha-256 G0" HEX16 ":" HEX16, -EINVAL},
	{"sha-384 " HEX16 ":" HEX16, -EINVAL},
};

static void parse_test(void **state)
{
	struct dtls_fingerprint f;

	(void)state;
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (dtls_fingerprint_parse(table[i].text, &f) != table[i].want)
			fail_msg("'%s' should give %d", table[i].text, table[i].want);
	assert_int_equal(dtls_fingerprint_parse(table[0].text, &f), 0);
	assert_int_equal(f.size, 32);
	assert_int_equal(f.value[1], 0x11);
	assert_int_equal(f.value[11], 0xbb);
	assert_int_equal(f.value[31], 0xff);
}

static void format_test(void **state)
{
	struct dtls_fingerprint f;
	char text[DTLS_FINGERPRINT_TEXT_SIZE];

	(void)state;
	assert_int_equal(dtls_fingerprint_parse(table[3].text, &f), 0);
	dtls_fingerprint_format(&f, text);
	assert_int_equal(strcasecmp(text, table[3].text), 0);
	assert_null(strchr(text, 'b')); // RFC 8122: upper case
}

static void equal_test(void **state)
{
	struct dtls_fingerprint a, b, empty = {0};

	(void)state;
	assert_int_equal(dtls_fingerprint_parse(table[0].text, &a), 0);
	b = a;
	assert_true(dtls_fingerprint_equal(&a, &b));
	b.value[31] ^= 1;
	assert_false(dtls_fingerprint_equal(&a, &b));
	assert_false(dtls_fingerprint_equal(&empty, &empty));
	assert_int_equal(dtls_fingerprint_parse(table[2].text, &b), 0);
	assert_false(dtls_fingerprint_equal(&a, &b));
}

static void write_pem(const struct dtls_certificate *c, const char *cert_path, const char *key_path)
{
	FILE *file = fopen(cert_path, "w");

	assert_non_null(file);
	assert_int_equal(PEM_write_X509(file, dtls_certificate_x509(c)), 1);
	fclose(file);
	file = fopen(key_path, "w");
	assert_non_null(file);
	assert_int_equal(
		PEM_write_PrivateKey(file, dtls_certificate_key(c), NULL, NULL, 0, NULL, NULL), 1);
	fclose(file);
}

static void openssl_says(const char *path, char *out, size_t size)
{
	char command[256];
	FILE *pipe;

	snprintf(command, sizeof(command), "openssl x509 -noout -fingerprint -sha384 -in '%s'",
		 path);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	assert_non_null(fgets(out, (int)size, pipe));
	assert_int_equal(pclose(pipe), 0);
	out[strcspn(out, "\n")] = '\0';
}

static void load_test(void **state)
{
	char dir[] = "/tmp/certificate_test.XXXXXX", cert[64], key[64], other[64];
	char reason[DTLS_REASON_SIZE] = "", text[DTLS_FINGERPRINT_TEXT_SIZE], line[256];
	struct dtls_certificate *made, *second, *loaded;
	struct dtls_fingerprint f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(cert, sizeof(cert), "%s/cert", dir);
	snprintf(key, sizeof(key), "%s/key", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	assert_int_equal(dtls_certificate_generate(reason, &made), 0);
	assert_int_equal(dtls_certificate_generate(reason, &second), 0);
	write_pem(second, cert, other);
	write_pem(made, cert, key);
	assert_int_equal(dtls_certificate_load(cert, other, reason, &loaded), -EINVAL);
	assert_null(loaded);
	assert_int_equal(dtls_certificate_load(cert, "/nonexistent", reason, &loaded), -ENOENT);
	assert_non_null(strstr(reason, "/nonexistent"));
	assert_int_equal(dtls_certificate_load(cert, key, reason, &loaded), 0);
	dtls_certificate_fingerprint(loaded, DTLS_SHA384, &f);
	dtls_fingerprint_format(&f, text);
	openssl_says(cert, line, sizeof(line));
	assert_non_null(strchr(line, '='));
	assert_string_equal(strchr(text, ' ') + 1, strchr(line, '=') + 1);
	dtls_certificate_destroy(&made);
	dtls_certificate_destroy(&second);
	dtls_certificate_destroy(&loaded);
	unlink(cert);
	unlink(key);
	unlink(other);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_test),
		cmocka_unit_test(format_test),
		cmocka_unit_test(equal_test),
		cmocka_unit_test(load_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
