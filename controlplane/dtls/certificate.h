// SPDX-License-Identifier: Apache-2.0
// controlplane/dtls/certificate.h - our DTLS certificate, and fingerprints of ours and of theirs.
//
// Place    made once at start by main; session/ prints its fingerprint into SDP and parses the
//          remote's; dtls/session.c presents it and checks the remote's against its fingerprint.
// Thread   a certificate is immutable once made: any thread.
// Owns     the X.509 certificate and the private key, which leaves the process nowhere.
// Spec     RFC 8122 5 (fingerprint attribute), RFC 8827 6.5 (ECDSA P-256).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DTLS_REASON_SIZE = 192,
	DTLS_FINGERPRINT_SIZE_MAX = 64, // sha-512
	DTLS_FINGERPRINT_TEXT_SIZE = 8 + DTLS_FINGERPRINT_SIZE_MAX * 3, // "sha-512 AB:...", 0
};

enum dtls_hash {
	DTLS_SHA256,
	DTLS_SHA384,
	DTLS_SHA512,
};

struct dtls_fingerprint {
	enum dtls_hash hash;
	uint8_t size;
	uint8_t value[DTLS_FINGERPRINT_SIZE_MAX];
};

// Takes the value of an SDP fingerprint attribute: "sha-256 AB:CD:...", hash name and digits in
// either case. Returns 0, -ENOTSUP (another hash: look for a further attribute), -EINVAL.
int dtls_fingerprint_parse(const char *text, struct dtls_fingerprint *out);

// Writes the value of an SDP fingerprint attribute.
void dtls_fingerprint_format(const struct dtls_fingerprint *f,
			     char out[DTLS_FINGERPRINT_TEXT_SIZE]);

// Constant time in the value.
bool dtls_fingerprint_equal(const struct dtls_fingerprint *a, const struct dtls_fingerprint *b);

struct dtls_certificate;

// Self-signed, ECDSA P-256, good for a year. 0 or -EIO with the sentence in 'reason'.
int dtls_certificate_generate(char reason[DTLS_REASON_SIZE], struct dtls_certificate **out);

// From two PEM files. 0, -ENOENT, -EINVAL (unreadable, or key and certificate don't match).
int dtls_certificate_load(const char *certificate_path, const char *key_path,
			  char reason[DTLS_REASON_SIZE], struct dtls_certificate **out);
void dtls_certificate_destroy(struct dtls_certificate **certificate);

void dtls_certificate_fingerprint(const struct dtls_certificate *certificate, enum dtls_hash hash,
				  struct dtls_fingerprint *out);
