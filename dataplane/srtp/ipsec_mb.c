// SPDX-License-Identifier: Apache-2.0
//
// dataplane/srtp/ipsec_mb.c - the fast SRTP engine, on libipsec-mb: its streams, lanes and bursts.
//
// Place   ingress/rtp -> [open]; egress -> [seal].
// Thread  streams are made by main; each worker has lanes of its own.
// Trust   opening: replay check, authentication, and only then a window moves. Jobs of one burst
//         are judged in order, so a repeat within it is a repeat.
// Spec    RFC 3711 4.3 (session keys), RFC 7714.
#include "dataplane/srtp/ipsec_mb.h"

#include "dataplane/srtp/srtcp.h"
#include "dataplane/srtp/srtcp_cipher.h"
#include "proto/rtc/bytes.h"
#include "proto/rtc/rtp.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdlib.h>

enum {
	KEY_BYTES_MAX = 32,
	SALT_BYTES_MAX = 14,
	SHA1_BLOCK_BYTES = 64,
	STREAM_AHEAD = 2, // jobs whose streams are fetched before their use
	STREAM_LINES = 7, // its own, and GCM's round keys and eight powers of H
	// Within this distance of the highest index no order of arrival changes a guess.
	STEADY_DISTANCE = 0x4000,
	LABEL_KEY = 0, // RFC 3711 4.3.1
	LABEL_AUTH = 1,
	LABEL_SALT = 2,
};

struct instruction_set {
	const char *name;
	uint64_t features;
	void (*init)(IMB_MGR *mgr);
};
static const struct instruction_set sets[] = {
	// best first
	{"avx512", IMB_CPUFLAGS_AVX512, init_mb_mgr_avx512},
	{"avx2", IMB_CPUFLAGS_AVX2, init_mb_mgr_avx2},
	{"avx", IMB_CPUFLAGS_AVX, init_mb_mgr_avx},
	{"sse", IMB_CPUFLAGS_SSE, init_mb_mgr_sse},
};
enum { SETS = sizeof(sets) / sizeof(sets[0]) };

static const struct instruction_set *wanted; // NULL: the best
static const struct instruction_set *running;
static IMB_MGR *setup; // main's, to expand keys

static bool has(const IMB_MGR *m, const struct instruction_set *set)
{
	return (m->features & set->features) == set->features;
}

static const struct instruction_set *set_find(const char *name)
{
	const struct instruction_set *found = NULL;
	IMB_MGR *m = alloc_mb_mgr(0);

	for (unsigned i = 0; m != NULL && i < SETS && found == NULL; i++)
		if (has(m, &sets[i]) && (name == NULL || strcmp(sets[i].name, name) == 0))
			found = &sets[i];
	free_mb_mgr(m);
	return found;
}

bool ipsec_mb_instruction_set(const char *name)
{
	wanted = name != NULL ? set_find(name) : NULL;
	return name == NULL || wanted != NULL;
}

const char *ipsec_mb_instruction_set_name(void)
{
	return running != NULL ? running->name : "none";
}

static IMB_MGR *mgr_new(void)
{
	IMB_MGR *m = alloc_mb_mgr(0);

	if (m == NULL)
		return NULL;
	running->init(m);
	if (imb_get_errno(m) == 0)
		return m;
	free_mb_mgr(m);
	return NULL;
}

static bool start(void)
{
	running = wanted != NULL ? wanted : set_find(NULL);
	if (running == NULL)
		return false;
	if (setup != NULL)
		free_mb_mgr(setup);
	setup = mgr_new();
	return setup != NULL;
}

static void lanes_free(struct srtp_lanes *lanes)
{
	if (lanes == NULL)
		return;
	if (lanes->mgr != NULL) {
		OPENSSL_cleanse(lanes->mgr, imb_get_mb_mgr_size());
		free_mb_mgr(lanes->mgr);
	}
	OPENSSL_cleanse(lanes, sizeof(*lanes));
	free(lanes);
}

static struct srtp_lanes *lanes_new(void)
{
	struct srtp_lanes *lanes = aligned_alloc(KEY_ALIGN, sizeof(*lanes));

	if (lanes == NULL)
		return NULL;
	memset(lanes, 0, sizeof(*lanes));
	lanes->mgr = mgr_new();
	if (lanes->mgr != NULL)
		return lanes;
	lanes_free(lanes);
	return NULL;
}

static size_t keys_bytes(enum shm_suite suite)
{
	return suite == SHM_SUITE_AES_CM_128_HMAC_SHA1_80 ? sizeof(struct cm_keys)
							  : sizeof(struct gcm_key_data);
}

static size_t stream_bytes(enum shm_suite suite, enum srtp_direction direction)
{
	size_t bytes = offsetof(struct srtp_stream, keys) + keys_bytes(suite) +
		       (direction == SRTP_RECEIVE ? sizeof(struct replay) : 0);

	return (bytes + KEY_ALIGN - 1) & ~(size_t)(KEY_ALIGN - 1);
}

// The SHA-1 state behind one block: the HMAC key xor 'pad'.
static void hmac_half(const uint8_t key[SHA1_BYTES], uint8_t pad, uint8_t state[SHA1_BYTES])
{
	uint8_t block[SHA1_BLOCK_BYTES];

	memset(block, pad, sizeof(block));
	for (unsigned i = 0; i < SHA1_BYTES; i++)
		block[i] ^= key[i];
	IMB_SHA1_ONE_BLOCK(setup, block, state);
	OPENSSL_cleanse(block, sizeof(block));
}

static void keys_expand_cm(const uint8_t *key, const uint8_t *auth, struct cm_keys *cm)
{
	alignas(16) uint8_t unused[sizeof(cm->expanded)];

	IMB_AES_KEYEXP_128(setup, key, cm->expanded, unused);
	OPENSSL_cleanse(unused, sizeof(unused));
	hmac_half(auth, 0x36, cm->inner);
	hmac_half(auth, 0x5c, cm->outer);
}

bool ipsec_mb_keys_expand(enum shm_suite suite, const uint8_t *key, const uint8_t *auth,
			  union ipsec_mb_keys *keys)
{
	switch (suite) {
	case SHM_SUITE_AES_CM_128_HMAC_SHA1_80:
		keys_expand_cm(key, auth, &keys->cm);
		return true;
	case SHM_SUITE_AEAD_AES_128_GCM:
		IMB_AES128_GCM_PRE(setup, key, &keys->gcm);
		return true;
	case SHM_SUITE_AEAD_AES_256_GCM:
		IMB_AES256_GCM_PRE(setup, key, &keys->gcm);
		return true;
	default:
		return false;
	}
}

// The salt, xor the SSRC where both IVs have it: from byte 4 (AES-CM), from byte 2 (AEAD).
static void iv_base(struct srtp_stream *s, const uint8_t *salt, size_t salt_size)
{
	uint8_t *at = s->iv + (s->suite == SHM_SUITE_AES_CM_128_HMAC_SHA1_80 ? 4 : 2);

	memcpy(s->iv, salt, salt_size);
	bytes_store_be32(at, bytes_be32(at) ^ s->ssrc);
}

static aes_gcm_enc_dec_t gcm_seal(enum shm_suite suite)
{
	return suite == SHM_SUITE_AEAD_AES_128_GCM   ? setup->gcm128_enc
	       : suite == SHM_SUITE_AEAD_AES_256_GCM ? setup->gcm256_enc
						     : NULL;
}

static bool stream_key(struct srtp_stream *s, const uint8_t *master)
{
	size_t key_size = srtp_suite_key_bytes((enum shm_suite)s->suite);
	size_t salt_size = srtp_suite_salt_bytes((enum shm_suite)s->suite);
	const uint8_t *master_salt = master + key_size;
	uint8_t key[KEY_BYTES_MAX], auth[SHA1_BYTES], salt[SALT_BYTES_MAX];

	bool ok = srtp_derive(master, key_size, master_salt, salt_size, LABEL_KEY, key, key_size) &&
		  srtp_derive(master, key_size, master_salt, salt_size, LABEL_AUTH, auth,
			      sizeof(auth)) &&
		  srtp_derive(master, key_size, master_salt, salt_size, LABEL_SALT, salt,
			      salt_size) &&
		  ipsec_mb_keys_expand((enum shm_suite)s->suite, key, auth, &s->keys);
	if (ok)
		iv_base(s, salt, salt_size);
	OPENSSL_cleanse(key, sizeof(key));
	OPENSSL_cleanse(auth, sizeof(auth));
	OPENSSL_cleanse(salt, sizeof(salt));
	return ok;
}

static void stream_free(struct srtp_stream *s)
{
	if (s == NULL)
		return;
	OPENSSL_cleanse(s, s->bytes);
	free(s);
}

static struct srtp_stream *stream_new(enum shm_suite suite, enum srtp_direction direction,
				      const uint8_t *master, uint32_t ssrc, uint64_t index)
{
	if (index > SEQ_INDEX_MAX || srtp_suite_key_bytes(suite) == 0)
		return NULL;
	size_t bytes = stream_bytes(suite, direction);
	struct srtp_stream *s = aligned_alloc(KEY_ALIGN, bytes);
	if (s == NULL)
		return NULL;
	memset(s, 0, bytes);
	s->indices = srtp_indices_from(index);
	s->ssrc = ssrc;
	s->bytes = (uint16_t)bytes;
	s->suite = (uint8_t)suite;
	s->direction = (uint8_t)direction;
	s->gcm_seal = direction == SRTP_SEND ? gcm_seal(suite) : NULL;
	if (direction == SRTP_RECEIVE)
		s->replay = (struct replay *)((uint8_t *)&s->keys + keys_bytes(suite));
	if (stream_key(s, master))
		return s;
	stream_free(s);
	return NULL;
}

static bool is_cm(const struct srtp_stream *s)
{
	return s->suite == SHM_SUITE_AES_CM_128_HMAC_SHA1_80;
}

// A stream's own line and its keys. Always inline, for gcc takes a function of nothing but
// __builtin_prefetch() for one without effect, and its calls away.
__attribute__((always_inline)) static inline void fetch_ahead(const struct srtp_job *job,
							      unsigned left)
{
	if (left <= STREAM_AHEAD)
		return;
	const uint8_t *stream = (const uint8_t *)job[STREAM_AHEAD].stream;
	for (unsigned line = 0; line < STREAM_LINES; line++)
		__builtin_prefetch(stream + line * KEY_ALIGN);
}

static unsigned seal(struct srtp_lanes *lanes, struct srtp_job *job, unsigned count)
{
	unsigned failed = 0;

	for (unsigned left = count; left != 0; left--, job++) {
		struct srtp_stream *s = job->stream;

		fetch_ahead(job, left);
		if (!srtp_indices_take(&s->indices, job->index)) {
			job->status = SRTP_FAIL_ENGINE;
			failed++;
		} else if (s->gcm_seal != NULL) {
			ipsec_mb_gcm_seal(lanes, job);
		} else {
			assert(is_cm(s) && s->direction == SRTP_SEND);
			ipsec_mb_cm_seal(lanes, job);
		}
	}
	ipsec_mb_cm_finish_seal(lanes);
	return failed;
}

// What can be told before authentication. Leaves the guess in 'job'.
static enum srtp_status may_open(const struct srtp_stream *s, struct srtp_job *job)
{
	size_t tag_size = is_cm(s) ? CM_TAG_BYTES : GCM_TAG_BYTES;

	assert(s->direction == SRTP_RECEIVE);
	if (job->header_size < RTP_HEADER_BYTES || job->size < job->header_size + tag_size)
		return SRTP_FAIL_MALFORMED;
	if (bytes_be32(job->packet + 8) != s->ssrc)
		return SRTP_FAIL_ENGINE;
	if (!srtp_indices_guess(&s->indices, bytes_be16(job->packet + 2), &job->index) ||
	    !replay_check(s->replay, job->index))
		return SRTP_FAIL_REPLAY;
	return SRTP_OK;
}

// The guess stays right whatever else of the stream is under way.
static bool is_steady(const struct srtp_stream *s, const struct srtp_job *job)
{
	uint64_t next = s->indices.next;
	uint64_t distance = job->index > next ? job->index - next : next - job->index;

	return next != 0 && distance < STEADY_DISTANCE;
}

static void open_cm(struct srtp_lanes *lanes, struct srtp_job *job)
{
	if (is_steady(job->stream, job)) {
		ipsec_mb_cm_open(lanes, job);
		return;
	}
	ipsec_mb_cm_finish_open(lanes);
	job->status = (uint8_t)may_open(job->stream, job);
	if (job->status == SRTP_OK)
		ipsec_mb_cm_open(lanes, job);
	ipsec_mb_cm_finish_open(lanes);
}

static void open_jobs(struct srtp_lanes *lanes, struct srtp_job *job, unsigned count)
{
	for (unsigned left = count; left != 0; left--, job++) {
		fetch_ahead(job, left);
		job->status = (uint8_t)may_open(job->stream, job);
		if (job->status != SRTP_OK)
			continue;
		if (is_cm(job->stream))
			open_cm(lanes, job);
		else
			ipsec_mb_gcm_open(lanes, job);
	}
	ipsec_mb_cm_finish_open(lanes);
}

static uint64_t unsealed_from(const struct srtp_stream *s)
{
	return s->indices.next;
}

const struct srtp_engine srtp_engine_ipsec_mb = {
	.name = "ipsec-mb",
	.start = start,
	.lanes_new = lanes_new,
	.lanes_free = lanes_free,
	.stream_new = stream_new,
	.stream_free = stream_free,
	.stream_bytes = stream_bytes,
	.seal = seal,
	.open = open_jobs,
	.unsealed_from = unsealed_from,
	.srtcp = &srtcp_ipsec_mb,
};
