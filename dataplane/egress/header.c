// SPDX-License-Identifier: Apache-2.0
//
// dataplane/egress/header.c - Ethernet, VLAN, IP and UDP in front of what we send.
//
// Path     tables/transport.c builds a template when the selected tuple moves -> [header_write]
//          copies it into every frame, with what depends on the size.
// Spec     IEEE 802.1Q, RFC 791 (DF set, so the identification says nothing: RFC 6864 4.1), RFC
// 8200,
//          RFC 768 (a checksum of 0 is sent as ffff).
#include "dataplane/egress/header.h"

#include "dataplane/core/limits.h"
#include "dataplane/egress/egress.h"
#include "proto/rtc/bytes.h"

#include <string.h>

enum {
	ETHERNET_BYTES = 14,
	VLAN_BYTES = 4,
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_IPV6 = 0x86dd,
	PROTOCOL_UDP = 17,
	IPV4_LENGTH_AT = 2, // in its header
	IPV6_LENGTH_AT = 4,
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

// Lengths and checksums are 0: header_write() adds them.
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

// Folds a ones' complement sum of at most 17 bits to 16.
static uint16_t fold(uint32_t sum)
{
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static uint16_t pseudo_sum(const struct header_template *h, bool v4)
{
	const uint8_t *ip = h->bytes + h->l2_size;

	return fold((uint32_t)rte_raw_cksum(ip + (v4 ? 12 : 8), v4 ? 8 : 32) +
		    rte_cpu_to_be_16(PROTOCOL_UDP));
}

// What every frame's mbuf says, and how much fits one.
static void tell_port(const struct dataplane *dp, struct header_template *h, bool v4)
{
	const uint64_t flags =
		v4 ? RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_UDP_CKSUM
		   : RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_UDP_CKSUM;
	int by_mtu = dp->wire_mtu - h->l3_size - UDP_BYTES;

	h->tx_offload = (uint16_t)rte_mbuf_tx_offload(h->l2_size, h->l3_size, 0, 0, 0, 0, 0);
	h->tx_flags = dp->tx_checksum_offload ? (uint16_t)(flags >> TX_FLAGS_SHIFT) : 0;
	h->udp_room = (uint16_t)RTE_MIN(RTE_MAX(by_mtu, 0), FRAME_BYTES_MAX - h->size);
}

void egress_header_template(const struct dataplane *dp, struct header_template *h,
			    const struct checked_tuple *to)
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
	h->ip_length_at = (uint8_t)(b.size + (v4 ? IPV4_LENGTH_AT : IPV6_LENGTH_AT));
	h->ip_length_over = v4 ? IPV4_BYTES + UDP_BYTES : UDP_BYTES;
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
	h->pseudo_sum = pseudo_sum(h, v4);
	tell_port(dp, h, v4);
}

typedef uint64_t sum_lanes __attribute__((vector_size(16), aligned(1), may_alias));

// The ones' complement sum of 16-bit words (RFC 1071), not yet folded: wider words give the same.
// Sixteen bytes at a time whatever the optimisation: rte_raw_cksum() takes two unless the compiler
// makes more of it, and then costs more than sealing does.
static uint64_t sum_words(const uint8_t *at, size_t size)
{
	sum_lanes all = {0, 0}, high = {0, 0}; // modulo 2^64; of each lane's upper half
	uint64_t sum = 0;

#pragma GCC unroll 4
	for (size_t lanes = size / sizeof(all); lanes != 0; lanes--, at += sizeof(all)) {
		sum_lanes v = *(const sum_lanes *)at;
		all += v;
		high += v >> 32;
	}
	sum_lanes low = all - (high << 32); // exact: at most 2^32 halves
	for (size_t words = size % sizeof(all) / 2; words != 0; words--, at += sizeof(uint16_t)) {
		uint16_t word;
		memcpy(&word, at, sizeof(word));
		sum += word;
	}
	if (size % 2 != 0)
		sum += rte_cpu_to_be_16((uint16_t)(*at << 8));
	return sum + low[0] + low[1] + high[0] + high[1];
}

static uint16_t checksum_of(uint64_t sum)
{
	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & UINT16_MAX) + (sum >> 16 & UINT16_MAX) + (sum >> 32);
	return (uint16_t)~fold(fold((uint32_t)sum));
}

void header_checksums(const struct dataplane *dp, struct rte_mbuf *m)
{
	uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, m->l2_len);
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + m->l3_len);
	bool v4 = m->l3_len == IPV4_BYTES;

	udp->dgram_cksum = 0;
	if (v4) {
		((struct rte_ipv4_hdr *)ip)->hdr_checksum = 0;
		((struct rte_ipv4_hdr *)ip)->hdr_checksum = checksum_of(sum_words(ip, IPV4_BYTES));
		if (!dp->udp_checksum_ipv4)
			return;
	}
	uint64_t pseudo = sum_words(ip + (v4 ? 12 : 8), v4 ? 8 : 32) +
			  rte_cpu_to_be_16(PROTOCOL_UDP) + udp->dgram_len;
	uint16_t sum =
		checksum_of(pseudo + sum_words((uint8_t *)udp, rte_be_to_cpu_16(udp->dgram_len)));
	udp->dgram_cksum = sum != 0 ? sum : UINT16_MAX;
}
