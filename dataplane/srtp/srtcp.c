// SPDX-License-Identifier: Apache-2.0
//
// dataplane/srtp/srtcp.c - SRTCP of a transport: keys, replay windows, and the order of trust. The
// bytes are the engine's cipher's.
//
// Place   ingress/rtcp -> [open] -> forward_rtcp(); egress/rtcp_out -> [seal] -> wire.
// Order   of opening: malformed, replay check, authentication; only then a window moves or a source
//         is remembered. A forged packet changes nothing.
// Spec    RFC 3711 3.4, 4.3; RFC 7714 9.
#include "dataplane/srtp/srtcp.h"

#include "dataplane/core/limits.h"
#include "dataplane/srtp/srtcp_cipher.h"
#include "proto/rtc/replay.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdlib.h>

// RFC 3711 4.3.2.
enum { LABEL_SRTCP_KEY = 3, LABEL_SRTCP_AUTH = 4, LABEL_SRTCP_SALT = 5 };

struct srtcp_source {
	uint32_t ssrc;
	struct replay replay;
};

struct srtcp {
	const struct srtcp_cipher *cipher;
	bool aead;
	struct srtcp_way *receive;
	struct srtcp_way *send;
	struct srtcp_source sources[SRTCP_SOURCES_MAX];
	unsigned source_count;
};

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

static struct srtcp_way *way_new(const struct srtcp_cipher *cipher, enum shm_suite suite,
				 const uint8_t *master, enum srtp_direction direction)
{
	struct srtcp_keys keys = {0};
	struct srtcp_way *way =
		keys_derive(&keys, suite, master) ? cipher->way_new(suite, &keys, direction) : NULL;

	OPENSSL_cleanse(&keys, sizeof(keys));
	return way;
}

struct srtcp *srtcp_new(const struct srtcp_cipher *cipher, enum shm_suite suite,
			const uint8_t *receive_master, const uint8_t *send_master)
{
	if (srtp_suite_key_bytes(suite) == 0)
		return NULL;
	struct srtcp *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	s->cipher = cipher;
	s->aead = suite != SHM_SUITE_AES_CM_128_HMAC_SHA1_80;
	s->receive = way_new(cipher, suite, receive_master, SRTP_RECEIVE);
	s->send = way_new(cipher, suite, send_master, SRTP_SEND);
	if (s->receive != NULL && s->send != NULL)
		return s;
	srtcp_free(s);
	return NULL;
}

void srtcp_free(struct srtcp *s)
{
	if (s == NULL)
		return;
	s->cipher->way_free(s->receive);
	s->cipher->way_free(s->send);
	OPENSSL_cleanse(s, sizeof(*s));
	free(s);
}

size_t srtcp_bytes(const struct srtcp_cipher *cipher, enum shm_suite suite)
{
	return sizeof(struct srtcp) + 2 * cipher->way_bytes(suite);
}

bool srtcp_seal(struct srtcp *s, struct srtp_lanes *lanes, uint8_t *packet, size_t *size,
		uint32_t index)
{
	assert(*size >= SRTCP_CLEAR_BYTES); // ours: built by us
	return index <= SRTCP_INDEX_MAX && s->cipher->seal(s->send, lanes, packet, size, index);
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
	size_t tag_size = s->aead ? SRTCP_GCM_TAG_BYTES : SRTCP_HMAC_TAG_BYTES;

	if (size < SRTCP_CLEAR_BYTES + SRTCP_INDEX_BYTES + tag_size || packet[0] >> 6 != 2)
		return 0;
	uint32_t word = bytes_be32(packet + size - SRTCP_INDEX_BYTES - (s->aead ? 0 : tag_size));
	return (word & SRTCP_ENCRYPTED_FLAG) != 0 ? word : 0;
}

enum srtp_status srtcp_open(struct srtcp *s, struct srtp_lanes *lanes, uint8_t *packet,
			    size_t *size)
{
	uint32_t word = trailer_read(s, packet, *size);
	if (word == 0)
		return SRTP_FAIL_MALFORMED;
	uint32_t index = word & ~SRTCP_ENCRYPTED_FLAG;
	uint32_t ssrc = bytes_be32(packet + 4);
	struct srtcp_source *source = source_find(s, ssrc);

	if (source == NULL && s->source_count == SRTCP_SOURCES_MAX)
		return SRTP_FAIL_ENGINE;
	if (source != NULL && !replay_check(&source->replay, index))
		return SRTP_FAIL_REPLAY;
	enum srtp_status status = s->cipher->open(s->receive, lanes, packet, size, index);
	if (status == SRTP_OK)
		source_commit(s, source, ssrc, index);
	return status;
}
