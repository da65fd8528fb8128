// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/translate.c - parses what the kernel sends, bounds first; rewrites ports.
#include "dataplane/core/translate.h"
#include "proto/rtc/bytes.h"

#include <rte_ether.h>
#include <string.h>

enum {
	IPV4_BYTES_MIN = 20,
	IPV6_BYTES = 40,
	UDP_BYTES = 8,
	ICMP_BYTES = 8, // before the quoted packet, in both versions
	PROTOCOL_ICMP = 1,
	PROTOCOL_UDP = 17,
	PROTOCOL_ICMP6 = 58,
	NEXT_FRAGMENT = 44,
	FRAGMENT_BYTES = 8,
};

// An IP packet, or what an ICMP error quotes of one. 'rest' bytes stand at 'payload'.
struct ip_view {
	const uint8_t *at;
	const uint8_t *payload;
	size_t rest;
	uint16_t fragment_offset; // 8-byte units
	uint8_t protocol;
	bool v4;
	bool more_fragments;
};

static bool ipv4_read(struct ip_view *v, const uint8_t *p, size_t size, bool whole)
{
	size_t header = size < IPV4_BYTES_MIN ? 0 : (size_t)(p[0] & 0x0f) * 4;

	if (header < IPV4_BYTES_MIN || size < header)
		return false;
	size_t total = bytes_be16(p + 2);
	if (whole && (total < header || total > size))
		return false;
	*v = (struct ip_view){
		.at = p,
		.payload = p + header,
		.rest = (total < size && total >= header ? total : size) - header,
		.fragment_offset = bytes_be16(p + 6) & 0x1fff,
		.protocol = p[9],
		.v4 = true,
		.more_fragments = (bytes_be16(p + 6) & 0x2000) != 0,
	};
	return true;
}

static bool ipv6_read(struct ip_view *v, const uint8_t *p, size_t size, bool whole)
{
	if (size < IPV6_BYTES)
		return false;
	size_t total = IPV6_BYTES + (size_t)bytes_be16(p + 4);
	if (whole && total > size)
		return false;
	*v = (struct ip_view){
		.at = p,
		.payload = p + IPV6_BYTES,
		.rest = (total < size ? total : size) - IPV6_BYTES,
		.protocol = p[6],
	};
	if (v->protocol != NEXT_FRAGMENT)
		return true;
	if (v->rest < FRAGMENT_BYTES)
		return !whole;
	v->protocol = v->payload[0];
	v->fragment_offset = bytes_be16(v->payload + 2) >> 3;
	v->more_fragments = (v->payload[3] & 1) != 0;
	v->payload += FRAGMENT_BYTES;
	v->rest -= FRAGMENT_BYTES;
	return true;
}

static bool ip_read(struct ip_view *v, const uint8_t *p, size_t size, bool whole)
{
	if (size == 0)
		return false;
	if (p[0] >> 4 == 4)
		return ipv4_read(v, p, size, whole);
	return p[0] >> 4 == 6 && ipv6_read(v, p, size, whole);
}

static bool is_icmp_error(const struct ip_view *ip)
{
	if (ip->rest < ICMP_BYTES || ip->fragment_offset != 0)
		return false;
	uint8_t type = ip->payload[0];
	if (ip->v4)
		return ip->protocol == PROTOCOL_ICMP &&
		       (type == 3 || type == 4 || type == 5 || type == 11 || type == 12);
	return ip->protocol == PROTOCOL_ICMP6 && type < 128;
}

static void icmp_error_read(const struct ip_view *ip, struct translate_view *v)
{
	struct ip_view quoted;

	if (!ip_read(&quoted, ip->payload + ICMP_BYTES, ip->rest - ICMP_BYTES, false) ||
	    quoted.protocol != PROTOCOL_UDP || quoted.fragment_offset != 0 || quoted.rest < 4)
		return;
	v->kind = TRANSLATE_ICMP_ERROR;
	v->quoted_from = bytes_be16(quoted.payload);
	v->quoted_to = bytes_be16(quoted.payload + 2);
}

static void addresses(struct packet *p, const struct ip_view *ip)
{
	uint8_t family = ip->v4 ? RTC_ADDR_V4 : RTC_ADDR_V6;

	p->local.family = p->remote.family = family;
	memcpy(p->local.ip, ip->at + (ip->v4 ? 12 : 8), ip->v4 ? 4 : 16);
	memcpy(p->remote.ip, ip->at + (ip->v4 ? 16 : 24), ip->v4 ? 4 : 16);
}

static void udp_read(struct packet *p, const struct ip_view *ip, const uint8_t *frame,
		     struct translate_view *v)
{
	const uint8_t *udp = ip->payload;

	v->kind = TRANSLATE_MALFORMED;
	if (ip->rest < UDP_BYTES)
		return;
	p->local.port = bytes_be16(udp);
	p->remote.port = bytes_be16(udp + 2);
	p->udp_offset = (uint16_t)(udp - frame);
	p->payload_offset = (uint16_t)(p->udp_offset + UDP_BYTES);
	if (ip->more_fragments) {
		v->kind = TRANSLATE_UDP_FRAGMENT;
		return;
	}
	uint16_t size = bytes_be16(udp + 4);
	if (size < UDP_BYTES || size > ip->rest)
		return;
	p->payload_size = (uint16_t)(size - UDP_BYTES);
	v->kind = TRANSLATE_UDP;
}

// Returns the EtherType behind at most one VLAN tag and fills in layer 2; 0 if too short.
static uint16_t ethernet_read(struct packet *p, const uint8_t *frame, size_t size)
{
	size_t at = RTE_ETHER_HDR_LEN;

	if (size < at)
		return 0;
	memcpy(&p->remote_mac, frame, RTE_ETHER_ADDR_LEN);
	memcpy(&p->local_mac, frame + RTE_ETHER_ADDR_LEN, RTE_ETHER_ADDR_LEN);
	uint16_t type = bytes_be16(frame + at - 2);
	if (type == RTE_ETHER_TYPE_VLAN) {
		if (size < at + 4)
			return 0;
		p->vlan_tci = bytes_be16(frame + at);
		type = bytes_be16(frame + at + 2);
		at += 4;
	}
	p->l3_offset = (uint16_t)at;
	return type;
}

void translate_read(struct rte_mbuf *m, struct translate_view *v)
{
	struct packet *p = packet_of(m);
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	struct ip_view ip;

	*v = (struct translate_view){.kind = TRANSLATE_MALFORMED};
	memset(p, 0, sizeof(*p));
	uint16_t type = ethernet_read(p, frame, m->data_len);
	if (type == 0 || m->nb_segs != 1)
		return;
	v->kind = TRANSLATE_OTHER;
	if (type != RTE_ETHER_TYPE_IPV4 && type != RTE_ETHER_TYPE_IPV6)
		return;
	if (!ip_read(&ip, frame + p->l3_offset, m->data_len - p->l3_offset, true)) {
		v->kind = TRANSLATE_MALFORMED;
		return;
	}
	addresses(p, &ip);
	if (ip.protocol == PROTOCOL_UDP && ip.fragment_offset == 0)
		udp_read(p, &ip, frame, v);
	else if (is_icmp_error(&ip))
		icmp_error_read(&ip, v);
}

void translate_port(struct rte_mbuf *m, enum translate_end end, uint16_t port)
{
	uint8_t *udp = rte_pktmbuf_mtod_offset(m, uint8_t *, packet_of(m)->udp_offset);
	uint16_t check = bytes_be16(udp + 6);
	uint16_t before = bytes_be16(udp + end);

	bytes_store_be16(udp + end, port);
	if (check == 0) // RFC 768: the sender made none (IPv4 only)
		return;
	// RFC 1624 equation 3: HC' = ~(~HC + ~m + m').
	uint32_t sum = (uint16_t)~check + (uint32_t)(uint16_t)~before + port;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	check = (uint16_t)~sum;
	bytes_store_be16(udp + 6, check == 0 ? 0xffff : check);
}
