// SPDX-License-Identifier: Apache-2.0
// controlplane/dtls/srtp_keys.c - SRTP master keys out of exported material, see srtp_keys.h.
//
// Place    dtls/session.c -> session/.
// Thread   pure functions.
// Owns     nothing.
// Spec     RFC 5764 4.2; RFC 7714 14.2.
#include "controlplane/dtls/srtp_keys.h"

#include <errno.h>
#include <string.h>

int dtls_srtp_suite_sizes(uint16_t suite, uint8_t *key_size, uint8_t *salt_size)
{
	switch (suite) {
	case DTLS_SRTP_AES128_CM_HMAC_SHA1_80:
		*key_size = 16;
		*salt_size = 14;
		return 0;
	case DTLS_SRTP_AEAD_AES_128_GCM:
		*key_size = 16;
		*salt_size = 12;
		return 0;
	case DTLS_SRTP_AEAD_AES_256_GCM:
		*key_size = 32;
		*salt_size = 12;
		return 0;
	default:
		return -ENOTSUP;
	}
}

const char *dtls_srtp_suite_name(uint16_t suite)
{
	switch (suite) {
	case DTLS_SRTP_AES128_CM_HMAC_SHA1_80:
		return "AES_CM_128_HMAC_SHA1_80";
	case DTLS_SRTP_AEAD_AES_128_GCM:
		return "AEAD_AES_128_GCM";
	case DTLS_SRTP_AEAD_AES_256_GCM:
		return "AEAD_AES_256_GCM";
	default:
		return "unknown";
	}
}

int dtls_srtp_keys_split(uint16_t suite, int we_are_client, const uint8_t *material, size_t size,
			 struct dtls_srtp_keys *out)
{
	struct dtls_srtp_master *client = we_are_client ? &out->local : &out->remote;
	struct dtls_srtp_master *server = we_are_client ? &out->remote : &out->local;
	uint8_t key, salt;

	if (dtls_srtp_suite_sizes(suite, &key, &salt) != 0)
		return -ENOTSUP;
	if (size != 2u * (key + salt))
		return -EINVAL;
	memset(out, 0, sizeof(*out));
	out->suite = (enum dtls_srtp_suite)suite;
	client->key_size = server->key_size = key;
	client->salt_size = server->salt_size = salt;
	memcpy(client->key, material, key);
	memcpy(server->key, material + key, key);
	memcpy(client->salt, material + 2 * key, salt);
	memcpy(server->salt, material + 2 * key + salt, salt);
	return 0;
}

void dtls_srtp_keys_wipe(struct dtls_srtp_keys *keys)
{
	explicit_bzero(keys, sizeof(*keys));
}
