// SPDX-License-Identifier: Apache-2.0
// tests/unit/auth/token_test.c - tokens made here by hand (RFC 7515: base64url and OpenSSL's HMAC
// and ECDSA) and by nobody's library, against the one that verifies them; and files of keys.
#include "controlplane/auth/token.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

enum { NOW_S = 1700000000 };
static const char secret[] = "0123456789abcdef0123456789abcdef";
static const char hs_header[] = "{\"alg\":\"HS256\",\"kid\":\"one\"}";
static const char es_header[] = "{\"alg\":\"ES256\",\"kid\":\"two\"}";

struct fixture {
	char *folder, *keys_path, *pem_path;
	char *public_pem;
	EVP_PKEY *key;
	struct token_keys *keys;
};

static char *url64(const void *bytes, size_t size)
{
	char *text = g_base64_encode(bytes, size);

	g_strdelimit(text, "+", '-');
	g_strdelimit(text, "/", '_');
	text[strcspn(text, "=")] = '\0';
	return text;
}

static char *signing_input(const char *header, const char *claims)
{
	char *h = url64(header, strlen(header)), *c = url64(claims, strlen(claims));
	char *input = g_strdup_printf("%s.%s", h, c);

	g_free(h);
	g_free(c);
	return input;
}

static char *with_signature(char *input, const void *signature, size_t size)
{
	char *s = url64(signature, size), *token = g_strdup_printf("%s.%s", input, s);

	g_free(s);
	g_free(input);
	return token;
}

static char *hs256(const char *header, const char *claims, const void *key, size_t size)
{
	char *input = signing_input(header, claims);
	unsigned char mac[32];
	unsigned mac_size = sizeof(mac);

	HMAC(EVP_sha256(), key, (int)size, (const unsigned char *)input, strlen(input), mac,
	     &mac_size);
	return with_signature(input, mac, mac_size);
}

// JWS wants r and s side by side (RFC 7518 3.4), OpenSSL gives DER.
static char *es256(const struct fixture *f, const char *header, const char *claims)
{
	char *input = signing_input(header, claims);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned char der[128], raw[64];
	size_t size = sizeof(der);
	const unsigned char *at = der;

	assert_int_equal(EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, f->key), 1);
	assert_int_equal(
		EVP_DigestSign(md, der, &size, (const unsigned char *)input, strlen(input)), 1);
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)size);
	BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32);
	BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32);
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(md);
	return with_signature(input, raw, sizeof(raw));
}

static char *public_pem(EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *bytes, *pem;

	PEM_write_bio_PUBKEY(bio, key);
	long size = BIO_get_mem_data(bio, &bytes);
	pem = g_strndup(bytes, (gsize)size);
	BIO_free(bio);
	return pem;
}

static void write_keys(const struct fixture *f, const char *text)
{
	assert_true(g_file_set_contents(f->keys_path, text, -1, NULL));
	assert_int_equal(g_chmod(f->keys_path, 0600), 0);
}

static int setup(void **state)
{
	struct fixture *f = g_new0(struct fixture, 1);
	char *s = url64(secret, strlen(secret)), *text;

	f->folder = g_dir_make_tmp("sluice-token-XXXXXX", NULL);
	f->keys_path = g_build_filename(f->folder, "keys", NULL);
	f->pem_path = g_build_filename(f->folder, "two.pem", NULL);
	f->key = EVP_EC_gen("P-256");
	f->public_pem = public_pem(f->key);
	assert_true(g_file_set_contents(f->pem_path, f->public_pem, -1, NULL));
	text = g_strdup_printf("# two keys\n\none HS256 %s\n two  ES256  two.pem \n", s);
	write_keys(f, text);
	f->keys = token_keys_load(f->keys_path, NULL);
	assert_non_null(f->keys);
	g_free(text);
	g_free(s);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	token_keys_free(&f->keys);
	EVP_PKEY_free(f->key);
	g_unlink(f->keys_path);
	g_unlink(f->pem_path);
	g_rmdir(f->folder);
	g_free(f->folder);
	g_free(f->keys_path);
	g_free(f->pem_path);
	g_free(f->public_pem);
	g_free(f);
	return 0;
}

static struct caller *verify(const struct fixture *f, char *token, struct auth_refusal *why)
{
	struct caller *c = token_verify(f->keys, "sluice", token, NOW_S, why);

	g_free(token);
	return c;
}

static void a_good_token_is_its_callers_grants(void **state)
{
	static const char claims[] =
		"{\"aud\":\"sluice\",\"exp\":1700000060,\"sub\":\"ada\",\"tenant\":\"acme\","
		"\"room\":\"demo-*\",\"publish\":true,\"subscribe\":false}";
	const struct fixture *f = *state;
	struct auth_refusal why;
	char *tokens[] = {hs256(hs_header, claims, secret, strlen(secret)),
			  es256(f, es_header, claims)};

	for (size_t i = 0; i < G_N_ELEMENTS(tokens); i++) {
		struct caller *c = verify(f, tokens[i], &why);
		assert_non_null(c);
		assert_int_equal(c->kind, CALLER_TOKEN);
		assert_string_equal(c->subject, "ada");
		assert_string_equal(c->tenant, "acme");
		assert_int_equal(c->grants, GRANT_PUBLISH);
		assert_int_equal(c->expires_s, 1700000060);
		assert_true(c->token != 0);
		assert_true(caller_reaches(c, "demo-1"));
		assert_true(caller_reaches(c, "demo-"));
		assert_false(caller_reaches(c, "demo"));
		assert_true(caller_speaks_for(c, "acme"));
		assert_false(caller_speaks_for(c, ""));
		assert_false(caller_holds(c, GRANT_SUBSCRIBE));
		caller_drop(c);
	}
}

// Else a removed participant would come back under a signature written in another way.
static void a_token_is_the_same_under_any_signature(void **state)
{
	static const char claims[] = "{\"aud\":\"sluice\",\"exp\":1700000099}";
	const struct fixture *f = *state;
	char *tokens[] = {es256(f, es_header, claims), es256(f, es_header, claims)};
	struct auth_refusal why;

	assert_string_not_equal(tokens[0], tokens[1]);
	struct caller *a = verify(f, tokens[0], &why), *b = verify(f, tokens[1], &why);
	assert_non_null(a);
	assert_non_null(b);
	assert_true(a->token == b->token);
	caller_drop(a);
	caller_drop(b);
}

static const struct {
	const char *what, *header, *claims;
	Sluice__V1__ErrorReason reason; // METHOD_UNKNOWN stands for "good"
} rows[] = {
#define GOOD RPC_REASON(METHOD_UNKNOWN)
	{"plain", hs_header, "{\"aud\":\"sluice\",\"exp\":1700000001}", GOOD},
	{"one of several audiences", hs_header,
	 "{\"aud\":[\"other\",\"sluice\"],\"exp\":1700000001}", GOOD},
	{"within the leeway behind exp", hs_header, "{\"aud\":\"sluice\",\"exp\":1699999971}",
	 GOOD},
	{"past it", hs_header, "{\"aud\":\"sluice\",\"exp\":1699999970}",
	 RPC_REASON(TOKEN_EXPIRED)},
	{"within the leeway before nbf", hs_header,
	 "{\"aud\":\"sluice\",\"exp\":1700000099,\"nbf\":1700000030}", GOOD},
	{"before it", hs_header, "{\"aud\":\"sluice\",\"exp\":1700000099,\"nbf\":1700000031}",
	 RPC_REASON(TOKEN_NOT_YET_VALID)},
	{"no exp", hs_header, "{\"aud\":\"sluice\"}", RPC_REASON(TOKEN_MALFORMED)},
	{"exp is text", hs_header, "{\"aud\":\"sluice\",\"exp\":\"1700000099\"}",
	 RPC_REASON(TOKEN_MALFORMED)},
	{"another audience", hs_header, "{\"aud\":\"slui\",\"exp\":1700000099}",
	 RPC_REASON(TOKEN_AUDIENCE_WRONG)},
	{"none of several", hs_header, "{\"aud\":[\"xsluice\"],\"exp\":1700000099}",
	 RPC_REASON(TOKEN_AUDIENCE_WRONG)},
	{"no audience", hs_header, "{\"exp\":1700000099}", RPC_REASON(TOKEN_AUDIENCE_WRONG)},
	{"unknown kid", "{\"alg\":\"HS256\",\"kid\":\"three\"}",
	 "{\"aud\":\"sluice\",\"exp\":1700000099}", RPC_REASON(TOKEN_KEY_UNKNOWN)},
	{"no kid", "{\"alg\":\"HS256\"}", "{\"aud\":\"sluice\",\"exp\":1700000099}",
	 RPC_REASON(TOKEN_KEY_UNKNOWN)},
	{"algorithm of another key", "{\"alg\":\"HS256\",\"kid\":\"two\"}",
	 "{\"aud\":\"sluice\",\"exp\":1700000099}", RPC_REASON(TOKEN_ALGORITHM_WRONG)},
	{"HS512", "{\"alg\":\"HS512\",\"kid\":\"one\"}", "{\"aud\":\"sluice\",\"exp\":1700000099}",
	 RPC_REASON(TOKEN_ALGORITHM_WRONG)},
	{"tenant with a slash", hs_header,
	 "{\"aud\":\"sluice\",\"exp\":1700000099,\"tenant\":\"a/b\"}", RPC_REASON(TOKEN_MALFORMED)},
	{"a room that is no pattern", hs_header,
	 "{\"aud\":\"sluice\",\"exp\":1700000099,\"room\":\"a*b\"}", RPC_REASON(TOKEN_MALFORMED)},
	{"no JSON", hs_header, "nonsense", RPC_REASON(TOKEN_MALFORMED)},
};

static void refused_with_their_reasons(void **state)
{
	const struct fixture *f = *state;

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct auth_refusal why = {.reason = GOOD};
		struct caller *c = verify(
			f, hs256(rows[i].header, rows[i].claims, secret, strlen(secret)), &why);
		if (why.reason != rows[i].reason || (c != NULL) != (rows[i].reason == GOOD))
			fail_msg("%s: reason %d, \"%s\"", rows[i].what, why.reason, why.text);
		caller_drop(c);
	}
}

static Sluice__V1__ErrorReason reason_of(const struct fixture *f, char *token)
{
	struct auth_refusal why;

	assert_null(verify(f, token, &why));
	assert_int_equal(why.code, RPC_UNAUTHENTICATED);
	return why.reason;
}

static void nobody_elses_signature(void **state)
{
	static const char claims[] = "{\"aud\":\"sluice\",\"exp\":1700000099,\"administer\":true}";
	static const char swapped[] = "{\"alg\":\"HS256\",\"kid\":\"two\"}";
	static const char none[] = "{\"alg\":\"none\",\"kid\":\"one\"}";
	const struct fixture *f = *state;

	assert_int_equal(reason_of(f, hs256(hs_header, claims, "another", 7)),
			 RPC_REASON(TOKEN_SIGNATURE_WRONG));
	// The public key, which all may know, as if it were a secret.
	assert_int_equal(reason_of(f, hs256(swapped, claims, f->public_pem, strlen(f->public_pem))),
			 RPC_REASON(TOKEN_ALGORITHM_WRONG));
	char *input = signing_input(none, claims);
	assert_int_equal(reason_of(f, g_strconcat(input, ".", NULL)),
			 RPC_REASON(TOKEN_ALGORITHM_WRONG));
	g_free(input);
	char *good = hs256(hs_header, claims, secret, strlen(secret));
	good[strlen(good) - 2] ^= 1;
	assert_int_equal(reason_of(f, good), RPC_REASON(TOKEN_SIGNATURE_WRONG));
	char *es = es256(f, es_header, claims);
	es[strlen(es) - 5] = es[strlen(es) - 5] == 'A' ? 'B' : 'A';
	assert_int_equal(reason_of(f, es), RPC_REASON(TOKEN_SIGNATURE_WRONG));
	assert_int_equal(reason_of(f, g_strdup("a.b")), RPC_REASON(TOKEN_MALFORMED));
	assert_int_equal(reason_of(f, g_strdup("")), RPC_REASON(TOKEN_MALFORMED));
	assert_int_equal(reason_of(f, g_strnfill(TOKEN_BYTES_MAX + 1, 'x')),
			 RPC_REASON(TOKEN_MALFORMED));
}

static void key_files_that_are_wrong(void **state)
{
	static const struct {
		const char *text, *word;
	} files[] = {
		{"", "no key"},
		{"one HS256\n", "2 words"},
		{"one HS256 c2hvcnQ\n", "5 octets"},
		{"one HS256 not+base64url/at_all_not_at_all_not_at_all\n", "base64url"},
		{"one RS256 x\n", "HS256 or ES256"},
		{"one ES256 missing.pem\n", "missing.pem"},
		{"one ES256 keys\n", "P-256"},
		{"a ES256 two.pem\na ES256 two.pem\n", "already"},
	};
	const struct fixture *f = *state;

	for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
		GError *error = NULL;
		write_keys(f, files[i].text);
		assert_null(token_keys_load(f->keys_path, &error));
		if (strstr(error->message, files[i].word) == NULL)
			fail_msg("\"%s\" for \"%s\"", error->message, files[i].text);
		g_error_free(error);
	}
	GError *error = NULL;
	assert_int_equal(g_chmod(f->keys_path, 0644), 0);
	assert_null(token_keys_load(f->keys_path, &error));
	assert_non_null(strstr(error->message, "chmod o="));
	g_error_free(error);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_good_token_is_its_callers_grants), T(a_token_is_the_same_under_any_signature),
		T(refused_with_their_reasons),	       T(nobody_elses_signature),
		T(key_files_that_are_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
