// SPDX-License-Identifier: Apache-2.0
//
// tests/unit/srtp/reference.c - see reference.h. RFC 3711 4.1.1, 4.2, 4.3; RFC 7714 8.
#include "tests/unit/srtp/reference.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

static size_t key_size_of(enum shm_suite suite)
{
	return suite == SHM_SUITE_AEAD_AES_256_GCM ? 32 : 16;
}

static void aes_block(const uint8_t *key, size_t key_size, const uint8_t in[16], uint8_t out[16])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int written;

	assert(ctx != NULL);
	EVP_EncryptInit_ex(ctx, key_size == 32 ? EVP_aes_256_ecb() : EVP_aes_128_ecb(), NULL, key,
			   NULL);
	EVP_CIPHER_CTX_set_padding(ctx, 0);
	EVP_EncryptUpdate(ctx, out, &written, in, 16);
	assert(written == 16);
	EVP_CIPHER_CTX_free(ctx);
}

static void keystream_xor(const uint8_t *key, size_t key_size, const uint8_t iv[16], uint8_t *data,
			  size_t size)
{
	uint8_t counter[16], block[16];

	memcpy(counter, iv, 16);
	for (size_t i = 0; i < size; i++) {
		if (i % 16 == 0) {
			counter[14] = (uint8_t)(i / 16 >> 8);
			counter[15] = (uint8_t)(i / 16);
			aes_block(key, key_size, counter, block);
		}
		data[i] ^= block[i % 16];
	}
}

static void derive(const uint8_t *master, size_t key_size, size_t salt_size, uint8_t label,
		   uint8_t *out, size_t size)
{
	uint8_t x[16] = {0};

	for (size_t i = 0; i < salt_size; i++)
		x[i] = master[key_size + i];
	x[7] ^= label;
	memset(out, 0, size);
	keystream_xor(master, key_size, x, out, size);
}

void reference_derive(struct reference_keys *keys, enum shm_suite suite, const uint8_t *master)
{
	size_t key_size = key_size_of(suite);
	size_t salt_size = suite == SHM_SUITE_AES_CM_128_HMAC_SHA1_80 ? 14 : 12;

	keys->suite = suite;
	derive(master, key_size, salt_size, 0, keys->key, key_size);
	derive(master, key_size, salt_size, 1, keys->auth, sizeof(keys->auth));
	derive(master, key_size, salt_size, 2, keys->salt, salt_size);
}

static size_t seal_cm(const struct reference_keys *keys, size_t size, size_t header_size,
		      uint64_t index, uint8_t *out)
{
	uint8_t iv[16] = {0}, message[2048 + 4], mac[20];

	memcpy(iv, keys->salt, 14);
	for (int i = 0; i < 4; i++)
		iv[4 + i] ^= out[8 + i];
	for (int i = 0; i < 6; i++)
		iv[8 + i] ^= (uint8_t)(index >> (8 * (5 - i)));
	keystream_xor(keys->key, 16, iv, out + header_size, size - header_size);
	memcpy(message, out, size);
	for (int i = 0; i < 4; i++)
		message[size + (size_t)i] = (uint8_t)(index >> 16 >> (8 * (3 - i)));
	HMAC(EVP_sha1(), keys->auth, 20, message, size + 4, mac, NULL);
	memcpy(out + size, mac, 10);
	return size + 10;
}

static size_t seal_gcm(const struct reference_keys *keys, size_t size, size_t header_size,
		       uint64_t index, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t iv[12] = {0};
	int written;

	assert(ctx != NULL);
	memcpy(iv + 2, out + 8, 4);
	for (int i = 0; i < 6; i++)
		iv[6 + i] = (uint8_t)(index >> (8 * (5 - i)));
	for (int i = 0; i < 12; i++)
		iv[i] ^= keys->salt[i];
	EVP_EncryptInit_ex(ctx,
			   key_size_of(keys->suite) == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm(),
			   NULL, keys->key, iv);
	EVP_EncryptUpdate(ctx, NULL, &written, out, (int)header_size);
	EVP_EncryptUpdate(ctx, out + header_size, &written, out + header_size,
			  (int)(size - header_size));
	EVP_EncryptFinal_ex(ctx, out + size, &written);
	EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, out + size);
	EVP_CIPHER_CTX_free(ctx);
	return size + 16;
}

size_t reference_seal(const struct reference_keys *keys, const uint8_t *rtp, size_t size,
		      size_t header_size, uint64_t index, uint8_t *out)
{
	memcpy(out, rtp, size);
	return keys->suite == SHM_SUITE_AES_CM_128_HMAC_SHA1_80
		       ? seal_cm(keys, size, header_size, index, out)
		       : seal_gcm(keys, size, header_size, index, out);
}
