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
struct egress *egress_new(struct dataplane *dp, unsigned worker);
void egress_free(struct egress *e);

// What forward/ decided about one packet for one consumer.
struct egress_rtp_packet {
	struct transport *transport;
	struct subscription *subscription;
	struct srtp_stream *srtp; // NULL: goes out without SRTP
	uint64_t index; // egress SRTP index
	uint32_t timestamp;
	uint32_t ssrc;
	uint8_t pt;
	bool marker;
	const uint8_t *ext; // extension block with its 4-byte header, or NULL; copied
	uint16_t ext_size; // bytes, a multiple of 4
	const uint8_t *payload; // plaintext
	uint16_t payload_size;
	struct rte_mbuf *source; // holds 'payload'; egress takes its own reference if it needs one
};

// True if media may go out to the transport now; else counts the drop (NO_CONSENT, NO_PATH).
bool egress_path_ok(struct worker *w, const struct transport *t);

// Queues one RTP packet: header template, RTP header, extension, payload; sealed at the flush.
// Returns false after counting a drop.
bool egress_rtp(struct worker *w, const struct egress_rtp_packet *p);

// Seals and queues one RTCP compound to the selected tuple of 't'.
bool egress_rtcp(struct worker *w, struct transport *t, const uint8_t *compound, size_t size);

// Queues one plain datagram (STUN) to a checked tuple, from the public port.
bool egress_datagram(struct worker *w, const struct checked_tuple *to, const uint8_t *bytes,
		     size_t size);

// Queues a finished frame of the kernel's. Takes the mbuf.
void egress_frame(struct worker *w, struct rte_mbuf *m);

// Seals all jobs and sends all frames. What the port does not take is dropped as TX_FULL.
void egress_flush(struct worker *w);

// Builds the Ethernet/VLAN/IP/UDP header of a checked tuple, from its local to its remote address.
void egress_header_template(struct header_template *h, const struct checked_tuple *to);

// RTCP of our own that is due on one owned transport: SR per consumer, RR per encoding, SDES,
// transport-wide feedback, PLI/FIR from the keyframe gates.
void egress_rtcp_due(struct worker *w, struct transport *t);
