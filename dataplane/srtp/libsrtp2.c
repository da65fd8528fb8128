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
//         'highest' moves only where it succeeded.
// Spec    RFC 3711 3.3, RFC 7714 8.
#include "dataplane/srtp/engine.h"

#include "proto/rtc/bytes.h"
#include "proto/rtc/rtp.h"
#include "proto/rtc/seq.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <srtp2/srtp.h>
#include <stdlib.h>
#include <string.h>

struct srtp_stream {
	srtp_t session; // exactly one stream in it
	uint64_t highest; // highest index sealed, or authenticated
	uint64_t floor; // lower indices were before this stream: used up, or perhaps seen
	uint32_t ssrc;
	uint16_t tag_size;
	uint8_t direction; // enum srtp_direction
	bool started; // 'highest' means something
};

// libsrtp2 wants one call before all others. Streams are made by main alone, so no lock.
static bool library_ready(void)
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
	if (index > SEQ_INDEX_MAX || !library_ready())
		return NULL;
	struct srtp_stream *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	*s = (struct srtp_stream){
		.highest = index,
		.floor = index,
		.ssrc = ssrc,
		.direction = (uint8_t)direction,
		.started = index != 0,
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

// Makes libsrtp2 use 'index' for a packet with its low 16 bits as sequence number. A counter of 0
// means "guess": that guess is 0 while libsrtp2's highest index is below 2^15, and follows RFC 3711
// above, so it is right unless 'index' lies more than 2^15 behind; such a one is refused here.
static bool roc_set(struct srtp_stream *s, uint64_t index)
{
	if (s->started && index + SRTP_REPLAY_WINDOW <= s->highest)
		return false;
	return srtp_set_stream_roc(s->session, s->ssrc, (uint32_t)(index >> 16)) ==
	       srtp_err_status_ok;
}

static void index_done(struct srtp_stream *s, uint64_t index)
{
	if (!s->started || index > s->highest)
		s->highest = index;
	s->started = true;
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

static enum srtp_status seal_one(struct srtp_job *job)
{
	struct srtp_stream *s = job->stream;
	int size = job->in_size;

	assert(s->direction == SRTP_SEND && job->in_size >= RTP_HEADER_BYTES);
	assert(bytes_be16(job->in + 2) == (uint16_t)job->index);
	if (job->index > SEQ_INDEX_MAX || job->index < s->floor || !roc_set(s, job->index))
		return SRTP_FAIL_ENGINE;
	if (job->out != job->in)
		memcpy(job->out, job->in, job->in_size);
	enum srtp_status status = status_of(srtp_protect(s->session, job->out, &size));
	if (status != SRTP_OK)
		return SRTP_FAIL_ENGINE;
	index_done(s, job->index);
	job->out_size = (uint16_t)size;
	return SRTP_OK;
}

// RFC 3711 3.3.1. A stream begins with rollover counter 0; what would lie before that is taken for
// a packet of the first 2^16 as well, and its tag tells.
static bool index_guess(const struct srtp_stream *s, uint16_t seq, uint64_t *index)
{
	if (s->started && seq_index_guess(s->highest, seq, index))
		return true;
	*index = seq;
	return !s->started || s->highest < 0x8000;
}

static enum srtp_status open_one(struct srtp_job *job)
{
	struct srtp_stream *s = job->stream;
	int size = job->in_size;
	uint64_t index;

	assert(s->direction == SRTP_RECEIVE && job->out == job->in);
	if (job->header_size < RTP_HEADER_BYTES || job->in_size < job->header_size + s->tag_size)
		return SRTP_FAIL_MALFORMED;
	if (!index_guess(s, bytes_be16(job->in + 2), &index) || index < s->floor ||
	    !roc_set(s, index))
		return SRTP_FAIL_REPLAY;
	enum srtp_status status = status_of(srtp_unprotect(s->session, job->out, &size));
	if (status != SRTP_OK)
		return status;
	index_done(s, index);
	job->index = index;
	job->out_size = (uint16_t)size;
	return SRTP_OK;
}

static void seal(struct srtp_job *jobs, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		jobs[i].status = (uint8_t)seal_one(&jobs[i]);
}

static void open_jobs(struct srtp_job *jobs, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		jobs[i].status = (uint8_t)open_one(&jobs[i]);
}

const struct srtp_engine srtp_engine_libsrtp2 = {
	.name = "libsrtp2",
	.stream_new = stream_new,
	.stream_free = stream_free,
	.seal = seal,
	.open = open_jobs,
};
