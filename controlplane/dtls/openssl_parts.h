// SPDX-License-Identifier: Apache-2.0
// controlplane/dtls/openssl_parts.h - OpenSSL's objects behind our types; within dtls/ only.
//
// Place    certificate.c, context.c -> session.c.
// Thread   any; borrowed pointers of immutable objects.
// Owns     nothing.
#pragma once

#include "controlplane/dtls/certificate.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

struct dtls_context;

X509 *dtls_certificate_x509(const struct dtls_certificate *certificate);
EVP_PKEY *dtls_certificate_key(const struct dtls_certificate *certificate);
SSL_CTX *dtls_context_ssl(struct dtls_context *context);

// Fingerprint of any certificate. 0 or -EIO.
int dtls_fingerprint_of(const X509 *x509, enum dtls_hash hash, struct dtls_fingerprint *out);

// Newest error in OpenSSL's queue as words, "unknown" if there is none; empties the queue.
const char *dtls_openssl_reason(void);
