// SPDX-License-Identifier: Apache-2.0
//
// dataplane/egress/header.c - Ethernet, VLAN, IP and UDP in front of what we send.
//
// Path     tables/transport.c builds a template when the selected tuple moves -> every frame copies
//          it -> [header_finish] writes what depends on the size.
// Spec     IEEE 802.1Q, RFC 791 (DF set, so the identification says nothing: RFC 6864 4.1), RFC
// 8200,
//          RFC 768 (a checksum of 0 is sent as ffff).
#include "dataplane/egress/header.h"

#include "dataplane/egress/egress.h"
#include "proto/rtc/bytes.h"

#include <rte_ip.h>
#include <rte_udp.h>
#include <string.h>

enum {
	ETHERNET_BYTES = 14,
	VLAN_BYTES = 4,
	IPV4_BYTES = 20,
	IPV6_BYTES = 40,
	UDP_BYTES = 8,
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_IPV6 = 0x86dd,
	PROTOCOL_UDP = 17,
	HOPS = 64,
	DONT_FRAGMENT = 0x4000,
};
static_assert((int)ETHERNET_BYTES + VLAN_BYTES + IPV6_BYTES + UDP_BYTES <=
		      (int)sizeof(((struct header_template *)0)->bytes),
	      "the longest template fits");

static void put_ethernet(struct bytes_writer *b, const struct checked_tuple *to, uint16_t type)
{
	bytes_put(b, to->remote_mac.addr_bytes, RTE_ETHER_ADDR_LEN);
	bytes_put(b, to->local_mac.addr_bytes, RTE_ETHER_ADDR_LEN);
	if (to->vlan_tci != 0) {
		bytes_put_be16(b, ETHERTYPE_VLAN);
		bytes_put_be16(b, to->vlan_tci);
	}
	bytes_put_be16(b, type);
}

// Lengths and checksums are 0 until header_finish().
static void put_ipv4(struct bytes_writer *b, const struct checked_tuple *to)
{
	bytes_put_be16(b, 0x4500);
	bytes_put_be16(b, 0);
	bytes_put_be16(b, 0);
	bytes_put_be16(b, DONT_FRAGMENT);
	bytes_put_u8(b, HOPS);
	bytes_put_u8(b, PROTOCOL_UDP);
	bytes_put_be16(b, 0);
	bytes_put(b, to->local.ip, 4);
	bytes_put(b, to->remote.ip, 4);
}

static void put_ipv6(struct bytes_writer *b, const struct checked_tuple *to)
{
	bytes_put_be32(b, UINT32_C(0x60000000));
	bytes_put_be16(b, 0);
	bytes_put_u8(b, PROTOCOL_UDP);
	bytes_put_u8(b, HOPS);
	bytes_put(b, to->local.ip, 16);
	bytes_put(b, to->remote.ip, 16);
}

void egress_header_template(struct header_template *h, const struct checked_tuple *to)
{
	bool v4 = to->remote.family == RTC_ADDR_V4;
	struct bytes_writer b;

	memset(h, 0, sizeof(*h));
	if (to->remote.family != to->local.family || to->remote.family == RTC_ADDR_NONE ||
	    rte_is_zero_ether_addr(&to->remote_mac))
		return; // no path
	bytes_writer_init(&b, h->bytes, sizeof(h->bytes));
	put_ethernet(&b, to, v4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
	h->l2_size = (uint8_t)b.size;
	if (v4)
		put_ipv4(&b, to);
	else
		put_ipv6(&b, to);
	h->l3_size = (uint8_t)(b.size - h->l2_size);
	bytes_put_be16(&b, to->local.port);
	bytes_put_be16(&b, to->remote.port);
	bytes_put_be32(&b, 0);
	assert(!b.overflow);
	h->size = (uint8_t)b.size;
}

static void finish_ipv4(const struct dataplane *dp, struct rte_mbuf *m, struct rte_ipv4_hdr *ip,
			struct rte_udp_hdr *udp, size_t udp_size)
{
	ip->total_length = rte_cpu_to_be_16((uint16_t)(IPV4_BYTES + udp_size));
	if (dp->tx_checksum_offload) {
		m->ol_flags |=
			RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_UDP_CKSUM;
		udp->dgram_cksum = rte_ipv4_phdr_cksum(ip, m->ol_flags);
		return;
	}
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	udp->dgram_cksum = rte_ipv4_udptcp_cksum(ip, udp);
}

static void finish_ipv6(const struct dataplane *dp, struct rte_mbuf *m, struct rte_ipv6_hdr *ip,
			struct rte_udp_hdr *udp, size_t udp_size)
{
	ip->payload_len = rte_cpu_to_be_16((uint16_t)udp_size);
	if (dp->tx_checksum_offload) {
		m->ol_flags |= RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_UDP_CKSUM;
		udp->dgram_cksum = rte_ipv6_phdr_cksum(ip, m->ol_flags);
		return;
	}
	udp->dgram_cksum = rte_ipv6_udptcp_cksum(ip, udp);
}

void header_finish(const struct dataplane *dp, struct rte_mbuf *m, size_t udp_bytes)
{
	size_t udp_size = UDP_BYTES + udp_bytes;
	void *ip = rte_pktmbuf_mtod_offset(m, void *, m->l2_len);
	struct rte_udp_hdr *udp =
		rte_pktmbuf_mtod_offset(m, struct rte_udp_hdr *, m->l2_len + m->l3_len);

	m->data_len = (uint16_t)(m->l2_len + m->l3_len + udp_size);
	m->pkt_len = m->data_len;
	udp->dgram_len = rte_cpu_to_be_16((uint16_t)udp_size);
	if (m->l3_len == IPV4_BYTES)
		finish_ipv4(dp, m, ip, udp, udp_size);
	else
		finish_ipv6(dp, m, ip, udp, udp_size);
}
