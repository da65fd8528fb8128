// SPDX-License-Identifier: Apache-2.0
//
// dataplane/srtp/self_test.c - which engine runs: by name or the fastest, and only if it gives the
// known answers.
//
// Place   main, at start. An engine that seals wrongly would be believed by nobody, or worse.
// Answers libsrtp's published packets for two suites. There is none for AES-256 under a master key,
//         so that one is sealed here twice: by the engine, and step by step with OpenSSL.
// Spec    RFC 3711 4.3, RFC 7714 8.
#include "dataplane/srtp/engine.h"

#include "dataplane/srtp/srtcp.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

enum {
	HEADER_BYTES = 12,
	PLAIN_BYTES = 28,
	SEALED_BYTES_MAX = PLAIN_BYTES + SRTP_TAG_BYTES_MAX,
	MASTER_BYTES_MAX = 44,
};
#define ANSWER_SSRC UINT32_C(0xcafebabe)
#define ANSWER_INDEX UINT64_C(0x1234)

struct answer {
	enum shm_suite suite;
	uint8_t master[MASTER_BYTES_MAX];
	uint16_t sealed_size;
	uint8_t sealed[SEALED_BYTES_MAX];
};

static const uint8_t plain[PLAIN_BYTES] = {
	0x80, 0x0f, 0x12, 0x34, 0xde, 0xca, 0xfb, 0xad, 0xca, 0xfe, 0xba, 0xbe, 0xab, 0xab,
	0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab};

static const struct answer published[] = {
	{
		.suite = SHM_SUITE_AES_CM_128_HMAC_SHA1_80,
		.master = {0xe1, 0xf9, 0x7a, 0x0d, 0x3e, 0x01, 0x8b, 0xe0, 0xd6, 0x4f,
			   0xa3, 0x2c, 0x06, 0xde, 0x41, 0x39, 0x0e, 0xc6, 0x75, 0xad,
			   0x49, 0x8a, 0xfe, 0xeb, 0xb6, 0x96, 0x0b, 0x3a, 0xab, 0xe6},
		.sealed_size = 38,
		.sealed = {0x80, 0x0f, 0x12, 0x34, 0xde, 0xca, 0xfb, 0xad, 0xca, 0xfe,
			   0xba, 0xbe, 0x4e, 0x55, 0xdc, 0x4c, 0xe7, 0x99, 0x78, 0xd8,
			   0x8c, 0xa4, 0xd2, 0x15, 0x94, 0x9d, 0x24, 0x02, 0xb7, 0x8d,
			   0x6a, 0xcc, 0x99, 0xea, 0x17, 0x9b, 0x8d, 0xbb},
	},
	{
		.suite = SHM_SUITE_AEAD_AES_128_GCM,
		.master = {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09,
			   0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0xa0, 0xa1, 0xa2, 0xa3,
			   0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab},
		.sealed_size = 44,
		.sealed = {0x80, 0x0f, 0x12, 0x34, 0xde, 0xca, 0xfb, 0xad, 0xca, 0xfe, 0xba,
			   0xbe, 0xc5, 0x00, 0x2e, 0xde, 0x04, 0xcf, 0xdd, 0x2e, 0xb9, 0x11,
			   0x59, 0xe0, 0x88, 0x0a, 0xa0, 0x6e, 0xd2, 0x97, 0x68, 0x26, 0xf7,
			   0x96, 0xb2, 0x01, 0xdf, 0x31, 0x31, 0xa1, 0x27, 0xe8, 0xa3, 0x92},
	},
};

// AEAD_AES_256_GCM of 'plain' with nothing of an engine in it.
static bool answer_256(struct answer *a)
{
	uint8_t key[32], iv[12];
	int written;

	*a = (struct answer){.suite = SHM_SUITE_AEAD_AES_256_GCM, .sealed_size = SEALED_BYTES_MAX};
	for (unsigned i = 0; i < sizeof(a->master); i++)
		a->master[i] = (uint8_t)i;
	memcpy(a->sealed, plain, HEADER_BYTES);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	bool ok = ctx != NULL && srtp_derive(a->master, 32, a->master + 32, 12, 0, key, 32) &&
		  srtp_derive(a->master, 32, a->master + 32, 12, 2, iv, 12);
	// RFC 7714 8.1: 16 zero bits, SSRC, rollover counter, sequence number; xor salt.
	static const uint8_t counter[12] = {0, 0, 0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 0, 0x12, 0x34};
	for (unsigned i = 0; ok && i < sizeof(iv); i++)
		iv[i] ^= counter[i];
	ok = ok && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, iv) == 1 &&
	     EVP_EncryptUpdate(ctx, NULL, &written, plain, HEADER_BYTES) == 1 &&
	     EVP_EncryptUpdate(ctx, a->sealed + HEADER_BYTES, &written, plain + HEADER_BYTES,
			       PLAIN_BYTES - HEADER_BYTES) == 1 &&
	     EVP_EncryptFinal_ex(ctx, a->sealed + PLAIN_BYTES, &written) == 1 &&
	     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, a->sealed + PLAIN_BYTES) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

static bool seals(const struct srtp_engine *e, struct srtp_lanes *lanes, struct srtp_stream *s,
		  const struct answer *a)
{
	uint8_t out[SEALED_BYTES_MAX];
	struct srtp_job job = {
		.stream = s,
		.packet = out,
		.payload = plain + HEADER_BYTES,
		.index = ANSWER_INDEX,
		.header_size = HEADER_BYTES,
		.size = PLAIN_BYTES,
	};

	memcpy(out, plain, HEADER_BYTES);
	e->seal(lanes, &job, 1);
	return job.status == SRTP_OK && job.out_size == a->sealed_size &&
	       memcmp(out, a->sealed, a->sealed_size) == 0;
}

// A forged packet first, the genuine one, and that one again.
static bool opens(const struct srtp_engine *e, struct srtp_lanes *lanes, struct srtp_stream *s,
		  const struct answer *a)
{
	static const uint8_t expected[] = {SRTP_FAIL_AUTH, SRTP_OK, SRTP_FAIL_REPLAY};
	uint8_t packets[3][SEALED_BYTES_MAX];
	struct srtp_job jobs[3];

	for (unsigned i = 0; i < 3; i++) {
		memcpy(packets[i], a->sealed, a->sealed_size);
		jobs[i] = (struct srtp_job){
			.stream = s,
			.packet = packets[i],
			.header_size = HEADER_BYTES,
			.size = a->sealed_size,
		};
	}
	packets[0][HEADER_BYTES] ^= 1;
	e->open(lanes, jobs, 3);
	for (unsigned i = 0; i < 3; i++)
		if (jobs[i].status != expected[i])
			return false;
	return jobs[1].out_size == PLAIN_BYTES && jobs[1].index == ANSWER_INDEX &&
	       memcmp(packets[1], plain, PLAIN_BYTES) == 0;
}

static bool answers(const struct srtp_engine *e, struct srtp_lanes *lanes, const struct answer *a)
{
	struct srtp_stream *tx = e->stream_new(a->suite, SRTP_SEND, a->master, ANSWER_SSRC, 0);
	struct srtp_stream *rx = e->stream_new(a->suite, SRTP_RECEIVE, a->master, ANSWER_SSRC, 0);
	bool ok = tx != NULL && rx != NULL && seals(e, lanes, tx, a) && opens(e, lanes, rx, a);

	e->stream_free(tx);
	e->stream_free(rx);
	return ok;
}

bool srtp_engine_self_test(const struct srtp_engine *e)
{
	struct srtp_lanes *lanes = e->lanes_new();
	struct answer a;
	bool ok = lanes != NULL && answer_256(&a) && answers(e, lanes, &a) &&
		  srtcp_self_test(e->srtcp, lanes);

	for (unsigned i = 0; ok && i < sizeof(published) / sizeof(published[0]); i++)
		ok = answers(e, lanes, &published[i]);
	e->lanes_free(lanes);
	return ok;
}

static bool start(const struct srtp_engine *e, char *why, size_t why_size)
{
	if (!e->start())
		snprintf(why, why_size,
			 "srtp_engine = \"%s\" does not run on this CPU: use auto or libsrtp2",
			 e->name);
	else if (!srtp_engine_self_test(e))
		snprintf(why, why_size,
			 "srtp_engine = \"%s\" gives wrong answers in its self-test and is not "
			 "used: use libsrtp2, and report the CPU",
			 e->name);
	else
		return true;
	return false;
}

const struct srtp_engine *srtp_engine_start(const char *name, char *why, size_t why_size)
{
	static const struct srtp_engine *const engines[] = {&srtp_engine_ipsec_mb,
							    &srtp_engine_libsrtp2};
	bool any = strcmp(name, "auto") == 0;

	snprintf(why, why_size,
		 "srtp_engine = \"%s\" is wrong: it wants auto, ipsec-mb or libsrtp2", name);
	for (unsigned i = 0; i < sizeof(engines) / sizeof(engines[0]); i++)
		if ((any || strcmp(name, engines[i]->name) == 0) &&
		    start(engines[i], why, why_size))
			return engines[i];
	return NULL;
}
