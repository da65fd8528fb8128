// SPDX-License-Identifier: Apache-2.0
//
// bench/bare.c - calls of libipsec-mb and OpenSSL with nothing around them.
#include "bench/bare.h"

#include "dataplane/srtp/engine.h"
#include "dataplane/srtp/ipsec_mb.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DESTINATIONS = 64, DESTINATION_BYTES = 2048, TAG_BYTES = 16 };

struct bare {
	enum shm_suite suite;
	uint32_t keys;
	uint32_t bytes;
	uint32_t aad;
	uint32_t next_key;
	uint32_t next_destination;
	uint64_t counter; // in every IV
	struct srtp_stream **streams; // hold the expanded keys
	EVP_CIPHER_CTX **ciphers;
	EVP_MAC_CTX **macs;
	struct srtp_lanes *lanes;
	uint8_t (*destinations)[DESTINATION_BYTES];
	uint8_t *source;
	uint8_t ivs[DESTINATIONS][16];
};

static void *zeroed(size_t bytes)
{
	size_t whole = (bytes + 63) & ~(size_t)63;
	void *p = aligned_alloc(64, whole);

	if (p == NULL) {
		fprintf(stderr, "no memory for %zu bytes\n", bytes);
		exit(1);
	}
	memset(p, 0, whole);
	return p;
}

static EVP_CIPHER_CTX *cipher_new(enum shm_suite suite, const uint8_t *key)
{
	const EVP_CIPHER *c = suite == SHM_SUITE_AEAD_AES_128_GCM   ? EVP_aes_128_gcm()
			      : suite == SHM_SUITE_AEAD_AES_256_GCM ? EVP_aes_256_gcm()
								    : EVP_aes_128_ctr();
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	if (EVP_EncryptInit_ex(ctx, c, NULL, key, NULL) != 1)
		exit(1);
	return ctx;
}

static EVP_MAC_CTX *mac_new(const uint8_t *key)
{
	static char digest[] = "SHA1";
	const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0),
				     OSSL_PARAM_construct_end()};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);

	EVP_MAC_free(mac);
	if (EVP_MAC_init(ctx, key, 20, params) != 1)
		exit(1);
	return ctx;
}

struct bare *bare_new(enum shm_suite suite, uint32_t keys, uint32_t bytes, uint32_t aad)
{
	struct bare *b = zeroed(sizeof(*b));

	*b = (struct bare){.suite = suite, .keys = keys, .bytes = bytes, .aad = aad};
	b->streams = zeroed(keys * sizeof(b->streams[0]));
	b->ciphers = zeroed(keys * sizeof(b->ciphers[0]));
	b->macs = zeroed(keys * sizeof(b->macs[0]));
	b->lanes = srtp_engine_ipsec_mb.lanes_new();
	b->destinations = zeroed(DESTINATIONS * sizeof(b->destinations[0]));
	b->source = zeroed(DESTINATION_BYTES);
	for (uint32_t i = 0; i < keys; i++) {
		uint8_t master[SHM_MASTER_BYTES_MAX];
		for (unsigned k = 0; k < sizeof(master); k++)
			master[k] = (uint8_t)(i * 31 + k * 7);
		b->streams[i] = srtp_engine_ipsec_mb.stream_new(suite, SRTP_SEND, master, i + 1, 0);
		b->ciphers[i] = cipher_new(suite, master);
		b->macs[i] = mac_new(master);
		if (b->streams[i] == NULL)
			exit(1);
	}
	return b;
}

void bare_free(struct bare *b)
{
	for (uint32_t i = 0; i < b->keys; i++) {
		srtp_engine_ipsec_mb.stream_free(b->streams[i]);
		EVP_CIPHER_CTX_free(b->ciphers[i]);
		EVP_MAC_CTX_free(b->macs[i]);
	}
	srtp_engine_ipsec_mb.lanes_free(b->lanes);
	free(b->streams);
	free(b->ciphers);
	free(b->macs);
	free(b->destinations);
	free(b->source);
	free(b);
}

static uint8_t *iv_next(struct bare *b)
{
	uint8_t *iv = b->ivs[b->next_destination];

	b->counter++;
	memcpy(iv + 4, &b->counter, sizeof(b->counter));
	return iv;
}

static void gcm(struct bare *b, const struct srtp_stream *s, uint8_t *packet,
		const uint8_t *payload)
{
	IMB_MGR *m = b->lanes->mgr;
	aes_gcm_enc_dec_t seal =
		b->suite == SHM_SUITE_AEAD_AES_128_GCM ? m->gcm128_enc : m->gcm256_enc;

	seal(&s->keys.gcm, &b->lanes->gcm, packet + b->aad, payload, b->bytes, iv_next(b), packet,
	     b->aad, packet + b->aad + b->bytes, TAG_BYTES);
}

static void cm(struct bare *b, const struct srtp_stream *s, uint8_t *packet, const uint8_t *payload)
{
	IMB_JOB *j = IMB_GET_NEXT_JOB(b->lanes->mgr);

	j->enc_keys = j->dec_keys = s->keys.cm.expanded;
	j->key_len_in_bytes = 16;
	j->src = payload;
	j->dst = packet + b->aad;
	j->cipher_start_src_offset_in_bytes = 0;
	j->msg_len_to_cipher_in_bytes = b->bytes;
	j->hash_start_src_offset_in_bytes = (uintptr_t)packet - (uintptr_t)payload;
	j->msg_len_to_hash_in_bytes = b->aad + b->bytes + 4;
	j->iv = iv_next(b);
	j->iv_len_in_bytes = 16;
	j->auth_tag_output = packet + b->aad + b->bytes;
	j->auth_tag_output_len_in_bytes = CM_HMAC_OUT_BYTES;
	j->u.HMAC._hashed_auth_key_xor_ipad = s->keys.cm.inner;
	j->u.HMAC._hashed_auth_key_xor_opad = s->keys.cm.outer;
	j->cipher_mode = IMB_CIPHER_CNTR;
	j->cipher_direction = IMB_DIR_ENCRYPT;
	j->hash_alg = IMB_AUTH_HMAC_SHA_1;
	j->chain_order = IMB_ORDER_CIPHER_HASH;
	(void)IMB_SUBMIT_JOB_NOCHECK(b->lanes->mgr);
}

static void evp(struct bare *b, uint32_t key, uint8_t *packet)
{
	EVP_CIPHER_CTX *c = b->ciphers[key];
	uint8_t *out = packet + b->aad;
	uint8_t tag[20];
	size_t tag_size;
	int n;

	EVP_EncryptInit_ex(c, NULL, NULL, NULL, iv_next(b));
	if (b->suite != SHM_SUITE_AES_CM_128_HMAC_SHA1_80) {
		EVP_EncryptUpdate(c, NULL, &n, packet, (int)b->aad);
		EVP_EncryptUpdate(c, out, &n, b->source, (int)b->bytes);
		EVP_EncryptFinal_ex(c, out + b->bytes, &n);
		EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, out + b->bytes);
		return;
	}
	EVP_EncryptUpdate(c, out, &n, b->source, (int)b->bytes);
	EVP_MAC_init(b->macs[key], NULL, 0, NULL);
	EVP_MAC_update(b->macs[key], packet, b->aad + b->bytes + 4);
	EVP_MAC_final(b->macs[key], tag, &tag_size, sizeof(tag));
	memcpy(out + b->bytes, tag, 10);
}

void bare_seal(struct bare *b, enum bare_way way, unsigned packets)
{
	for (unsigned i = 0; i < packets; i++) {
		uint32_t key = b->next_key;
		uint8_t *packet = b->destinations[b->next_destination];
		const uint8_t *payload = way == BARE_IN_PLACE ? packet + b->aad : b->source;

		if (way == BARE_EVP)
			evp(b, key, packet);
		else if (b->suite == SHM_SUITE_AES_CM_128_HMAC_SHA1_80)
			cm(b, b->streams[key], packet, payload);
		else
			gcm(b, b->streams[key], packet, payload);
		b->next_key = key + 1 == b->keys ? 0 : key + 1;
		b->next_destination = (b->next_destination + 1) % DESTINATIONS;
	}
	while (IMB_FLUSH_JOB(b->lanes->mgr) != NULL)
		continue;
}
