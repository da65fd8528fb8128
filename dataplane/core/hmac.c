// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/hmac.c - RFC 2104 over an EVP digest context that is made once.
//
// EVP_MAC_init() with a new key allocates; a digest context started again does not.

#include "dataplane/core/hmac.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 64 };

struct hmac {
	EVP_MD *sha1;
	EVP_MD_CTX *digest;
	uint8_t key[BLOCK_BYTES];
};

struct hmac *hmac_new(void)
{
	struct hmac *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
	h->digest = EVP_MD_CTX_new();
	if (h->sha1 == NULL || h->digest == NULL) {
		hmac_free(h);
		return NULL;
	}
	return h;
}

void hmac_free(struct hmac *h)
{
	if (h == NULL)
		return;
	OPENSSL_cleanse(h->key, sizeof(h->key));
	EVP_MD_CTX_free(h->digest);
	EVP_MD_free(h->sha1);
	free(h);
}

// Starts a digest with the key block xored with 'pad'.
static bool start(struct hmac *h, uint8_t pad)
{
	uint8_t block[BLOCK_BYTES];

	for (size_t i = 0; i < BLOCK_BYTES; i++)
		block[i] = h->key[i] ^ pad;
	bool ok = EVP_DigestInit_ex2(h->digest, h->sha1, NULL) == 1 &&
		  EVP_DigestUpdate(h->digest, block, sizeof(block)) == 1;
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
		ok = EVP_DigestUpdate(h->digest, parts[i].data, parts[i].size) == 1;
	return ok && EVP_DigestFinal_ex(h->digest, inner, NULL) == 1 && start(h, 0x5c) &&
	       EVP_DigestUpdate(h->digest, inner, sizeof(inner)) == 1 &&
	       EVP_DigestFinal_ex(h->digest, mac, NULL) == 1;
}

struct stun_hmac hmac_keyed(struct hmac *h, const void *key, size_t key_size)
{
	memset(h->key, 0, sizeof(h->key));
	if (key_size <= BLOCK_BYTES) {
		memcpy(h->key, key, key_size);
	} else if (EVP_DigestInit_ex2(h->digest, h->sha1, NULL) != 1 ||
		   EVP_DigestUpdate(h->digest, key, key_size) != 1 ||
		   EVP_DigestFinal_ex(h->digest, h->key, NULL) != 1) {
		memset(h->key, 0, sizeof(h->key)); // a key nobody has: nothing verifies
	}
	return (struct stun_hmac){.sha1 = compute, .ctx = h};
}
