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
	HEADER_ROOM = sizeof(((struct header_template *)0)->bytes),
	TX_FLAGS_SHIFT = 48, // of a template's part of ol_flags
};

typedef uint8_t header_part __attribute__((vector_size(16), aligned(1), may_alias));

// What frames have in common that carry 'udp_bytes' behind templates of one size: but for addresses
// and ports these are alike.
struct header_form {
	header_part first[HEADER_FIRST / sizeof(header_part)]; // lengths, where the template has 0
	uint8_t size; // of the template
	uint16_t udp_length; // as it lies in the frame
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
	const uint64_t frame_bytes = h->size + udp_bytes;
	const uint16_t ip_length = rte_cpu_to_be_16((uint16_t)(h->ip_length_over + udp_bytes));
	struct header_form f = {
		.size = h->size,
		.udp_length = rte_cpu_to_be_16((uint16_t)(UDP_BYTES + udp_bytes)),
		.rearm = {RTE_PKTMBUF_HEADROOM | UINT64_C(1) << 16 | UINT64_C(1) << 32 |
				  (uint64_t)RTE_MBUF_PORT_INVALID << 48,
			  (uint64_t)h->tx_flags << TX_FLAGS_SHIFT},
		.lengths = {frame_bytes << 32, frame_bytes},
		.tx_offload = h->tx_offload,
	};

	assert(h->size > UDP_BYTES);
	memcpy((uint8_t *)f.first + h->ip_length_at, &ip_length, sizeof(ip_length));
	if (h->size <= HEADER_FIRST)
		memcpy((uint8_t *)f.first + h->size - UDP_BYTES + UDP_LENGTH_AT, &f.udp_length,
		       sizeof(f.udp_length));
	return f;
}

// What a port wants to know of a frame. Inline, as the next: they run once per packet sent.
static inline void header_describe(struct rte_mbuf *m, const struct header_form *f)
{
	memcpy(&m->rearm_data, f->rearm, sizeof(f->rearm));
	memcpy(&m->rx_descriptor_fields1, f->lengths, sizeof(f->lengths));
	m->tx_offload = f->tx_offload;
}

// The template with lengths, and the pseudo header's sum, length included, for a port that computes
// checksums: where it does not, header_checksums() comes later. Writes up to
// HEADER_ROOM bytes, of which what comes behind the header is filled afterwards; returns where that
// begins. The template's first line is enough for IPv4.
static inline uint8_t *header_write(uint8_t *frame, const struct header_template *h,
				    const struct header_form *f)
{
	uint8_t *behind = frame + f->size;
	header_part *to = (header_part *)frame;
	const header_part *from = (const header_part *)h->bytes;
	uint16_t sum;

	for (size_t i = 0; i < HEADER_FIRST / sizeof(*to); i++)
		to[i] = from[i] | f->first[i];
	if (f->size > HEADER_FIRST) {
		memcpy(frame + HEADER_FIRST, h->bytes + HEADER_FIRST, HEADER_ROOM - HEADER_FIRST);
		memcpy(behind - UDP_BYTES + UDP_LENGTH_AT, &f->udp_length, sizeof(f->udp_length));
	}
	sum = (uint16_t)(h->pseudo_sum + f->udp_length);
	sum = (uint16_t)(sum + (sum < f->udp_length));
	memcpy(behind - sizeof(sum), &sum, sizeof(sum));
	return behind;
}

// Both checksums in software, of a complete frame.
void header_checksums(const struct dataplane *dp, struct rte_mbuf *m);
