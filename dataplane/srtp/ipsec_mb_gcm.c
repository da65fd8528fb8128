// SPDX-License-Identifier: Apache-2.0
//
// dataplane/srtp/ipsec_mb_gcm.c - AEAD_AES_128_GCM and AEAD_AES_256_GCM, one packet after another:
// the library works on many blocks of one packet at once, so there are no lanes to fill.
//
// Place   ipsec_mb.c, per job. Sealing is in ipsec_mb.h.
// Note    every direct call of ipsec-mb 1.3 stores 0 in one error word of the whole process, and so
//         do its architecture-specific entry points and the functions behind its job interface.
//         bench/README.md says what that costs several workers.
// Spec    RFC 7714 8.1 (IV), 8.2 (associated data: the header).
#include "dataplane/srtp/ipsec_mb.h"

#include <openssl/crypto.h>

void ipsec_mb_gcm_open(struct srtp_lanes *lanes, struct srtp_job *job)
{
	struct srtp_stream *s = job->stream;
	const IMB_MGR *m = lanes->mgr;
	aes_gcm_enc_dec_t open =
		s->suite == SHM_SUITE_AEAD_AES_128_GCM ? m->gcm128_dec : m->gcm256_dec;
	size_t end = job->size - (size_t)GCM_TAG_BYTES;
	uint8_t *payload = job->packet + job->header_size;
	uint8_t tag[GCM_TAG_BYTES];

	ipsec_mb_gcm_iv(s, job->index, lanes->gcm_iv);
	open(&s->keys.gcm, &lanes->gcm, payload, payload, end - job->header_size, lanes->gcm_iv,
	     job->packet, job->header_size, tag, sizeof(tag));
	bool genuine = CRYPTO_memcmp(tag, job->packet + end, sizeof(tag)) == 0;
	job->status = (uint8_t)ipsec_mb_opened(s, job, GCM_TAG_BYTES, genuine);
}
