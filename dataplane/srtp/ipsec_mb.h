// SPDX-License-Identifier: Apache-2.0
//
// dataplane/srtp/ipsec_mb.h - streams and lanes of the ipsec-mb engine. Inside srtp/ only; benches
// and tests choose an instruction set here.
//
// Files    ipsec_mb.c (life of streams and lanes), ipsec_mb_gcm.c, ipsec_mb_cm.c (sealing,
// opening). Spec     RFC 3711 4.1.1 and RFC 7714 8.1: both IVs are salt xor SSRC xor index, so what
// does not
//          change is kept folded together.
#pragma once

#include "dataplane/srtp/engine.h"
#include "dataplane/srtp/indices.h"
#include "proto/rtc/replay.h"

#include <assert.h>
#include <emmintrin.h>
#include <intel-ipsec-mb.h>
#include <stdalign.h>

enum {
	CM_TAG_BYTES = 10,
	CM_ROC_BYTES = 4, // hashed behind the packet, never sent
	CM_HMAC_OUT_BYTES = 12, // the shortest HMAC-SHA1 the library writes
	GCM_TAG_BYTES = 16,
	SHA1_BYTES = 20,
	LANES_JOBS_MAX = 64, // jobs of one suite under way at once
	KEY_ALIGN = 64,
};

struct cm_keys {
	alignas(16) uint8_t expanded[16 * 11];
	uint8_t inner[SHA1_BYTES]; // SHA-1 state behind the key xor ipad, and xor opad
	alignas(4) uint8_t outer[SHA1_BYTES];
};

union ipsec_mb_keys {
	alignas(KEY_ALIGN) struct gcm_key_data gcm;
	struct cm_keys cm;
};

// One cache line that sealing reads and writes, then the expanded keys. A send stream ends there.
struct srtp_stream {
	alignas(KEY_ALIGN) uint8_t iv[16]; // salt xor SSRC
	struct srtp_indices indices;
	uint32_t ssrc;
	uint16_t bytes; // of this stream
	uint8_t suite; // enum shm_suite
	uint8_t direction; // enum srtp_direction
	struct replay *replay; // behind the keys; NULL when sending
	aes_gcm_enc_dec_t gcm_seal; // the library's for this key; NULL: AES-CM, or receives
	union ipsec_mb_keys keys;
};
static_assert(offsetof(struct srtp_stream, keys) == KEY_ALIGN, "one line");

struct srtp_lanes {
	alignas(KEY_ALIGN) IMB_MGR *mgr; // and with it the size, as aligned_alloc() wants
	unsigned cm_count; // AES-CM jobs under way
	struct srtp_job *cm_jobs[LANES_JOBS_MAX];
	struct cm_scratch {
		alignas(16) uint8_t iv[16];
		uint8_t computed[CM_HMAC_OUT_BYTES]; // opening: the tag by our key
		uint8_t received[CM_TAG_BYTES]; // opening: the tag that came
	} cm_scratch[LANES_JOBS_MAX];
	struct gcm_context_data gcm;
	alignas(16) uint8_t gcm_iv[16]; // of the packet under way; the last four bytes are not used
};

// An instruction set below the CPU's best: "sse", "avx", "avx2", "avx512"; NULL: the best. Before
// start(). False if the CPU or this build of the library has not got it.
bool ipsec_mb_instruction_set(const char *name);

// What is running, by the same names.
const char *ipsec_mb_instruction_set_name(void);

// Main, at set-up: session keys as the library wants them. False for an unknown suite.
bool ipsec_mb_keys_expand(enum shm_suite suite, const uint8_t *key, const uint8_t *auth,
			  union ipsec_mb_keys *keys);

// What every AES-CM job has: its keys, its IV, the shortest tag. The rest is the caller's.
static inline void ipsec_mb_cm_job(IMB_JOB *j, const struct cm_keys *keys, const uint8_t iv[16])
{
	j->enc_keys = keys->expanded;
	j->dec_keys = keys->expanded; // counter mode only ever encrypts
	j->key_len_in_bytes = 16;
	j->iv = iv;
	j->iv_len_in_bytes = 16;
	j->u.HMAC._hashed_auth_key_xor_ipad = keys->inner;
	j->u.HMAC._hashed_auth_key_xor_opad = keys->outer;
	j->auth_tag_output_len_in_bytes = CM_HMAC_OUT_BYTES;
	j->hash_alg = IMB_AUTH_HMAC_SHA_1;
}

// Salt xor SSRC xor the index, which 'index' has where the suite wants it. In one store, since the
// library reads it back at once and in other pieces than we would write.
static inline void ipsec_mb_iv(const struct srtp_stream *s, __m128i index, uint8_t iv[16])
{
	_mm_store_si128((__m128i *)iv, _mm_xor_si128(index, *(const __m128i *)s->iv));
}

// RFC 7714 8.1: the index is in bytes 6 to 11.
static inline void ipsec_mb_gcm_iv(const struct srtp_stream *s, uint64_t index, uint8_t iv[16])
{
	__m128i word = _mm_cvtsi64_si128((long long)__builtin_bswap64(index)); // bytes 2 to 7

	ipsec_mb_iv(s, _mm_slli_si128(word, 4), iv);
}

// The index is one the stream may seal, or the guess for the packet to open. Sealing is inline, for
// it runs once per consumer and packet.
static inline void ipsec_mb_gcm_seal(struct srtp_lanes *lanes, struct srtp_job *job)
{
	const struct srtp_stream *s = job->stream;
	const size_t size = job->size, header_size = job->header_size;

	ipsec_mb_gcm_iv(s, job->index, lanes->gcm_iv);
	job->out_size = (uint16_t)(size + GCM_TAG_BYTES);
	if (job->head != NULL) { // in one store, for the library loads it back in one
		assert(size >= header_size + SRTP_HEAD_BYTES);
		_mm_storeu_si128((__m128i *)(uintptr_t)job->payload,
				 _mm_loadu_si128((const __m128i *)job->head));
	}
	s->gcm_seal(&s->keys.gcm, &lanes->gcm, job->packet + header_size, job->payload,
		    size - header_size, lanes->gcm_iv, job->packet, header_size, job->packet + size,
		    GCM_TAG_BYTES);
}
void ipsec_mb_gcm_open(struct srtp_lanes *lanes, struct srtp_job *job);

// AES-CM jobs gather in the multi-buffer lanes until ipsec_mb_cm_finish_...().
void ipsec_mb_cm_seal(struct srtp_lanes *lanes, struct srtp_job *job);
void ipsec_mb_cm_open(struct srtp_lanes *lanes, struct srtp_job *job);
void ipsec_mb_cm_finish_seal(struct srtp_lanes *lanes);
void ipsec_mb_cm_finish_open(struct srtp_lanes *lanes);

// The packet opened as 'job->index': a repeat, a forgery, or genuine, which moves the stream.
static inline enum srtp_status ipsec_mb_opened(struct srtp_stream *s, struct srtp_job *job,
					       size_t tag_size, bool genuine)
{
	if (srtp_indices_behind(&s->indices, job->index) || !replay_check(s->replay, job->index))
		return SRTP_FAIL_REPLAY;
	if (!genuine)
		return SRTP_FAIL_AUTH;
	replay_commit(s->replay, job->index);
	srtp_indices_done(&s->indices, job->index);
	job->out_size = (uint16_t)(job->size - tag_size);
	return SRTP_OK;
}
