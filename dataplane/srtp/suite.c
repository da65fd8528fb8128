// SPDX-License-Identifier: Apache-2.0
//
// dataplane/srtp/suite.c - what the SRTP protection profiles need: sizes of key, salt and tag,
// names.
//
// Place   below both engines, SRTCP and the checks of records.
// Spec    RFC 5764 4.1.2 (AES_CM_128_HMAC_SHA1_80), RFC 7714 14.2 (AEAD_AES_*_GCM).
#include "dataplane/srtp/engine.h"

#include <assert.h>

struct suite {
	enum shm_suite suite;
	size_t key_bytes;
	size_t salt_bytes;
	size_t tag_bytes;
	const char *name;
};

static const struct suite suites[] = {
	{SHM_SUITE_AES_CM_128_HMAC_SHA1_80, 16, 14, 10, "AES_CM_128_HMAC_SHA1_80"},
	{SHM_SUITE_AEAD_AES_128_GCM, 16, 12, 16, "AEAD_AES_128_GCM"},
	{SHM_SUITE_AEAD_AES_256_GCM, 32, 12, 16, "AEAD_AES_256_GCM"},
};
static_assert(32 + 14 <= SHM_MASTER_BYTES_MAX, "the largest key and salt fit a record");

static const struct suite *suite_find(enum shm_suite suite)
{
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		if (suites[i].suite == suite)
			return &suites[i];
	return NULL;
}

size_t srtp_suite_key_bytes(enum shm_suite suite)
{
	const struct suite *s = suite_find(suite);
	return s != NULL ? s->key_bytes : 0;
}

size_t srtp_suite_salt_bytes(enum shm_suite suite)
{
	const struct suite *s = suite_find(suite);
	return s != NULL ? s->salt_bytes : 0;
}

size_t srtp_suite_tag_bytes(enum shm_suite suite)
{
	const struct suite *s = suite_find(suite);
	return s != NULL ? s->tag_bytes : 0;
}

const char *srtp_suite_name(enum shm_suite suite)
{
	const struct suite *s = suite_find(suite);
	return s != NULL ? s->name : "none";
}
