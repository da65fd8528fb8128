// SPDX-License-Identifier: Apache-2.0
//
// dataplane/srtp/ipsec_mb_cm.c - AES_CM_128_HMAC_SHA1_80 through the multi-buffer job interface:
// SHA-1 is slow alone, so packets of many consumers are hashed side by side, one to a lane.
//
// Place   ipsec_mb.c, per job, and once at the end of a burst.
// Rollover  the counter is hashed behind the packet and never sent (RFC 3711 4.2); it stands where
//         the tag goes, which is written last.
// Spec    RFC 3711 4.1.1 (IV), 4.2 (HMAC-SHA1, 80 bits).
#include "dataplane/srtp/ipsec_mb.h"
#include "proto/rtc/bytes.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <string.h>

static_assert((int)CM_HMAC_OUT_BYTES <= (int)SRTP_TAG_BYTES_MAX, "the tag's last bytes fit, too");

// What both ways have in common. 'end' is where the rollover counter stands, behind the payload.
static IMB_JOB *job_fill(struct srtp_lanes *lanes, struct srtp_job *job, struct cm_scratch *scratch,
			 size_t end)
{
	IMB_JOB *j = IMB_GET_NEXT_JOB(lanes->mgr);
	size_t payload = end - job->header_size;

	ipsec_mb_iv(job->stream, _mm_set_epi64x((long long)__builtin_bswap64(job->index << 16), 0),
		    scratch->iv);
	bytes_store_be32(job->packet + end, (uint32_t)(job->index >> 16));
	ipsec_mb_cm_job(j, &job->stream->keys.cm, scratch->iv);
	j->dst = job->packet + job->header_size;
	j->msg_len_to_cipher_in_bytes = payload;
	j->msg_len_to_hash_in_bytes = end + CM_ROC_BYTES;
	j->cipher_mode = payload != 0 ? IMB_CIPHER_CNTR : IMB_CIPHER_NULL;
	return j;
}

static void submit(struct srtp_lanes *lanes, struct srtp_job *job)
{
	lanes->cm_jobs[lanes->cm_count++] = job;
	(void)IMB_SUBMIT_JOB_NOCHECK(lanes->mgr); // which job is done matters at the finish
}

void ipsec_mb_cm_seal(struct srtp_lanes *lanes, struct srtp_job *job)
{
	if (lanes->cm_count == LANES_JOBS_MAX)
		ipsec_mb_cm_finish_seal(lanes);
	// Several packets are under way at once: each has its head where it goes.
	if (job->head != NULL) {
		uint8_t *behind = job->packet + job->header_size;
		memcpy(behind, job->payload, (size_t)(job->size - job->header_size));
		memcpy(behind, job->head, SRTP_HEAD_BYTES);
		job->payload = behind;
	}
	IMB_JOB *j = job_fill(lanes, job, &lanes->cm_scratch[lanes->cm_count], job->size);
	j->src = job->payload;
	j->cipher_start_src_offset_in_bytes = 0;
	// The library counts where to hash from 'src'. The ciphertext is elsewhere: the difference
	// wraps to a negative one and back.
	j->hash_start_src_offset_in_bytes = (uintptr_t)job->packet - (uintptr_t)job->payload;
	j->auth_tag_output = job->packet + job->size;
	j->cipher_direction = IMB_DIR_ENCRYPT;
	j->chain_order = IMB_ORDER_CIPHER_HASH;
	submit(lanes, job);
	job->out_size = (uint16_t)(job->size + CM_TAG_BYTES);
}

void ipsec_mb_cm_open(struct srtp_lanes *lanes, struct srtp_job *job)
{
	size_t end = job->size - (size_t)CM_TAG_BYTES;

	if (lanes->cm_count == LANES_JOBS_MAX)
		ipsec_mb_cm_finish_open(lanes);
	struct cm_scratch *scratch = &lanes->cm_scratch[lanes->cm_count];
	memcpy(scratch->received, job->packet + end, CM_TAG_BYTES);
	IMB_JOB *j = job_fill(lanes, job, scratch, end);
	j->src = job->packet;
	j->cipher_start_src_offset_in_bytes = job->header_size;
	j->hash_start_src_offset_in_bytes = 0;
	j->auth_tag_output = scratch->computed;
	j->cipher_direction = IMB_DIR_DECRYPT;
	j->chain_order = IMB_ORDER_HASH_CIPHER;
	submit(lanes, job);
}

void ipsec_mb_cm_finish_seal(struct srtp_lanes *lanes)
{
	if (lanes->cm_count == 0)
		return;
	while (IMB_FLUSH_JOB(lanes->mgr) != NULL)
		continue;
	lanes->cm_count = 0;
}

void ipsec_mb_cm_finish_open(struct srtp_lanes *lanes)
{
	unsigned count = lanes->cm_count;

	ipsec_mb_cm_finish_seal(lanes);
	for (unsigned i = 0; i < count; i++) {
		struct srtp_job *job = lanes->cm_jobs[i];
		const struct cm_scratch *scratch = &lanes->cm_scratch[i];
		bool genuine =
			CRYPTO_memcmp(scratch->computed, scratch->received, CM_TAG_BYTES) == 0;
		job->status = (uint8_t)ipsec_mb_opened(job->stream, job, CM_TAG_BYTES, genuine);
	}
}
