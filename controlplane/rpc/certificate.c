// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/certificate.c - see certificate.h.
#include "controlplane/rpc/certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct identity {
	X509 *certificate;
	EVP_PKEY *key;
};

static void identity_clear(struct identity *id)
{
	X509_free(id->certificate);
	EVP_PKEY_free(id->key);
	*id = (struct identity){0};
}

static void certificate_set_error(GError **error, const char *what, const char *why)
{
	unsigned long code = ERR_get_error();

	g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s: %s%s%s", what, why,
		    code != 0 ? ": " : "", code != 0 ? ERR_reason_error_string(code) : "");
	ERR_clear_error();
}

// h2 where the client has it; otherwise http/1.1.
static int certificate_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_size,
			    const unsigned char *offered, unsigned offered_size, void *data)
{
	static const unsigned char ours[] = "\x02h2\x08http/1.1\x08http/1.0";
	unsigned char *chosen;

	(void)ssl, (void)data;
	if (SSL_select_next_proto(&chosen, out_size, ours, sizeof(ours) - 1, offered,
				  offered_size) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *certificate_context(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	g_assert(ctx != NULL);
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	// RFC 9113 9.2.2 forbids the rest of TLS 1.2's suites.
	SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20");
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					 SSL_OP_IGNORE_UNEXPECTED_EOF |
					 SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_alpn_select_cb(ctx, certificate_alpn, NULL);
	return ctx;
}

SSL_CTX *certificate_load(const char *certificate_path, const char *key_path, GError **error)
{
	SSL_CTX *ctx = certificate_context();

	if (SSL_CTX_use_certificate_chain_file(ctx, certificate_path) != 1)
		certificate_set_error(error, "tls_certificate",
				      "is no readable PEM certificate chain");
	else if (SSL_CTX_use_PrivateKey_file(ctx, key_path, SSL_FILETYPE_PEM) != 1)
		certificate_set_error(error, "tls_key",
				      "is no readable PEM key of tls_certificate");
	else
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

SSL_CTX *certificate_asking_clients(SSL_CTX *base, const char *client_ca, GError **error)
{
	SSL_CTX *ctx = certificate_context();
	STACK_OF(X509) *chain = NULL;

	SSL_CTX_get0_chain_certs(base, &chain);
	if (SSL_CTX_use_certificate(ctx, SSL_CTX_get0_certificate(base)) == 1 &&
	    (chain == NULL || SSL_CTX_set1_chain(ctx, chain) == 1) &&
	    SSL_CTX_use_PrivateKey(ctx, SSL_CTX_get0_privatekey(base)) == 1 &&
	    SSL_CTX_load_verify_file(ctx, client_ca) == 1) {
		SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(client_ca));
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
		// A session resumed would not show its certificate again.
		SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
		return ctx;
	}
	certificate_set_error(error, "client_ca", "is no readable PEM file of certificates");
	SSL_CTX_free(ctx);
	return NULL;
}

// "DNS:localhost,IP:127.0.0.1"
static char *certificate_san(const char *const *names)
{
	GString *san = g_string_new(NULL);

	for (size_t i = 0; names[i] != NULL; i++)
		g_string_append_printf(san, "%s%s:%s", i > 0 ? "," : "",
				       g_hostname_is_ip_address(names[i]) ? "IP" : "DNS", names[i]);
	return g_string_free(san, FALSE);
}

static bool certificate_add_extension(X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX ctx;
	bool ok;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, certificate, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return ok;
}

static bool certificate_fill(struct identity *id, const char *const *names)
{
	X509_NAME *subject = X509_get_subject_name(id->certificate);
	char *san = certificate_san(names);
	uint64_t serial = 0;
	bool ok;

	ok = RAND_bytes((unsigned char *)&serial, sizeof(serial)) == 1 &&
	     X509_set_version(id->certificate, X509_VERSION_3) == 1 &&
	     ASN1_INTEGER_set_uint64(X509_get_serialNumber(id->certificate), serial >> 1 | 1) ==
		     1 &&
	     X509_gmtime_adj(X509_getm_notBefore(id->certificate), -3600) != NULL &&
	     X509_time_adj_ex(X509_getm_notAfter(id->certificate), CERTIFICATE_DAYS, 0, NULL) !=
		     NULL &&
	     X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
					(const unsigned char *)"Sluice", -1, -1, 0) == 1 &&
	     X509_set_issuer_name(id->certificate, subject) == 1 &&
	     X509_set_pubkey(id->certificate, id->key) == 1 &&
	     certificate_add_extension(id->certificate, NID_subject_alt_name, san) &&
	     certificate_add_extension(id->certificate, NID_basic_constraints,
				       "critical,CA:FALSE") &&
	     certificate_add_extension(id->certificate, NID_key_usage, "digitalSignature") &&
	     certificate_add_extension(id->certificate, NID_ext_key_usage, "serverAuth") &&
	     X509_sign(id->certificate, id->key, EVP_sha256()) > 0;
	g_free(san);
	return ok;
}

static bool certificate_make(struct identity *id, const char *const *names)
{
	id->key = EVP_EC_gen("P-256");
	id->certificate = X509_new();
	if (id->key != NULL && id->certificate != NULL && certificate_fill(id, names))
		return true;
	identity_clear(id);
	return false;
}

static bool certificate_write(const struct identity *id, FILE *file)
{
	return PEM_write_X509(file, id->certificate) == 1 &&
	       PEM_write_PrivateKey(file, id->key, NULL, NULL, 0, NULL, NULL) == 1 &&
	       fflush(file) == 0 && fsync(fileno(file)) == 0;
}

// Through a temporary file, so that a crash leaves the old one or the new one whole.
static bool certificate_store(const struct identity *id, const char *path)
{
	char *temporary = g_strconcat(path, ".new", NULL);
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
	bool ok = file != NULL && certificate_write(id, file);

	if (file != NULL)
		ok = fclose(file) == 0 && ok;
	ok = ok && rename(temporary, path) == 0;
	g_free(temporary);
	return ok;
}

static bool certificate_read(struct identity *id, const char *path)
{
	FILE *file = fopen(path, "re");

	if (file == NULL)
		return false;
	id->certificate = PEM_read_X509(file, NULL, NULL, NULL);
	id->key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
	fclose(file);
	if (id->certificate != NULL && id->key != NULL &&
	    X509_check_private_key(id->certificate, id->key) == 1)
		return true;
	ERR_clear_error();
	identity_clear(id);
	return false;
}

static bool certificate_still_good(const struct identity *id, const char *const *names)
{
	time_t renew = time(NULL) + CERTIFICATE_RENEW_DAYS * 86400;

	if (X509_cmp_time(X509_get0_notAfter(id->certificate), &renew) != 1)
		return false;
	for (size_t i = 0; names[i] != NULL; i++) {
		int match = g_hostname_is_ip_address(names[i])
				    ? X509_check_ip_asc(id->certificate, names[i], 0)
				    : X509_check_host(id->certificate, names[i], 0, 0, NULL);

		if (match != 1)
			return false;
	}
	return true;
}

SSL_CTX *certificate_self_signed(const char *state_directory, const char *const *names,
				 GError **error)
{
	char *path = g_build_filename(state_directory, "api-tls.pem", NULL);
	struct identity id = {0};
	SSL_CTX *ctx = NULL;
	bool ok;

	ok = certificate_read(&id, path) && certificate_still_good(&id, names);
	if (!ok) {
		identity_clear(&id);
		errno = 0;
		ok = g_mkdir_with_parents(state_directory, 0700) == 0 &&
		     certificate_make(&id, names) && certificate_store(&id, path);
	}
	if (ok) {
		ctx = certificate_context();
		SSL_CTX_use_certificate(ctx, id.certificate);
		SSL_CTX_use_PrivateKey(ctx, id.key);
	} else {
		certificate_set_error(error, path,
				      errno != 0 ? g_strerror(errno)
						 : "cannot make a self-signed certificate");
	}
	identity_clear(&id);
	g_free(path);
	return ctx;
}

char *certificate_fingerprint(SSL_CTX *ctx)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	GString *text = g_string_new(NULL);

	X509_digest(SSL_CTX_get0_certificate(ctx), EVP_sha256(), digest, &size);
	for (unsigned i = 0; i < size; i++)
		g_string_append_printf(text, "%s%02X", i > 0 ? ":" : "", digest[i]);
	return g_string_free(text, FALSE);
}

int64_t certificate_expiry(const SSL_CTX *ctx)
{
	struct tm when = {0};

	ASN1_TIME_to_tm(X509_get0_notAfter(SSL_CTX_get0_certificate(ctx)), &when);
	return timegm(&when);
}
