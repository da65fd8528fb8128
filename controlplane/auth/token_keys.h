// SPDX-License-Identifier: Apache-2.0
// controlplane/auth/token_keys.h - the keys tokens are verified with, each for one algorithm.
//
// File     lines "KID ALGORITHM VALUE"; blank lines and lines that begin with # are skipped.
//            orchestrator HS256 base64url of at least 32 random octets
//            partner      ES256 path of a PEM public key on P-256, relative to the file's folder
// Owns     the keys; wiped when freed. The file with secrets must not be readable by others.
// Thread   the API's GMainContext.
#pragma once

#include <glib.h>
#include <stddef.h>

enum { TOKEN_SECRET_BYTES_MIN = 32, TOKEN_KEYS_MAX = 64 };

struct token_key {
	char *kid;
	char *algorithm; // "HS256" or "ES256", as in RFC 7518 3.1
	unsigned char *bytes; // the secret, or PEM
	size_t size;
};

struct token_keys;

// NULL with a sentence that names the file, the line and the cure.
struct token_keys *token_keys_load(const char *path, GError **error);
void token_keys_free(struct token_keys **keys);
const struct token_key *token_keys_find(const struct token_keys *keys, const char *kid);
