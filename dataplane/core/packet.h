// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/packet.h - what is known of a packet, in its mbuf's private area.
//
// Filled   by the ingress stages in packet order; each field says by which.
// Shared   once fan-out has handed the mbuf on, data and this struct are read-only until the last
//          reference is gone (several workers read them at once).
#pragma once

#include "proto/rtc/addr.h"
#include "proto/rtc/layer/packet.h"
#include "proto/shm/abi.h"

#include <rte_ether.h>
#include <rte_mbuf.h>
#include <stdbool.h>
#include <stdint.h>

enum packet_class {
	PACKET_RTP = 1,
	PACKET_RTCP,
	PACKET_STUN,
	PACKET_DTLS,
	PACKET_OTHER, // for the kernel: ARP, ND, ICMP, TCP
};

struct packet {
	// ingress/parse
	uint64_t arrival_us; // the burst's instant, CLOCK_MONOTONIC
	struct rtc_addr remote; // source
	struct rtc_addr local; // destination
	struct rte_ether_addr remote_mac;
	struct rte_ether_addr local_mac;
	uint16_t vlan_tci; // 0: untagged
	uint16_t l3_offset; // bytes from the start of the mbuf's data
	uint16_t udp_offset;
	uint16_t payload_offset; // of the UDP payload
	uint16_t payload_size; // UDP payload; from srtp open on: the plaintext RTP packet or
			       // compound
	uint8_t class; // enum packet_class
	bool from_worker; // came over a ring from another worker, which demultiplexed it
	// ingress/lookup
	struct shm_ref transport; // generation 0: none
	// ingress/srtp_open and ingress/encoding (RTP only)
	struct shm_ref track;
	uint8_t encoding;
	uint8_t pt;
	bool marker;
	bool keyframe; // the first packet of a keyframe, as far as the codec shows it
	uint8_t kind; // enum shm_kind
	uint32_t ssrc;
	uint32_t timestamp;
	uint64_t index; // SRTP index: rollover counter << 16 | sequence
	uint16_t rtp_payload_offset; // bytes from the start of the mbuf's data
	uint16_t rtp_payload_size; // without padding
	uint16_t ext_profile;
	uint16_t ext_offset; // of the extension body; 0: none
	uint16_t ext_size;
	uint16_t primary_offset; // RED: of the primary block, from the start of the payload
	uint8_t primary_pt; // RED
	struct layer_packet layer; // video: read by ingress/rtp once for all consumers
};

static inline struct packet *packet_of(struct rte_mbuf *m)
{
	return rte_mbuf_to_priv(m);
}

static inline uint8_t *packet_payload(struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod_offset(m, uint8_t *, packet_of(m)->payload_offset);
}
