// SPDX-License-Identifier: Apache-2.0
//
// dataplane/srtp/srtcp_ipsec_mb.c - SRTCP of the ipsec-mb engine: keys expanded once, nothing
// allocated per packet.
//
// Note    RTCP comes one compound at a time, so AES-CM fills one lane and waits for it. Between two
//         bursts of RTP the lanes are empty.
#include "dataplane/srtp/ipsec_mb.h"
#include "dataplane/srtp/srtcp.h"
#include "dataplane/srtp/srtcp_cipher.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdlib.h>

static_assert(SRTCP_INDEX_BYTES + (int)CM_HMAC_OUT_BYTES <= (int)SRTCP_OVERHEAD_BYTES_MAX,
	      "the tag's last bytes fit, too");

struct srtcp_way {
	union ipsec_mb_keys keys;
	uint8_t salt[SRTCP_SALT_BYTES_MAX];
	uint8_t suite; // enum shm_suite
};

static void way_free(struct srtcp_way *way)
{
	if (way == NULL)
		return;
	OPENSSL_cleanse(way, sizeof(*way));
	free(way);
}

static struct srtcp_way *way_new(enum shm_suite suite, const struct srtcp_keys *keys,
				 enum srtp_direction direction)
{
	struct srtcp_way *way = aligned_alloc(alignof(struct srtcp_way), sizeof(*way));

	(void)direction; // both use the cipher forwards
	if (way == NULL)
		return NULL;
	memset(way, 0, sizeof(*way));
	way->suite = (uint8_t)suite;
	memcpy(way->salt, keys->salt, sizeof(way->salt));
	if (ipsec_mb_keys_expand(suite, keys->key, keys->auth, &way->keys))
		return way;
	way_free(way);
	return NULL;
}

static size_t way_bytes(enum shm_suite suite)
{
	(void)suite;
	return sizeof(struct srtcp_way);
}

// One job and the wait for it: 'size' bytes hashed, those behind the clear header and before
// 'plain' en- or decrypted.
static bool cm_job(const struct srtcp_way *way, struct srtp_lanes *lanes, uint8_t *packet,
		   size_t plain, uint32_t index, bool seals, uint8_t tag[CM_HMAC_OUT_BYTES])
{
	alignas(16) uint8_t iv[SRTCP_IV_BYTES];

	assert(lanes->cm_count == 0);
	srtcp_iv_cm(way->salt, packet, index, iv);
	IMB_JOB *j = IMB_GET_NEXT_JOB(lanes->mgr);
	ipsec_mb_cm_job(j, &way->keys.cm, iv);
	j->src = packet;
	j->dst = packet + SRTCP_CLEAR_BYTES;
	j->cipher_start_src_offset_in_bytes = SRTCP_CLEAR_BYTES;
	j->msg_len_to_cipher_in_bytes = plain - SRTCP_CLEAR_BYTES;
	j->hash_start_src_offset_in_bytes = 0;
	j->msg_len_to_hash_in_bytes = plain + SRTCP_INDEX_BYTES;
	j->auth_tag_output = tag;
	j->cipher_mode = plain > SRTCP_CLEAR_BYTES ? IMB_CIPHER_CNTR : IMB_CIPHER_NULL;
	j->cipher_direction = seals ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
	j->chain_order = seals ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
	IMB_JOB *done = IMB_SUBMIT_JOB_NOCHECK(lanes->mgr);
	if (done == NULL)
		done = IMB_FLUSH_JOB(lanes->mgr);
	return done != NULL && done->status == IMB_STATUS_COMPLETED;
}

static bool cm_seal(const struct srtcp_way *way, struct srtp_lanes *lanes, uint8_t *packet,
		    size_t *size, uint32_t index)
{
	uint8_t *trailer = packet + *size;

	bytes_store_be32(trailer, index | SRTCP_ENCRYPTED_FLAG);
	if (!cm_job(way, lanes, packet, *size, index, true, trailer + SRTCP_INDEX_BYTES))
		return false;
	*size += SRTCP_INDEX_BYTES + SRTCP_HMAC_TAG_BYTES;
	return true;
}

static enum srtp_status cm_open(const struct srtcp_way *way, struct srtp_lanes *lanes,
				uint8_t *packet, size_t *size, uint32_t index)
{
	size_t plain = *size - SRTCP_INDEX_BYTES - SRTCP_HMAC_TAG_BYTES;
	const uint8_t *received = packet + plain + SRTCP_INDEX_BYTES;
	uint8_t tag[CM_HMAC_OUT_BYTES];

	if (!cm_job(way, lanes, packet, plain, index, false, tag))
		return SRTP_FAIL_ENGINE;
	if (CRYPTO_memcmp(tag, received, SRTCP_HMAC_TAG_BYTES) != 0)
		return SRTP_FAIL_AUTH;
	*size = plain;
	return SRTP_OK;
}

// The associated data: the clear header, then the word with E and index.
static void gcm_aad(const uint8_t *packet, uint32_t index,
		    uint8_t aad[SRTCP_CLEAR_BYTES + SRTCP_INDEX_BYTES])
{
	memcpy(aad, packet, SRTCP_CLEAR_BYTES);
	bytes_store_be32(aad + SRTCP_CLEAR_BYTES, index | SRTCP_ENCRYPTED_FLAG);
}

static bool gcm_seal(const struct srtcp_way *way, struct srtp_lanes *lanes, uint8_t *packet,
		     size_t *size, uint32_t index)
{
	const IMB_MGR *m = lanes->mgr;
	aes_gcm_enc_dec_t encrypt =
		way->suite == SHM_SUITE_AEAD_AES_128_GCM ? m->gcm128_enc : m->gcm256_enc;
	uint8_t aad[SRTCP_CLEAR_BYTES + SRTCP_INDEX_BYTES];
	uint8_t *at = packet + SRTCP_CLEAR_BYTES;
	uint8_t *tag = packet + *size;
	uint8_t iv[SRTCP_GCM_IV_BYTES];

	srtcp_iv_gcm(way->salt, packet, index, iv);
	gcm_aad(packet, index, aad);
	encrypt(&way->keys.gcm, &lanes->gcm, at, at, *size - SRTCP_CLEAR_BYTES, iv, aad,
		sizeof(aad), tag, SRTCP_GCM_TAG_BYTES);
	bytes_store_be32(tag + SRTCP_GCM_TAG_BYTES, index | SRTCP_ENCRYPTED_FLAG);
	*size += SRTCP_GCM_TAG_BYTES + SRTCP_INDEX_BYTES;
	return true;
}

static enum srtp_status gcm_open(const struct srtcp_way *way, struct srtp_lanes *lanes,
				 uint8_t *packet, size_t *size, uint32_t index)
{
	const IMB_MGR *m = lanes->mgr;
	aes_gcm_enc_dec_t decrypt =
		way->suite == SHM_SUITE_AEAD_AES_128_GCM ? m->gcm128_dec : m->gcm256_dec;
	size_t plain = *size - SRTCP_INDEX_BYTES - SRTCP_GCM_TAG_BYTES;
	uint8_t aad[SRTCP_CLEAR_BYTES + SRTCP_INDEX_BYTES];
	uint8_t *at = packet + SRTCP_CLEAR_BYTES;
	uint8_t iv[SRTCP_GCM_IV_BYTES];
	uint8_t tag[SRTCP_GCM_TAG_BYTES];

	srtcp_iv_gcm(way->salt, packet, index, iv);
	gcm_aad(packet, index, aad);
	decrypt(&way->keys.gcm, &lanes->gcm, at, at, plain - SRTCP_CLEAR_BYTES, iv, aad,
		sizeof(aad), tag, sizeof(tag));
	if (CRYPTO_memcmp(tag, packet + plain, sizeof(tag)) != 0)
		return SRTP_FAIL_AUTH;
	*size = plain;
	return SRTP_OK;
}

static bool is_cm(const struct srtcp_way *way)
{
	return way->suite == SHM_SUITE_AES_CM_128_HMAC_SHA1_80;
}

static bool seal(struct srtcp_way *way, struct srtp_lanes *lanes, uint8_t *packet, size_t *size,
		 uint32_t index)
{
	return is_cm(way) ? cm_seal(way, lanes, packet, size, index)
			  : gcm_seal(way, lanes, packet, size, index);
}

static enum srtp_status open_way(struct srtcp_way *way, struct srtp_lanes *lanes, uint8_t *packet,
				 size_t *size, uint32_t index)
{
	return is_cm(way) ? cm_open(way, lanes, packet, size, index)
			  : gcm_open(way, lanes, packet, size, index);
}

const struct srtcp_cipher srtcp_ipsec_mb = {
	.way_new = way_new,
	.way_free = way_free,
	.way_bytes = way_bytes,
	.seal = seal,
	.open = open_way,
};
