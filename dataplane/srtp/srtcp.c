// SPDX-License-Identifier: Apache-2.0
//
// dataplane/srtp/srtcp.c - seals and opens SRTCP with OpenSSL's EVP.
//
// Place   ingress/rtcp -> [open] -> forward_rtcp(); egress/rtcp_out -> [seal] -> wire.
// Order   of opening: malformed, replay check, authentication; only then a window moves or a source
//         is remembered. A forged packet changes nothing.
// Spec    RFC 3711 3.4 (format), 4.1.1 (IV), 4.2 (HMAC-SHA1); RFC 7714 9 (AEAD).
//
//   AES-CM  header and SSRC | encrypted | E + index | tag (10)
//   GCM     header and SSRC | encrypted | tag (16) | E + index
#include "dataplane/srtp/srtcp.h"

#include "dataplane/core/limits.h"
#include "proto/rtc/bytes.h"
#include "proto/rtc/replay.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum {
	CLEAR_BYTES = 8, // first RTCP header and its SSRC: authenticated, not encrypted
	INDEX_BYTES = 4,
	HMAC_KEY_BYTES = 20,
	HMAC_SHA1_BYTES = 20,
	HMAC_TAG_BYTES = 10,
	GCM_TAG_BYTES = 16,
	GCM_IV_BYTES = 12,
	SALT_BYTES_MAX = 14,
	IV_BYTES = 16,
	KEY_BYTES_MAX = 32,
};
static_assert((int)GCM_TAG_BYTES + INDEX_BYTES <= (int)SRTCP_OVERHEAD_BYTES_MAX, "room behind");
#define ENCRYPTED_FLAG UINT32_C(0x80000000)

// RFC 3711 4.3.2.
enum { LABEL_SRTCP_KEY = 3, LABEL_SRTCP_AUTH = 4, LABEL_SRTCP_SALT = 5 };

struct srtcp_keys {
	uint8_t key[KEY_BYTES_MAX];
	uint8_t auth[HMAC_KEY_BYTES];
	uint8_t salt[SALT_BYTES_MAX];
};

// One direction: contexts with their keys set; a packet only sets the IV.
struct srtcp_way {
	EVP_CIPHER_CTX *cipher;
	EVP_MAC_CTX *mac; // NULL with an AEAD suite
	uint8_t salt[SALT_BYTES_MAX];
};

struct srtcp_source {
	uint32_t ssrc;
	struct replay replay;
};

struct srtcp {
	bool aead;
	struct srtcp_way receive;
	struct srtcp_way send;
	struct srtcp_source sources[SRTCP_SOURCES_MAX];
	unsigned source_count;
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
	if (ctx != NULL && EVP_MAC_init(ctx, key, HMAC_KEY_BYTES, params) != 1) {
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

static bool keys_derive(struct srtcp_keys *keys, enum shm_suite suite, const uint8_t *master)
{
	size_t key_size = srtp_suite_key_bytes(suite);
	size_t salt_size = srtp_suite_salt_bytes(suite);
	const uint8_t *salt = master + key_size;

	return srtp_derive(master, key_size, salt, salt_size, LABEL_SRTCP_KEY, keys->key,
			   key_size) &&
	       srtp_derive(master, key_size, salt, salt_size, LABEL_SRTCP_AUTH, keys->auth,
			   sizeof(keys->auth)) &&
	       srtp_derive(master, key_size, salt, salt_size, LABEL_SRTCP_SALT, keys->salt,
			   salt_size);
}

static bool way_set_up(struct srtcp_way *way, enum shm_suite suite, const uint8_t *master,
		       bool encrypt)
{
	struct srtcp_keys keys = {0};
	bool ok = keys_derive(&keys, suite, master) && way_init(way, suite, &keys, encrypt);

	OPENSSL_cleanse(&keys, sizeof(keys));
	return ok;
}

static void way_tear_down(struct srtcp_way *way)
{
	EVP_CIPHER_CTX_free(way->cipher);
	EVP_MAC_CTX_free(way->mac);
}

struct srtcp *srtcp_new(enum shm_suite suite, const uint8_t *receive_master,
			const uint8_t *send_master)
{
	if (cipher_of(suite) == NULL)
		return NULL;
	struct srtcp *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	s->aead = suite != SHM_SUITE_AES_CM_128_HMAC_SHA1_80;
	if (!way_set_up(&s->receive, suite, receive_master, false) ||
	    !way_set_up(&s->send, suite, send_master, true)) {
		srtcp_free(s);
		return NULL;
	}
	return s;
}

void srtcp_free(struct srtcp *s)
{
	if (s == NULL)
		return;
	way_tear_down(&s->receive);
	way_tear_down(&s->send);
	OPENSSL_cleanse(s, sizeof(*s));
	free(s);
}

// RFC 3711 4.1.1: salt * 2^16 xor SSRC * 2^64 xor index * 2^16.
static void iv_cm(const struct srtcp_way *way, uint32_t ssrc, uint32_t index, uint8_t iv[IV_BYTES])
{
	memset(iv, 0, IV_BYTES);
	memcpy(iv, way->salt, SALT_BYTES_MAX);
	bytes_store_be32(iv + 4, bytes_be32(iv + 4) ^ ssrc);
	bytes_store_be32(iv + 10, bytes_be32(iv + 10) ^ index);
}

// RFC 7714 9.1: 16 zero bits, SSRC, 16 zero bits, index; xor salt.
static void iv_gcm(const struct srtcp_way *way, uint32_t ssrc, uint32_t index,
		   uint8_t iv[GCM_IV_BYTES])
{
	memcpy(iv, way->salt, GCM_IV_BYTES);
	bytes_store_be32(iv + 2, bytes_be32(iv + 2) ^ ssrc);
	bytes_store_be32(iv + 8, bytes_be32(iv + 8) ^ index);
}

static bool cm_crypt(const struct srtcp_way *way, uint8_t *packet, size_t size, uint32_t index)
{
	uint8_t iv[IV_BYTES];
	int written;

	iv_cm(way, bytes_be32(packet + 4), index, iv);
	return EVP_CipherInit_ex(way->cipher, NULL, NULL, NULL, iv, -1) == 1 &&
	       EVP_CipherUpdate(way->cipher, packet + CLEAR_BYTES, &written, packet + CLEAR_BYTES,
				(int)(size - CLEAR_BYTES)) == 1;
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
	bytes_store_be32(packet + *size, index | ENCRYPTED_FLAG);
	if (!cm_tag(way, packet, *size + INDEX_BYTES, tag))
		return false;
	memcpy(packet + *size + INDEX_BYTES, tag, HMAC_TAG_BYTES);
	*size += INDEX_BYTES + HMAC_TAG_BYTES;
	return true;
}

static enum srtp_status cm_open(const struct srtcp_way *way, uint8_t *packet, size_t *size,
				uint32_t index)
{
	size_t plain = *size - INDEX_BYTES - HMAC_TAG_BYTES;
	uint8_t tag[HMAC_SHA1_BYTES];

	if (!cm_tag(way, packet, plain + INDEX_BYTES, tag))
		return SRTP_FAIL_ENGINE;
	if (CRYPTO_memcmp(tag, packet + plain + INDEX_BYTES, HMAC_TAG_BYTES) != 0)
		return SRTP_FAIL_AUTH;
	if (!cm_crypt(way, packet, plain, index))
		return SRTP_FAIL_ENGINE;
	*size = plain;
	return SRTP_OK;
}

// Sets IV and associated data: the clear header, then the word with E and index.
static bool gcm_begin(const struct srtcp_way *way, const uint8_t *packet, uint32_t index)
{
	uint8_t iv[GCM_IV_BYTES];
	uint8_t word[INDEX_BYTES];
	int written;

	iv_gcm(way, bytes_be32(packet + 4), index, iv);
	bytes_store_be32(word, index | ENCRYPTED_FLAG);
	return EVP_CipherInit_ex(way->cipher, NULL, NULL, NULL, iv, -1) == 1 &&
	       EVP_CipherUpdate(way->cipher, NULL, &written, packet, CLEAR_BYTES) == 1 &&
	       EVP_CipherUpdate(way->cipher, NULL, &written, word, sizeof(word)) == 1;
}

static bool gcm_seal(const struct srtcp_way *way, uint8_t *packet, size_t *size, uint32_t index)
{
	uint8_t *at = packet + CLEAR_BYTES;
	uint8_t *tag = packet + *size;
	int written;

	if (!gcm_begin(way, packet, index) ||
	    EVP_CipherUpdate(way->cipher, at, &written, at, (int)(*size - CLEAR_BYTES)) != 1 ||
	    EVP_CipherFinal_ex(way->cipher, tag, &written) != 1 ||
	    EVP_CIPHER_CTX_ctrl(way->cipher, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_BYTES, tag) != 1)
		return false;
	bytes_store_be32(tag + GCM_TAG_BYTES, index | ENCRYPTED_FLAG);
	*size += GCM_TAG_BYTES + INDEX_BYTES;
	return true;
}

static enum srtp_status gcm_open(const struct srtcp_way *way, uint8_t *packet, size_t *size,
				 uint32_t index)
{
	size_t plain = *size - INDEX_BYTES - GCM_TAG_BYTES;
	uint8_t *at = packet + CLEAR_BYTES;
	uint8_t *tag = packet + plain;
	int written;

	if (!gcm_begin(way, packet, index) ||
	    EVP_CipherUpdate(way->cipher, at, &written, at, (int)(plain - CLEAR_BYTES)) != 1 ||
	    EVP_CIPHER_CTX_ctrl(way->cipher, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_BYTES, tag) != 1)
		return SRTP_FAIL_ENGINE;
	if (EVP_CipherFinal_ex(way->cipher, packet + plain, &written) != 1)
		return SRTP_FAIL_AUTH;
	*size = plain;
	return SRTP_OK;
}

bool srtcp_seal(struct srtcp *s, uint8_t *packet, size_t *size, uint32_t index)
{
	assert(*size >= CLEAR_BYTES); // ours: built by us
	if (index > SRTCP_INDEX_MAX)
		return false;
	return s->aead ? gcm_seal(&s->send, packet, size, index)
		       : cm_seal(&s->send, packet, size, index);
}

static struct srtcp_source *source_find(struct srtcp *s, uint32_t ssrc)
{
	for (unsigned i = 0; i < s->source_count; i++)
		if (s->sources[i].ssrc == ssrc)
			return &s->sources[i];
	return NULL;
}

static void source_commit(struct srtcp *s, struct srtcp_source *source, uint32_t ssrc,
			  uint32_t index)
{
	if (source == NULL) {
		source = &s->sources[s->source_count++];
		*source = (struct srtcp_source){.ssrc = ssrc};
	}
	replay_commit(&source->replay, index);
}

// The word with E and index, or 0 if the packet is too short, no RTCP, or not encrypted (WebRTC
// never leaves SRTCP in the clear: RFC 8827 6.5).
static uint32_t trailer_read(const struct srtcp *s, const uint8_t *packet, size_t size)
{
	size_t tag_size = s->aead ? GCM_TAG_BYTES : HMAC_TAG_BYTES;

	if (size < CLEAR_BYTES + INDEX_BYTES + tag_size || packet[0] >> 6 != 2)
		return 0;
	uint32_t word = bytes_be32(packet + size - INDEX_BYTES - (s->aead ? 0 : HMAC_TAG_BYTES));
	return (word & ENCRYPTED_FLAG) != 0 ? word : 0;
}

enum srtp_status srtcp_open(struct srtcp *s, uint8_t *packet, size_t *size)
{
	uint32_t word = trailer_read(s, packet, *size);
	if (word == 0)
		return SRTP_FAIL_MALFORMED;
	uint32_t index = word & ~ENCRYPTED_FLAG;
	uint32_t ssrc = bytes_be32(packet + 4);
	struct srtcp_source *source = source_find(s, ssrc);

	if (source == NULL && s->source_count == SRTCP_SOURCES_MAX)
		return SRTP_FAIL_ENGINE;
	if (source != NULL && !replay_check(&source->replay, index))
		return SRTP_FAIL_REPLAY;
	enum srtp_status status = s->aead ? gcm_open(&s->receive, packet, size, index)
					  : cm_open(&s->receive, packet, size, index);
	if (status == SRTP_OK)
		source_commit(s, source, ssrc, index);
	return status;
}
