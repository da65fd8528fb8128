// SPDX-License-Identifier: Apache-2.0
//
// dataplane/egress/rtcp.c - one RTCP compound of ours: sealed and queued.
//
// Path     egress/rtcp_out.c -> [egress_rtcp] -> egress/tx.c
// Index    31 bits, used once each; reserved in the segment ahead, as RTP's (egress/rtp.c).
#include "dataplane/egress/egress.h"
#include "dataplane/egress/header.h"
#include "dataplane/egress/queue.h"
#include "dataplane/link/publish.h"

#include <string.h>

bool egress_rtcp(struct worker *w, struct transport *t, const uint8_t *compound, size_t size)
{
	if (!egress_path_ok(w, t))
		return false;
	if (t->srtcp_index > SRTCP_INDEX_MAX) {
		drop_egress(w, SHM_EGRESS_DROP_INDEX_LIMIT);
		return false;
	}
	struct rte_mbuf *m = egress_take(w, &t->path, size + SRTCP_OVERHEAD_BYTES_MAX);
	if (m == NULL)
		return false;
	if (t->srtcp_index >= t->srtcp_index_reserved)
		publish_transport(w, t);
	uint8_t *at = egress_frame(m) + t->path.size;
	memcpy(at, compound, size);
	if (!t->rtp_only && !srtcp_seal(t->srtcp, w->srtp, at, &size, t->srtcp_index++)) {
		drop_egress(w, SHM_EGRESS_DROP_SEAL);
		return false;
	}
	egress_queue_datagram(w, &t->path, t, size);
	return true;
}
