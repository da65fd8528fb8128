// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/rewrite.c - one packet as one consumer gets it: number, timestamp, SSRC,
// payload type, and an extension block of the consumer's own.
//
// Path     forward/fanout.c -> [rewrite] -> egress/rtp.c
// Thread   the worker that owns the subscriber's transport.
// Spec     RFC 3550 5.1, RFC 8285; which extensions pass: design section 4.
#include "dataplane/egress/egress.h"
#include "dataplane/forward/consumer.h"

#include <string.h>

static bool build_ext(struct worker *w, const struct consumer *c, const struct forwarding *f,
		      uint8_t block[RTP_EXT_BLOCK_BYTES_MAX], struct rtp_ext_built *built)
{
	const struct shm_subscription_config *config = &c->config->shm;
	const struct rtp_ext_own own = {
		.mid = config->mid,
		.mid_size = (uint8_t)strnlen(config->mid, sizeof(config->mid)),
		.twcc_seq = (uint16_t)c->transport->twcc_next,
		.abs_send_time = rtp_ext_abs_send_time(w->now_us),
	};

	return rtp_ext_build(built, block, RTP_EXT_BLOCK_BYTES_MAX, &f->ext, &config->ext, &own);
}

void consumer_send(struct worker *w, const struct consumer *c, const struct forwarding *f)
{
	const struct packet *p = f->packet;
	uint8_t block[RTP_EXT_BLOCK_BYTES_MAX];
	struct rtp_continuity_out out;
	struct rtp_ext_built built;

	if (!consumer_place(w, c, f, &out))
		return;
	if (!build_ext(w, c, f, block, &built)) {
		drop_egress(w, SHM_EGRESS_DROP_TOO_LONG);
		return;
	}
	const struct egress_rtp_packet packet = {
		.transport = c->transport,
		.subscription = c->subscription,
		.srtp = c->config->srtp,
		.index = out.index,
		.timestamp = out.ts,
		.ssrc = c->config->shm.ssrc,
		.pt = c->config->pt_by_pt[p->pt],
		.marker = p->marker,
		.ext = block,
		.ext_size = built.size,
		.payload = rte_pktmbuf_mtod_offset(f->mbuf, const uint8_t *, p->rtp_payload_offset),
		.payload_size = p->rtp_payload_size,
		.source = f->mbuf,
	};
	// Only what is queued takes a transport-wide number: a gap would look like loss.
	if (egress_rtp(w, &packet) && built.twcc_offset != 0)
		c->transport->twcc_next++;
}
