// SPDX-License-Identifier: Apache-2.0
//
// dataplane/egress/header.h - completes the headers of a frame of our own. Inside egress/ only.
#pragma once

#include "dataplane/core/worker.h"
#include "dataplane/tables/transport.h"

#include <rte_ip.h>
#include <rte_udp.h>
#include <stddef.h>

enum { IPV4_BYTES = 20, UDP_BYTES = 8 };

// Folds a ones' complement sum to 16 bits.
static inline uint16_t header_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)(sum + (sum >> 16));
}

// Both checksums, in software.
void header_checksums(const struct dataplane *dp, const struct header_template *h, uint8_t *ip,
		      size_t udp_size);

// With offload the port wants the pseudo header's sum, length included, and does the rest.
static inline void header_offload(struct rte_mbuf *m, const struct header_template *h,
				  struct rte_udp_hdr *udp)
{
	m->ol_flags |= h->l3_size == IPV4_BYTES ? RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM |
							  RTE_MBUF_F_TX_UDP_CKSUM
						: RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_UDP_CKSUM;
	udp->dgram_cksum = header_fold(h->pseudo_sum + udp->dgram_len);
}

// Cuts the frame to 'udp_bytes' of UDP payload, writes IP and UDP lengths and both checksums, or
// leaves those to the port.
// 'h' is the template in the frame. Inline: it runs once per packet sent.
static inline void header_finish(const struct dataplane *dp, struct rte_mbuf *m,
				 const struct header_template *h, size_t udp_bytes)
{
	size_t udp_size = UDP_BYTES + udp_bytes;
	uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, h->l2_size);
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + h->l3_size);

	m->data_len = (uint16_t)(h->l2_size + h->l3_size + udp_size);
	m->pkt_len = m->data_len;
	udp->dgram_len = rte_cpu_to_be_16((uint16_t)udp_size);
	if (h->l3_size == IPV4_BYTES)
		((struct rte_ipv4_hdr *)ip)->total_length =
			rte_cpu_to_be_16((uint16_t)(IPV4_BYTES + udp_size));
	else
		((struct rte_ipv6_hdr *)ip)->payload_len = udp->dgram_len;
	if (dp->tx_checksum_offload)
		header_offload(m, h, udp);
	else
		header_checksums(dp, h, ip, udp_size);
}
