// SPDX-License-Identifier: Apache-2.0
//
// dataplane/egress/header.h - completes the headers of a frame of our own. Inside egress/ only.
#pragma once

#include "dataplane/core/worker.h"
#include "dataplane/tables/transport.h"

#include <rte_ip.h>
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

// What a port wants to know of a frame. Inline, as the next two: they run once per packet sent.
static inline void header_describe(struct rte_mbuf *m, const struct header_template *h,
				   size_t udp_bytes)
{
	// The pool's have one segment, and one reference to it.
	m->data_off = RTE_PKTMBUF_HEADROOM;
	m->ol_flags = (uint64_t)h->tx_flags << TX_FLAGS_SHIFT;
	m->tx_offload = h->tx_offload;
	m->data_len = (uint16_t)(h->size + udp_bytes);
	m->pkt_len = m->data_len;
}

// Up to the end of the template's first line, which is enough for IPv4: there is room behind, to be
// filled afterwards.
static inline void header_copy(uint8_t *frame, const struct header_template *h)
{
	memcpy(frame, h->bytes, HEADER_FIRST);
	if (h->size > HEADER_FIRST)
		memcpy(frame + HEADER_FIRST, h->bytes + HEADER_FIRST,
		       sizeof(h->bytes) - HEADER_FIRST);
}

// IP and UDP lengths in a copy, and the pseudo header's sum, length included, for a port that
// computes checksums: where it does not, header_checksums() comes later.
static inline void header_lengths(uint8_t *frame, const struct header_template *h, size_t udp_bytes)
{
	uint16_t over_ip = rte_cpu_to_be_16((uint16_t)(h->ip_length_over + udp_bytes));
	uint16_t over_udp = rte_cpu_to_be_16((uint16_t)(UDP_BYTES + udp_bytes));
	uint32_t sum = (uint32_t)h->pseudo_sum + over_udp;
	uint32_t both = rte_le_to_cpu_32((sum + (sum >> 16)) << 16 | over_udp);

	memcpy(frame + h->ip_length_at, &over_ip, sizeof(over_ip));
	memcpy(frame + h->size - UDP_BYTES + UDP_LENGTH_AT, &both, sizeof(both));
}

// Both checksums in software, of a complete frame.
void header_checksums(const struct dataplane *dp, struct rte_mbuf *m);
