// SPDX-License-Identifier: Apache-2.0
// controlplane/dtls/certificate.c - our DTLS certificate and fingerprints, see certificate.h.
//
// Place    made by main, used by session/ and dtls/session.c.
// Thread   immutable once made.
// Owns     certificate and key.
// Spec     RFC 8122 5, RFC 8827 6.5.
#include "controlplane/dtls/certificate.h"

#include "controlplane/dtls/openssl_parts.h"

#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	VALID_S = 365 * 24 * 3600,
	CLOCKS_DIFFER_S = 24 * 3600, // not valid before: the peer's clock may be behind
};

struct dtls_certificate {
	X509 *x509;
	EVP_PKEY *key;
};

static const struct {
	const char *name;
	uint8_t size;
} hashes[] = {
	[DTLS_SHA256] = {"sha-256", 32},
	[DTLS_SHA384] = {"sha-384", 48},
	[DTLS_SHA512] = {"sha-512", 64},
};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

// "AB:CD:..." of exactly 'size' octets, nothing behind it.
static bool parse_octets(const char *text, uint8_t *out, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0 || text[2] != (i + 1 < size ? ':' : '\0'))
			return false;
		out[i] = (uint8_t)(high << 4 | low);
		text += 3;
	}
	return true;
}

int dtls_fingerprint_parse(const char *text, struct dtls_fingerprint *out)
{
	size_t name_size = strcspn(text, " ");
	struct dtls_fingerprint f = {0};

	if (text[name_size] != ' ')
		return -EINVAL;
	for (unsigned i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
		if (strlen(hashes[i].name) != name_size ||
		    strncasecmp(text, hashes[i].name, name_size) != 0)
			continue;
		f.hash = (enum dtls_hash)i;
		f.size = hashes[i].size;
		if (!parse_octets(text + name_size + 1, f.value, f.size))
			return -EINVAL;
		*out = f;
		return 0;
	}
	return -ENOTSUP;
}

void dtls_fingerprint_format(const struct dtls_fingerprint *f, char out[DTLS_FINGERPRINT_TEXT_SIZE])
{
	int at = snprintf(out, DTLS_FINGERPRINT_TEXT_SIZE, "%s ", hashes[f->hash].name);

	assert(f->size == hashes[f->hash].size);
	for (unsigned i = 0; i < f->size; i++)
		at += snprintf(out + at, DTLS_FINGERPRINT_TEXT_SIZE - (size_t)at, "%s%02X",
			       i == 0 ? "" : ":", f->value[i]);
}

bool dtls_fingerprint_equal(const struct dtls_fingerprint *a, const struct dtls_fingerprint *b)
{
	return a->hash == b->hash && a->size == b->size && a->size > 0 &&
	       CRYPTO_memcmp(a->value, b->value, a->size) == 0;
}

int dtls_fingerprint_of(const X509 *x509, enum dtls_hash hash, struct dtls_fingerprint *out)
{
	const EVP_MD *md = hash == DTLS_SHA256	 ? EVP_sha256()
			   : hash == DTLS_SHA384 ? EVP_sha384()
						 : EVP_sha512();
	unsigned size = 0;

	memset(out, 0, sizeof(*out));
	if (X509_digest(x509, md, out->value, &size) != 1 || size != hashes[hash].size)
		return -EIO;
	out->hash = hash;
	out->size = (uint8_t)size;
	return 0;
}

const char *dtls_openssl_reason(void)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return reason != NULL ? reason : "unknown";
}

// A random serial: browsers keep certificates apart by issuer and serial.
static bool set_serial(X509 *x509)
{
	uint64_t serial;

	if (RAND_bytes((unsigned char *)&serial, sizeof(serial)) != 1)
		return false;
	return ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), serial >> 1 | 1) == 1;
}

static bool fill_in(X509 *x509, EVP_PKEY *key)
{
	X509_NAME *name = X509_get_subject_name(x509);

	return X509_set_version(x509, X509_VERSION_3) == 1 && set_serial(x509) &&
	       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"sluice",
					  -1, -1, 0) == 1 &&
	       X509_set_issuer_name(x509, name) == 1 &&
	       X509_gmtime_adj(X509_getm_notBefore(x509), -CLOCKS_DIFFER_S) != NULL &&
	       X509_gmtime_adj(X509_getm_notAfter(x509), VALID_S) != NULL &&
	       X509_set_pubkey(x509, key) == 1 && X509_sign(x509, key, EVP_sha256()) > 0;
}

int dtls_certificate_generate(char reason[DTLS_REASON_SIZE], struct dtls_certificate **out)
{
	struct dtls_certificate *c = calloc(1, sizeof(*c));

	*out = NULL;
	if (c != NULL) {
		c->key = EVP_EC_gen("P-256");
		c->x509 = X509_new();
	}
	if (c == NULL || c->key == NULL || c->x509 == NULL || !fill_in(c->x509, c->key)) {
		snprintf(reason, DTLS_REASON_SIZE, "cannot make a DTLS certificate: %s",
			 dtls_openssl_reason());
		dtls_certificate_destroy(&c);
		return -EIO;
	}
	*out = c;
	return 0;
}

static FILE *open_pem(const char *path, const char *what, char reason[DTLS_REASON_SIZE])
{
	FILE *file = fopen(path, "re");

	if (file == NULL)
		snprintf(reason, DTLS_REASON_SIZE, "cannot open DTLS %s '%s': %s", what, path,
			 strerror(errno));
	return file;
}

// Never prompts: a key that is encrypted is refused.
static int no_passphrase(char *buf, int size, int writing, void *user)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)user;
	return -1;
}

static int read_pem(struct dtls_certificate *c, FILE *certificate, FILE *key,
		    char reason[DTLS_REASON_SIZE])
{
	c->x509 = PEM_read_X509(certificate, NULL, no_passphrase, NULL);
	if (c->x509 != NULL)
		c->key = PEM_read_PrivateKey(key, NULL, no_passphrase, NULL);
	if (c->x509 != NULL && c->key != NULL && X509_check_private_key(c->x509, c->key) == 1)
		return 0;
	snprintf(reason, DTLS_REASON_SIZE,
		 "DTLS certificate and key are no matching pair of unencrypted PEM files: %s",
		 dtls_openssl_reason());
	return -EINVAL;
}

int dtls_certificate_load(const char *certificate_path, const char *key_path,
			  char reason[DTLS_REASON_SIZE], struct dtls_certificate **out)
{
	struct dtls_certificate *c = calloc(1, sizeof(*c));
	FILE *certificate, *key;
	int err = -ENOENT;

	*out = NULL;
	certificate = open_pem(certificate_path, "certificate", reason);
	if (certificate == NULL)
		goto out_free;
	key = open_pem(key_path, "key", reason);
	if (key == NULL)
		goto out_certificate;
	err = c == NULL ? -ENOMEM : read_pem(c, certificate, key, reason);
	if (err == 0) {
		*out = c;
		c = NULL;
	}
	fclose(key);
out_certificate:
	fclose(certificate);
out_free:
	dtls_certificate_destroy(&c);
	return err;
}

void dtls_certificate_destroy(struct dtls_certificate **certificate)
{
	struct dtls_certificate *c = *certificate;

	*certificate = NULL;
	if (c == NULL)
		return;
	X509_free(c->x509);
	EVP_PKEY_free(c->key);
	free(c);
}

X509 *dtls_certificate_x509(const struct dtls_certificate *certificate)
{
	return certificate->x509;
}

EVP_PKEY *dtls_certificate_key(const struct dtls_certificate *certificate)
{
	return certificate->key;
}

void dtls_certificate_fingerprint(const struct dtls_certificate *certificate, enum dtls_hash hash,
				  struct dtls_fingerprint *out)
{
	int err = dtls_fingerprint_of(certificate->x509, hash, out);

	assert(err == 0);
	(void)err;
}
