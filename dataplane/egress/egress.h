// SPDX-License-Identifier: Apache-2.0
//
// dataplane/egress/egress.h - from a consumer's packet to the wire: header, seal, transmit, in
// bursts.
//
// Thread   the worker that owns the transport; everything queues until egress_flush().
#pragma once

#include "dataplane/core/packet.h"
#include "dataplane/core/worker.h"
#include "dataplane/tables/subscription.h"
#include "dataplane/tables/transport.h"

#include <stddef.h>

// Made at start, one per worker. NULL without memory.
struct egress *egress_new(void);
void egress_free(struct egress *e);

// True if media may go out to the transport now.
static inline bool egress_path_open(const struct transport *t)
{
	return t->phase == SHM_PHASE_ESTABLISHED && t->path.size != 0;
}

// The same, and counts the drop if not (NO_CONSENT, NO_PATH).
static inline bool egress_path_ok(struct worker *w, const struct transport *t)
{
	if (egress_path_open(t))
		return true;
	drop_egress(w, t->phase == SHM_PHASE_EXPIRED ? SHM_EGRESS_DROP_NO_CONSENT
						     : SHM_EGRESS_DROP_NO_PATH);
	return false;
}

// Takes a packet whose payload was given to egress_rtp(): freed once nothing reads it any more.
void egress_release(struct worker *w, struct rte_mbuf *source);

// A copy of a payload for packets that are to be changed, to be given to egress_release() likewise.
// NULL if the pool is empty.
struct rte_mbuf *egress_copy(struct worker *w, const uint8_t *payload, size_t size);

// Seals and queues one RTCP compound to the selected tuple of 't'.
bool egress_rtcp(struct worker *w, struct transport *t, const uint8_t *compound, size_t size);

// Queues one plain datagram (STUN) to a checked tuple, from the public port.
bool egress_datagram(struct worker *w, const struct checked_tuple *to, const uint8_t *bytes,
		     size_t size);

// Queues a finished frame of the kernel's. Takes the mbuf.
void egress_kernel_frame(struct worker *w, struct rte_mbuf *m);

// Seals what waits, and lets go of what was read for it.
void egress_seal(struct worker *w);

// Seals all jobs and sends all frames. What the port does not take waits for the next flush; what
// the bounded queue of those does not take is dropped as TX_FULL.
void egress_flush(struct worker *w);

// Builds the Ethernet/VLAN/IP/UDP header of a checked tuple, from its local to its remote address.
void egress_header_template(const struct dataplane *dp, struct header_template *h,
			    const struct checked_tuple *to);

// RTCP of our own that is due on one owned transport: SR per consumer, RR per encoding, SDES,
// transport-wide feedback, PLI/FIR from the keyframe gates, BYE for streams that ended.
void egress_rtcp_due(struct worker *w, struct transport *t);

// The transport goes: BYE (RFC 3550 6.6) for all its streams and ourselves. 'config' is the one it
// had.
void egress_rtcp_goodbye(struct worker *w, struct transport *t,
			 const struct shm_transport_config *config);
