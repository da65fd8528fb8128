// SPDX-License-Identifier: Apache-2.0
//
// dataplane/srtp/srtcp_self_test.c - whether a cipher seals and opens SRTCP as published.
//
// Place   of self_test.c, at start.
// Answers libsrtp's published packets for two suites, index 1. There is none for AES-256 under a
//         master key: there the cipher has to agree with OpenSSL's, which srtcp_test.c holds
//         against RFC 7714 17.
#include "dataplane/srtp/srtcp.h"
#include "dataplane/srtp/srtcp_cipher.h"

#include <string.h>

enum {
	PLAIN_BYTES = 24,
	SEALED_BYTES_MAX = PLAIN_BYTES + SRTCP_OVERHEAD_BYTES_MAX,
	MASTER_BYTES_MAX = 44,
	ANSWER_INDEX = 1,
};

struct answer {
	enum shm_suite suite;
	uint8_t master[MASTER_BYTES_MAX];
	uint8_t sealed_size;
	uint8_t sealed[SEALED_BYTES_MAX];
};

static const uint8_t plain[PLAIN_BYTES] = {
	0x81, 0xc8, 0x00, 0x0b, 0xca, 0xfe, 0xba, 0xbe, 0xab, 0xab, 0xab, 0xab,
	0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab,
};

static const struct answer published[] = {
	{
		.suite = SHM_SUITE_AES_CM_128_HMAC_SHA1_80,
		.master =
			{
				0xe1, 0xf9, 0x7a, 0x0d, 0x3e, 0x01, 0x8b, 0xe0, 0xd6, 0x4f,
				0xa3, 0x2c, 0x06, 0xde, 0x41, 0x39, 0x0e, 0xc6, 0x75, 0xad,
				0x49, 0x8a, 0xfe, 0xeb, 0xb6, 0x96, 0x0b, 0x3a, 0xab, 0xe6,
			},
		.sealed_size = 38,
		.sealed =
			{
				0x81, 0xc8, 0x00, 0x0b, 0xca, 0xfe, 0xba, 0xbe, 0x71, 0x28,
				0x03, 0x5b, 0xe4, 0x87, 0xb9, 0xbd, 0xbe, 0xf8, 0x90, 0x41,
				0xf9, 0x77, 0xa5, 0xa8, 0x80, 0x00, 0x00, 0x01, 0x99, 0x3e,
				0x08, 0xcd, 0x54, 0xd6, 0xc1, 0x23, 0x07, 0x98,
			},
	},
	{
		.suite = SHM_SUITE_AEAD_AES_128_GCM,
		.master =
			{
				0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09,
				0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0xa0, 0xa1, 0xa2, 0xa3,
				0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab,
			},
		.sealed_size = 44,
		.sealed =
			{
				0x81, 0xc8, 0x00, 0x0b, 0xca, 0xfe, 0xba, 0xbe, 0xc9, 0x8b, 0x8b,
				0x5d, 0xf0, 0x39, 0x2a, 0x55, 0x85, 0x2b, 0x6c, 0x21, 0xac, 0x8e,
				0x70, 0x25, 0xc5, 0x2c, 0x6f, 0xbe, 0xa2, 0xb3, 0xb4, 0x46, 0xea,
				0x31, 0x12, 0x3b, 0xa8, 0x8c, 0xe6, 0x1e, 0x80, 0x00, 0x00, 0x01,
			},
	},
};

static bool seals(struct srtcp *s, struct srtp_lanes *lanes, const struct answer *a)
{
	uint8_t packet[SEALED_BYTES_MAX];
	size_t size = PLAIN_BYTES;

	memcpy(packet, plain, PLAIN_BYTES);
	return srtcp_seal(s, lanes, packet, &size, ANSWER_INDEX) && size == a->sealed_size &&
	       memcmp(packet, a->sealed, size) == 0;
}

static enum srtp_status open_copy(struct srtcp *s, struct srtp_lanes *lanes, const struct answer *a,
				  uint8_t flip, uint8_t packet[SEALED_BYTES_MAX])
{
	size_t size = a->sealed_size;

	memcpy(packet, a->sealed, size);
	packet[PLAIN_BYTES - 1] ^= flip;
	return srtcp_open(s, lanes, packet, &size);
}

// A forged packet first, the genuine one, and that one again.
static bool opens(struct srtcp *s, struct srtp_lanes *lanes, const struct answer *a)
{
	uint8_t packet[SEALED_BYTES_MAX];

	return open_copy(s, lanes, a, 1, packet) == SRTP_FAIL_AUTH &&
	       open_copy(s, lanes, a, 0, packet) == SRTP_OK &&
	       memcmp(packet, plain, PLAIN_BYTES) == 0 &&
	       open_copy(s, lanes, a, 0, packet) == SRTP_FAIL_REPLAY;
}

static bool answers(const struct srtcp_cipher *cipher, struct srtp_lanes *lanes,
		    const struct answer *a)
{
	struct srtcp *s = srtcp_new(cipher, a->suite, a->master, a->master);
	bool ok = s != NULL && seals(s, lanes, a) && opens(s, lanes, a);

	srtcp_free(s);
	return ok;
}

static bool answer_256(struct answer *a)
{
	size_t size = PLAIN_BYTES;

	*a = (struct answer){.suite = SHM_SUITE_AEAD_AES_256_GCM};
	for (unsigned i = 0; i < sizeof(a->master); i++)
		a->master[i] = (uint8_t)i;
	memcpy(a->sealed, plain, PLAIN_BYTES);
	struct srtcp *s = srtcp_new(&srtcp_evp, a->suite, a->master, a->master);
	bool ok = s != NULL && srtcp_seal(s, NULL, a->sealed, &size, ANSWER_INDEX);
	a->sealed_size = (uint8_t)size;
	srtcp_free(s);
	return ok;
}

bool srtcp_self_test(const struct srtcp_cipher *cipher, struct srtp_lanes *lanes)
{
	struct answer a;

	for (unsigned i = 0; i < sizeof(published) / sizeof(published[0]); i++)
		if (!answers(cipher, lanes, &published[i]))
			return false;
	return answer_256(&a) && answers(cipher, lanes, &a);
}
