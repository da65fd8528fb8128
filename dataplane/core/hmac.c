// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/hmac.c - RFC 2104 over OpenSSL's SHA-1.
//
// Note    by SHA1_Update() and its kin, which OpenSSL 3 calls deprecated: every
// EVP_DigestInit_ex2()
//         of 3.0 goes to the heap, and a STUN check is answered on a packet core.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "dataplane/core/hmac.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 64 };

struct hmac {
	SHA_CTX digest;
	uint8_t key[BLOCK_BYTES];
};

struct hmac *hmac_new(void)
{
	return calloc(1, sizeof(struct hmac));
}

void hmac_free(struct hmac *h)
{
	if (h == NULL)
		return;
	OPENSSL_cleanse(h, sizeof(*h));
	free(h);
}

// Starts a digest with the key block xored with 'pad'.
static bool start(struct hmac *h, uint8_t pad)
{
	uint8_t block[BLOCK_BYTES];

	for (size_t i = 0; i < BLOCK_BYTES; i++)
		block[i] = h->key[i] ^ pad;
	bool ok = SHA1_Init(&h->digest) == 1 && SHA1_Update(&h->digest, block, sizeof(block)) == 1;
	OPENSSL_cleanse(block, sizeof(block));
	return ok;
}

static bool compute(void *ctx, const struct stun_part *parts, size_t count,
		    uint8_t mac[STUN_MAC_BYTES])
{
	struct hmac *h = ctx;
	uint8_t inner[STUN_MAC_BYTES];
	bool ok = start(h, 0x36);

	for (size_t i = 0; ok && i < count; i++)
		ok = SHA1_Update(&h->digest, parts[i].data, parts[i].size) == 1;
	return ok && SHA1_Final(inner, &h->digest) == 1 && start(h, 0x5c) &&
	       SHA1_Update(&h->digest, inner, sizeof(inner)) == 1 &&
	       SHA1_Final(mac, &h->digest) == 1;
}

struct stun_hmac hmac_keyed(struct hmac *h, const void *key, size_t key_size)
{
	memset(h->key, 0, sizeof(h->key));
	if (key_size <= BLOCK_BYTES) {
		memcpy(h->key, key, key_size);
	} else if (SHA1_Init(&h->digest) != 1 || SHA1_Update(&h->digest, key, key_size) != 1 ||
		   SHA1_Final(h->key, &h->digest) != 1) {
		memset(h->key, 0, sizeof(h->key)); // a key nobody has: nothing verifies
	}
	return (struct stun_hmac){.sha1 = compute, .ctx = h};
}
