// SPDX-License-Identifier: Apache-2.0
//
// dataplane/srtp/srtcp_evp.c - SRTCP on OpenSSL's EVP: the reference, and engine libsrtp2's.
//
// Note    contexts have their keys set; a packet only sets the IV. Inside OpenSSL 3.0 each HMAC
//         allocates all the same, twice; AES-GCM does not.
#include "dataplane/srtp/srtcp_cipher.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

enum {
	HMAC_SHA1_BYTES = 20,
	// Cipher and MAC contexts with what OpenSSL keeps behind them, as glibc's heap counts them.
	WAY_BYTES = 2048,
};

struct srtcp_way {
	EVP_CIPHER_CTX *cipher;
	EVP_MAC_CTX *mac; // NULL with an AEAD suite
	uint8_t salt[SRTCP_SALT_BYTES_MAX];
};

static const EVP_CIPHER *cipher_of(enum shm_suite suite)
{
	switch (suite) {
	case SHM_SUITE_AES_CM_128_HMAC_SHA1_80:
		return EVP_aes_128_ctr();
	case SHM_SUITE_AEAD_AES_128_GCM:
		return EVP_aes_128_gcm();
	case SHM_SUITE_AEAD_AES_256_GCM:
		return EVP_aes_256_gcm();
	default:
		return NULL;
	}
}

static EVP_MAC_CTX *mac_new(const uint8_t *key)
{
	static const char digest[] = "SHA1";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string("digest", (char *)digest, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;

	EVP_MAC_free(mac); // the context holds its own reference
	if (ctx != NULL && EVP_MAC_init(ctx, key, SRTCP_HMAC_KEY_BYTES, params) != 1) {
		EVP_MAC_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

static bool way_init(struct srtcp_way *way, enum shm_suite suite, const struct srtcp_keys *keys,
		     bool encrypt)
{
	memcpy(way->salt, keys->salt, sizeof(way->salt));
	way->cipher = EVP_CIPHER_CTX_new();
	if (way->cipher == NULL ||
	    EVP_CipherInit_ex(way->cipher, cipher_of(suite), NULL, keys->key, NULL, encrypt) != 1)
		return false;
	if (suite != SHM_SUITE_AES_CM_128_HMAC_SHA1_80)
		return true;
	way->mac = mac_new(keys->auth);
	return way->mac != NULL;
}

static void way_free(struct srtcp_way *way)
{
	if (way == NULL)
		return;
	EVP_CIPHER_CTX_free(way->cipher);
	EVP_MAC_CTX_free(way->mac);
	OPENSSL_cleanse(way, sizeof(*way));
	free(way);
}

static struct srtcp_way *way_new(enum shm_suite suite, const struct srtcp_keys *keys,
				 enum srtp_direction direction)
{
	struct srtcp_way *way = cipher_of(suite) != NULL ? calloc(1, sizeof(*way)) : NULL;

	if (way == NULL || way_init(way, suite, keys, direction == SRTP_SEND))
		return way;
	way_free(way);
	return NULL;
}

static size_t way_bytes(enum shm_suite suite)
{
	(void)suite;
	return WAY_BYTES;
}

static bool cm_crypt(const struct srtcp_way *way, uint8_t *packet, size_t size, uint32_t index)
{
	uint8_t *at = packet + SRTCP_CLEAR_BYTES;
	uint8_t iv[SRTCP_IV_BYTES];
	int written;

	srtcp_iv_cm(way->salt, packet, index, iv);
	return EVP_CipherInit_ex(way->cipher, NULL, NULL, NULL, iv, -1) == 1 &&
	       EVP_CipherUpdate(way->cipher, at, &written, at, (int)(size - SRTCP_CLEAR_BYTES)) ==
		       1;
}

static bool cm_tag(const struct srtcp_way *way, const uint8_t *packet, size_t size,
		   uint8_t tag[HMAC_SHA1_BYTES])
{
	size_t written;

	return EVP_MAC_init(way->mac, NULL, 0, NULL) == 1 &&
	       EVP_MAC_update(way->mac, packet, size) == 1 &&
	       EVP_MAC_final(way->mac, tag, &written, HMAC_SHA1_BYTES) == 1;
}

static bool cm_seal(const struct srtcp_way *way, uint8_t *packet, size_t *size, uint32_t index)
{
	uint8_t tag[HMAC_SHA1_BYTES];

	if (!cm_crypt(way, packet, *size, index))
		return false;
	bytes_store_be32(packet + *size, index | SRTCP_ENCRYPTED_FLAG);
	if (!cm_tag(way, packet, *size + SRTCP_INDEX_BYTES, tag))
		return false;
	memcpy(packet + *size + SRTCP_INDEX_BYTES, tag, SRTCP_HMAC_TAG_BYTES);
	*size += SRTCP_INDEX_BYTES + SRTCP_HMAC_TAG_BYTES;
	return true;
}

static enum srtp_status cm_open(const struct srtcp_way *way, uint8_t *packet, size_t *size,
				uint32_t index)
{
	size_t plain = *size - SRTCP_INDEX_BYTES - SRTCP_HMAC_TAG_BYTES;
	const uint8_t *received = packet + plain + SRTCP_INDEX_BYTES;
	uint8_t tag[HMAC_SHA1_BYTES];

	if (!cm_tag(way, packet, plain + SRTCP_INDEX_BYTES, tag))
		return SRTP_FAIL_ENGINE;
	if (CRYPTO_memcmp(tag, received, SRTCP_HMAC_TAG_BYTES) != 0)
		return SRTP_FAIL_AUTH;
	if (!cm_crypt(way, packet, plain, index))
		return SRTP_FAIL_ENGINE;
	*size = plain;
	return SRTP_OK;
}

// Sets IV and associated data: the clear header, then the word with E and index.
static bool gcm_begin(const struct srtcp_way *way, const uint8_t *packet, uint32_t index)
{
	uint8_t iv[SRTCP_GCM_IV_BYTES];
	uint8_t word[SRTCP_INDEX_BYTES];
	int written;

	srtcp_iv_gcm(way->salt, packet, index, iv);
	bytes_store_be32(word, index | SRTCP_ENCRYPTED_FLAG);
	return EVP_CipherInit_ex(way->cipher, NULL, NULL, NULL, iv, -1) == 1 &&
	       EVP_CipherUpdate(way->cipher, NULL, &written, packet, SRTCP_CLEAR_BYTES) == 1 &&
	       EVP_CipherUpdate(way->cipher, NULL, &written, word, sizeof(word)) == 1;
}

static bool gcm_seal(const struct srtcp_way *way, uint8_t *packet, size_t *size, uint32_t index)
{
	uint8_t *at = packet + SRTCP_CLEAR_BYTES;
	uint8_t *tag = packet + *size;
	int written;

	if (!gcm_begin(way, packet, index) ||
	    EVP_CipherUpdate(way->cipher, at, &written, at, (int)(*size - SRTCP_CLEAR_BYTES)) !=
		    1 ||
	    EVP_CipherFinal_ex(way->cipher, tag, &written) != 1 ||
	    EVP_CIPHER_CTX_ctrl(way->cipher, EVP_CTRL_AEAD_GET_TAG, SRTCP_GCM_TAG_BYTES, tag) != 1)
		return false;
	bytes_store_be32(tag + SRTCP_GCM_TAG_BYTES, index | SRTCP_ENCRYPTED_FLAG);
	*size += SRTCP_GCM_TAG_BYTES + SRTCP_INDEX_BYTES;
	return true;
}

static enum srtp_status gcm_open(const struct srtcp_way *way, uint8_t *packet, size_t *size,
				 uint32_t index)
{
	size_t plain = *size - SRTCP_INDEX_BYTES - SRTCP_GCM_TAG_BYTES;
	uint8_t *at = packet + SRTCP_CLEAR_BYTES;
	uint8_t *tag = packet + plain;
	int written;

	if (!gcm_begin(way, packet, index) ||
	    EVP_CipherUpdate(way->cipher, at, &written, at, (int)(plain - SRTCP_CLEAR_BYTES)) !=
		    1 ||
	    EVP_CIPHER_CTX_ctrl(way->cipher, EVP_CTRL_AEAD_SET_TAG, SRTCP_GCM_TAG_BYTES, tag) != 1)
		return SRTP_FAIL_ENGINE;
	if (EVP_CipherFinal_ex(way->cipher, packet + plain, &written) != 1)
		return SRTP_FAIL_AUTH;
	*size = plain;
	return SRTP_OK;
}

static bool seal(struct srtcp_way *way, struct srtp_lanes *lanes, uint8_t *packet, size_t *size,
		 uint32_t index)
{
	(void)lanes;
	return way->mac == NULL ? gcm_seal(way, packet, size, index)
				: cm_seal(way, packet, size, index);
}

static enum srtp_status open_way(struct srtcp_way *way, struct srtp_lanes *lanes, uint8_t *packet,
				 size_t *size, uint32_t index)
{
	(void)lanes;
	return way->mac == NULL ? gcm_open(way, packet, size, index)
				: cm_open(way, packet, size, index);
}

const struct srtcp_cipher srtcp_evp = {
	.way_new = way_new,
	.way_free = way_free,
	.way_bytes = way_bytes,
	.seal = seal,
	.open = open_way,
};
