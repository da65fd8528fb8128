// SPDX-License-Identifier: Apache-2.0
//
// dataplane/egress/header.h - completes the headers of a frame of our own. Inside egress/ only.
#pragma once

#include "dataplane/core/worker.h"
#include "dataplane/tables/transport.h"

#include <assert.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>
#include <stddef.h>
#include <string.h>

enum {
	IPV4_BYTES = 20,
	IPV6_BYTES = 40,
	UDP_BYTES = 8,
	UDP_LENGTH_AT = 4, // in its header; behind it the checksum
	HEADER_FIRST = 64 - offsetof(struct header_template, bytes),
	TX_FLAGS_SHIFT = 48, // of a template's part of ol_flags
};

// What frames have in common that carry 'udp_bytes' behind templates of one size: but for addresses
// and ports these are alike.
struct header_form {
	uint8_t size; // of the template
	uint8_t ip_length_at; // in it
	uint16_t ip_length; // as it lies in the frame
	uint16_t udp_length; // likewise
	// Of the mbuf, from 'rearm_data' and from 'rx_descriptor_fields1' on.
	uint64_t rearm[2];
	uint64_t lengths[2];
	uint64_t tx_offload;
};
static_assert(offsetof(struct rte_mbuf, ol_flags) - offsetof(struct rte_mbuf, rearm_data) == 8 &&
		      offsetof(struct rte_mbuf, pkt_len) -
				      offsetof(struct rte_mbuf, rx_descriptor_fields1) ==
			      4 &&
		      offsetof(struct rte_mbuf, data_len) -
				      offsetof(struct rte_mbuf, rx_descriptor_fields1) ==
			      8,
	      "a form's words are what lies there");

// The pool's mbufs have one segment, and one reference to it.
static inline struct header_form header_form(const struct header_template *h, size_t udp_bytes)
{
	uint64_t frame_bytes = h->size + udp_bytes;

	return (struct header_form){
		.size = h->size,
		.ip_length_at = h->ip_length_at,
		.ip_length = rte_cpu_to_be_16((uint16_t)(h->ip_length_over + udp_bytes)),
		.udp_length = rte_cpu_to_be_16((uint16_t)(UDP_BYTES + udp_bytes)),
		.rearm = {RTE_PKTMBUF_HEADROOM | UINT64_C(1) << 16 | UINT64_C(1) << 32 |
				  (uint64_t)RTE_MBUF_PORT_INVALID << 48,
			  (uint64_t)h->tx_flags << TX_FLAGS_SHIFT},
		.lengths = {frame_bytes << 32, frame_bytes},
		.tx_offload = h->tx_offload,
	};
}

// What a port wants to know of a frame. Inline, as the next two: they run once per packet sent.
static inline void header_describe(struct rte_mbuf *m, const struct header_form *f)
{
	memcpy(&m->rearm_data, f->rearm, sizeof(f->rearm));
	memcpy(&m->rx_descriptor_fields1, f->lengths, sizeof(f->lengths));
	m->tx_offload = f->tx_offload;
}

// Up to the end of the template's first line, which is enough for IPv4: there is room behind, to be
// filled afterwards.
static inline void header_copy(uint8_t *frame, const struct header_template *h, uint8_t size)
{
	memcpy(frame, h->bytes, HEADER_FIRST);
	if (size > HEADER_FIRST)
		memcpy(frame + HEADER_FIRST, h->bytes + HEADER_FIRST,
		       sizeof(h->bytes) - HEADER_FIRST);
}

// IP and UDP lengths in a copy, and the pseudo header's sum, length included, for a port that
// computes checksums: where it does not, header_checksums() comes later.
static inline void header_lengths(uint8_t *frame, const struct header_template *h,
				  const struct header_form *f)
{
	uint32_t sum = (uint32_t)h->pseudo_sum + f->udp_length;
	uint32_t both = rte_le_to_cpu_32((sum + (sum >> 16)) << 16 | f->udp_length);

	memcpy(frame + f->ip_length_at, &f->ip_length, sizeof(f->ip_length));
	memcpy(frame + f->size - UDP_BYTES + UDP_LENGTH_AT, &both, sizeof(both));
}

// Both checksums in software, of a complete frame.
void header_checksums(const struct dataplane *dp, struct rte_mbuf *m);
