// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/certificate.h - the API's TLS identity: given by file, or self-signed and kept.
//
// Path     server.c -> [certificate] -> listener.c
// Owns     the SSL_CTX it gives.
// Spec     RFC 5280 (SAN), RFC 7301 (ALPN).
#ifndef SLUICE_CONTROLPLANE_RPC_CERTIFICATE_H
#define SLUICE_CONTROLPLANE_RPC_CERTIFICATE_H

#include <glib.h>
#include <openssl/ssl.h>
#include <stdint.h>

enum {
	CERTIFICATE_DAYS = 397, // what browsers put up with
	CERTIFICATE_RENEW_DAYS = 30,
};

// PEM files as given by the operator. NULL and `error` on failure.
SSL_CTX *certificate_load(const char *certificate_path, const char *key_path, GError **error);

// ECDSA P-256, from `state_directory`/api-tls.pem. Made there when it is missing, close to its end
// or does not name all of `names` (host names and addresses, ends with NULL).
SSL_CTX *certificate_self_signed(const char *state_directory, const char *const *names,
				 GError **error);

// The same certificate and key for a listener that asks its clients for a certificate of
// 'client_ca' (PEM). One that is not of it, or has expired, ends the handshake; one that is absent
// does not: http_peer.names tells. NULL and `error` on failure.
SSL_CTX *certificate_asking_clients(SSL_CTX *ctx, const char *client_ca, GError **error);

// "AB:CD:...", SHA-256 over the leaf. Gives the string.
char *certificate_fingerprint(SSL_CTX *ctx);

// When the leaf expires: Unix time, seconds.
int64_t certificate_expiry(const SSL_CTX *ctx);

#endif
