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
	// Of the lengths in their headers.
	IPV4_LENGTH_AT = 2,
	IPV6_LENGTH_AT = 4,
	UDP_LENGTH_AT = 4, // and behind it the checksum
	HEADER_FIRST = 64 - offsetof(struct header_template, bytes),
	TX_FLAGS_SHIFT = 48, // of a template's part of ol_flags
};

// Folds a ones' complement sum of at most 17 bits to 16.
static inline uint16_t header_fold(uint32_t sum)
{
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

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

// IP and UDP lengths in a copy; and where the port computes checksums, the pseudo header's sum,
// length included.
static inline void header_lengths(uint8_t *frame, const struct header_template *h, size_t udp_bytes)
{
	uint8_t *udp = frame + h->size - UDP_BYTES;
	bool v4 = h->l3_size == IPV4_BYTES;
	uint16_t length = rte_cpu_to_be_16((uint16_t)(UDP_BYTES + udp_bytes));
	uint16_t sum = h->tx_flags != 0 ? header_fold((uint32_t)h->pseudo_sum + length) : 0;
	const uint16_t both[2] = {length, sum};

	memcpy(udp + UDP_LENGTH_AT, both, sizeof(both));
	if (v4)
		length = rte_cpu_to_be_16((uint16_t)(IPV4_BYTES + UDP_BYTES + udp_bytes));
	memcpy(udp - (v4 ? IPV4_BYTES - IPV4_LENGTH_AT : IPV6_BYTES - IPV6_LENGTH_AT), &length,
	       sizeof(length));
}

// Both checksums in software, of a complete frame.
void header_checksums(const struct dataplane *dp, struct rte_mbuf *m);
