// SPDX-License-Identifier: Apache-2.0
// controlplane/dtls/context.c - what all DTLS sessions share: protocol, ciphers, suites,
// certificate.
//
// Place    made by the pool at start, under every dtls/session.c.
// Thread   immutable once made: any thread.
// Owns     the SSL_CTX. How a session checks its peer is in session.c (dtls_session_verify).
// Spec     RFC 8827 6.5 (ciphers, curves), RFC 5764 4.1.
#include "controlplane/dtls/openssl_parts.h"
#include "controlplane/dtls/session.h"
#include "controlplane/dtls/session_verify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct dtls_context {
	SSL_CTX *ssl;
};

// Forward secret AES-GCM only: every WebRTC endpoint has the first one, and the record filter knows
// the least size of a record by it.
static const char ciphers[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
			      "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";

static bool configure(SSL_CTX *ssl, const struct dtls_certificate *certificate, const char *suites)
{
	// No resumption, no renegotiation: an association is one handshake, and nothing of it is
	// worth keeping afterwards. The MTU is ours, the BIO has none to ask for.
	SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_QUERY_MTU |
					 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(ssl, dtls_session_verify, NULL);
	return SSL_CTX_set_min_proto_version(ssl, DTLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(ssl, DTLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_cipher_list(ssl, ciphers) == 1 &&
	       SSL_CTX_set1_groups_list(ssl, "X25519:P-256:P-384") == 1 &&
	       SSL_CTX_use_certificate(ssl, dtls_certificate_x509(certificate)) == 1 &&
	       SSL_CTX_use_PrivateKey(ssl, dtls_certificate_key(certificate)) == 1 &&
	       SSL_CTX_set_tlsext_use_srtp(ssl, suites) == 0; // the one call where 0 is success
}

int dtls_context_create(const struct dtls_certificate *certificate, const char *suites,
			char reason[DTLS_REASON_SIZE], struct dtls_context **out)
{
	struct dtls_context *c = calloc(1, sizeof(*c));

	*out = NULL;
	if (c != NULL)
		c->ssl = SSL_CTX_new(DTLS_method());
	if (c == NULL || c->ssl == NULL ||
	    !configure(c->ssl, certificate, suites != NULL ? suites : DTLS_SRTP_SUITES_OFFERED)) {
		snprintf(reason, DTLS_REASON_SIZE, "cannot set up DTLS (SRTP suites '%s'): %s",
			 suites != NULL ? suites : DTLS_SRTP_SUITES_OFFERED, dtls_openssl_reason());
		dtls_context_destroy(&c);
		return -EIO;
	}
	*out = c;
	return 0;
}

void dtls_context_destroy(struct dtls_context **context)
{
	struct dtls_context *c = *context;

	*context = NULL;
	if (c == NULL)
		return;
	SSL_CTX_free(c->ssl);
	free(c);
}

SSL_CTX *dtls_context_ssl(struct dtls_context *context)
{
	return context->ssl;
}
