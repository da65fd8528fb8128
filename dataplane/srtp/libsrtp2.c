// SPDX-License-Identifier: Apache-2.0
//
// dataplane/srtp/libsrtp2.c - the reference SRTP engine: libsrtp2 on OpenSSL, one job after
// another.
//
// Place   ingress/rtp -> [open]; egress -> [seal].
// Index   libsrtp2 guesses rollover counters itself. Here each packet is told its own instead
//         (srtp_set_stream_roc), so that engine and caller can never disagree: when sealing, the
//         caller's; when opening, our guess by RFC 3711 3.3.1 from the highest index authenticated.
//         libsrtp2 takes a rollover counter of 0 as "none set" and guesses; see roc_set().
// Trust   srtp_unprotect() checks replay, then the tag, and moves its window after that alone;
//         our indices move only where it succeeded.
// Spec    RFC 3711 3.3, RFC 7714 8.
#include "dataplane/srtp/engine.h"

#include "dataplane/srtp/indices.h"
#include "dataplane/srtp/srtcp_cipher.h"
#include "proto/rtc/bytes.h"
#include "proto/rtc/rtp.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <srtp2/srtp.h>
#include <stdlib.h>
#include <string.h>

enum { GCM_STREAM_BYTES = 4096, CM_STREAM_BYTES = 4096 };

struct srtp_stream {
	srtp_t session; // exactly one stream in it
	struct srtp_indices indices;
	uint32_t ssrc;
	uint16_t tag_size;
	uint8_t direction; // enum srtp_direction
};
struct srtp_lanes {
	int unused; // one job after another needs nothing of its own
};

static bool start(void)
{
	static bool ready;

	if (!ready)
		ready = srtp_init() == srtp_err_status_ok;
	return ready;
}

static bool policy_fill(srtp_policy_t *policy, enum shm_suite suite)
{
	srtp_profile_t profile;

	switch (suite) {
	case SHM_SUITE_AES_CM_128_HMAC_SHA1_80:
		profile = srtp_profile_aes128_cm_sha1_80;
		break;
	case SHM_SUITE_AEAD_AES_128_GCM:
		profile = srtp_profile_aead_aes_128_gcm;
		break;
	case SHM_SUITE_AEAD_AES_256_GCM:
		profile = srtp_profile_aead_aes_256_gcm;
		break;
	default:
		return false;
	}
	return srtp_crypto_policy_set_from_profile_for_rtp(&policy->rtp, profile) ==
		       srtp_err_status_ok &&
	       srtp_crypto_policy_set_from_profile_for_rtcp(&policy->rtcp, profile) ==
		       srtp_err_status_ok;
}

static bool session_create(struct srtp_stream *s, enum shm_suite suite, const uint8_t *master)
{
	uint8_t key[SHM_MASTER_BYTES_MAX] = {0}; // libsrtp2's pointer is not const
	srtp_policy_t policy = {
		.ssrc = {.type = ssrc_specific, .value = s->ssrc},
		.key = key,
		.window_size = SRTP_REPLAY_WINDOW,
		.allow_repeat_tx = 1, // a retransmission is the same packet under the same index
	};

	if (!policy_fill(&policy, suite))
		return false;
	memcpy(key, master, srtp_suite_key_bytes(suite) + srtp_suite_salt_bytes(suite));
	s->tag_size = (uint16_t)policy.rtp.auth_tag_len;
	bool ok = srtp_create(&s->session, &policy) == srtp_err_status_ok;
	OPENSSL_cleanse(key, sizeof(key));
	return ok;
}

static struct srtp_stream *stream_new(enum shm_suite suite, enum srtp_direction direction,
				      const uint8_t *master, uint32_t ssrc, uint64_t index)
{
	if (index > SEQ_INDEX_MAX)
		return NULL;
	struct srtp_stream *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	*s = (struct srtp_stream){
		.indices = srtp_indices_from(index),
		.ssrc = ssrc,
		.direction = (uint8_t)direction,
	};
	if (!session_create(s, suite, master)) {
		free(s);
		return NULL;
	}
	return s;
}

static void stream_free(struct srtp_stream *s)
{
	if (s == NULL)
		return;
	srtp_dealloc(s->session); // wipes its keys
	free(s);
}

static struct srtp_lanes *lanes_new(void)
{
	static struct srtp_lanes none;

	return &none;
}

static void lanes_free(struct srtp_lanes *lanes)
{
	(void)lanes;
}

// libsrtp2's session, stream, cipher and hash with OpenSSL's contexts behind them, as glibc's heap
// counts them; the window is the greater part of what is left.
static size_t stream_bytes(enum shm_suite suite, enum srtp_direction direction)
{
	(void)direction;
	return suite == SHM_SUITE_AES_CM_128_HMAC_SHA1_80 ? CM_STREAM_BYTES : GCM_STREAM_BYTES;
}

// Makes libsrtp2 use 'index' for a packet with its low 16 bits as sequence number. A counter of 0
// means "guess": that guess is 0 while libsrtp2's highest index is below 2^15, and follows RFC 3711
// above, so it is right unless 'index' lies more than 2^15 behind, which srtp/indices.h refuses.
static bool roc_set(struct srtp_stream *s, uint64_t index)
{
	return srtp_set_stream_roc(s->session, s->ssrc, (uint32_t)(index >> 16)) ==
	       srtp_err_status_ok;
}

static enum srtp_status status_of(srtp_err_status_t status)
{
	switch (status) {
	case srtp_err_status_ok:
		return SRTP_OK;
	case srtp_err_status_replay_fail:
	case srtp_err_status_replay_old:
	case srtp_err_status_pkt_idx_old:
		return SRTP_FAIL_REPLAY;
	case srtp_err_status_auth_fail:
		return SRTP_FAIL_AUTH;
	case srtp_err_status_parse_err:
	case srtp_err_status_bad_param:
		return SRTP_FAIL_MALFORMED;
	default:
		return SRTP_FAIL_ENGINE;
	}
}

static bool seal_one(struct srtp_job *job)
{
	struct srtp_stream *s = job->stream;
	uint8_t *behind = job->packet + job->header_size;
	int size = job->size;

	assert(s->direction == SRTP_SEND && job->header_size >= RTP_HEADER_BYTES);
	assert(job->size >= job->header_size + (job->head != NULL ? SRTP_HEAD_BYTES : 0));
	assert(bytes_be16(job->packet + 2) == (uint16_t)job->index);
	if (!srtp_indices_may_seal(&s->indices, job->index) || !roc_set(s, job->index))
		return false;
	if (job->payload != behind)
		memcpy(behind, job->payload, (size_t)(job->size - job->header_size));
	if (job->head != NULL)
		memcpy(behind, job->head, SRTP_HEAD_BYTES);
	if (srtp_protect(s->session, job->packet, &size) != srtp_err_status_ok)
		return false;
	srtp_indices_done(&s->indices, job->index);
	job->out_size = (uint16_t)size;
	return true;
}

static enum srtp_status open_one(struct srtp_job *job)
{
	struct srtp_stream *s = job->stream;
	int size = job->size;
	uint64_t index;

	assert(s->direction == SRTP_RECEIVE);
	if (job->header_size < RTP_HEADER_BYTES || job->size < job->header_size + s->tag_size)
		return SRTP_FAIL_MALFORMED;
	if (!srtp_indices_guess(&s->indices, bytes_be16(job->packet + 2), &index) ||
	    !roc_set(s, index))
		return SRTP_FAIL_REPLAY;
	enum srtp_status status = status_of(srtp_unprotect(s->session, job->packet, &size));
	if (status != SRTP_OK)
		return status;
	srtp_indices_done(&s->indices, index);
	job->index = index;
	job->out_size = (uint16_t)size;
	return SRTP_OK;
}

static unsigned seal(struct srtp_lanes *lanes, struct srtp_job *jobs, unsigned count)
{
	unsigned failed = 0;

	(void)lanes;
	for (unsigned i = 0; i < count; i++) {
		if (seal_one(&jobs[i]))
			continue;
		jobs[i].status = SRTP_FAIL_ENGINE;
		failed++;
	}
	return failed;
}

static void open_jobs(struct srtp_lanes *lanes, struct srtp_job *jobs, unsigned count)
{
	(void)lanes;
	for (unsigned i = 0; i < count; i++)
		jobs[i].status = (uint8_t)open_one(&jobs[i]);
}

static uint64_t unsealed_from(const struct srtp_stream *s)
{
	return s->indices.next;
}

const struct srtp_engine srtp_engine_libsrtp2 = {
	.name = "libsrtp2",
	.start = start,
	.lanes_new = lanes_new,
	.lanes_free = lanes_free,
	.stream_new = stream_new,
	.stream_free = stream_free,
	.stream_bytes = stream_bytes,
	.seal = seal,
	.open = open_jobs,
	.unsealed_from = unsealed_from,
	.srtcp = &srtcp_evp,
};
