// SPDX-License-Identifier: Apache-2.0
//
// dataplane/ingress/ingress.h - from the wire port's burst to opened media, stage by stage, in
// order.
//
// Thread   the worker whose queue the burst came from. Each stage is burst in, verdicts out: it
// takes
//          the packets it drops or consumes and keeps the rest in order in the array.
#pragma once

#include "dataplane/core/packet.h"
#include "dataplane/core/worker.h"
#include "dataplane/tables/track.h"
#include "proto/rtc/rtp.h"

struct transport;
struct burst {
	struct rte_mbuf *pkts[BURST_PKTS_MAX];
	unsigned count;
};

// A frame as it came from the wire, sorted by what it is (RFC 7983, RFC 5761).
struct ingress_classes {
	struct burst rtp;
	struct burst rtcp;
	struct burst stun;
	struct burst dtls;
	struct burst other;
};

// 1. Ethernet, VLAN, IPv4/IPv6, UDP: checks lengths and checksums, fills struct packet. Fragments,
//    internal and closed ports end here by name.
void ingress_parse(struct worker *w, struct burst *in, struct ingress_classes *out);

// 2. Tuple -> transport for RTP, RTCP and DTLS: from a checked tuple or not at all. Packets of a
//    transport another worker owns go there (XMSG_HANDOVER).
void ingress_lookup(struct worker *w, struct burst *b);

// Gives a packet to the worker that owns packet_of(m)->transport; a full ring drops it by name.
void ingress_hand_over(struct worker *w, struct rte_mbuf *m, uint32_t owner);

// 3a. RTP: SSRC -> stream (else MID and RID), replay, authentication, decryption; then the encoding
//     and its receive accounting. What is left is opened, with struct packet complete.
void ingress_rtp(struct worker *w, struct burst *b);

// Of one opened video packet: its layers and whether a keyframe begins with it, into struct packet;
// counts it for the layer's rate. 'dd_id' is the Dependency Descriptor's, 0: not negotiated.
void ingress_layers_read(struct worker *w, struct encoding *e, struct packet *p, enum codec codec,
			 const struct rtp_view *v, uint8_t dd_id);

// Housekeeping of one owned transport: the rates of what it publishes, to where every worker reads
// them (struct track, 'steps').
void ingress_layers_due(struct worker *w, struct transport *t);

// Of one opened audio packet: its level (RFC 6464), 'id' as negotiated, 0: not. Into the track's
// activity, where main finds it (struct track, 'heard').
void ingress_level_read(struct worker *w, struct track *t, struct encoding *e,
			const struct rtp_view *v, uint8_t id);

// 3b. RTCP: opened and given to forward_rtcp(). Consumes the burst.
void ingress_rtcp(struct worker *w, struct burst *b);

// 3c. STUN: integrity verified; checks on an established transport answered, the rest punted.
//     Consumes the burst.
void ingress_stun(struct worker *w, struct burst *b);

// XMSG_ADD_TUPLE: main has verified the STUN response 'm', so its tuple is checked for 'ref'. Takes
// it.
void ingress_add_tuple(struct worker *w, struct rte_mbuf *m, struct shm_ref ref);

// 3d. Everything for the host kernel: DTLS from checked tuples, and what is not ours. Consumes it.
void ingress_punt(struct worker *w, struct burst *b);

// One packet to main, for the kernel. Takes it.
void ingress_punt_one(struct worker *w, struct rte_mbuf *m);

// Consent of one owned transport (RFC 7675): asks, and gives up after 30 s.
void ingress_consent_due(struct worker *w, struct transport *t);
