// SPDX-License-Identifier: Apache-2.0
//
// dataplane/ingress/parse.c - Ethernet to UDP payload: lengths, checksums, ports, first byte.
//
// Path     rx burst -> [parse] -> ingress/lookup.c, ingress/stun.c, ingress/punt.c
// Thread   the worker whose queue the frame came from.
// Spec     RFC 791, RFC 8200, RFC 768, IEEE 802.1Q; RFC 7983 and RFC 5761 for the classes.

#include "dataplane/ingress/ingress.h"
#include "dataplane/tables/plain.h"
#include "proto/rtc/bytes.h"
#include "proto/rtc/demux.h"

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>
#include <string.h>

enum { VERDICT_KEEP = -1, IPV6_HEADER_BYTES = 40, IPV4_HEADER_BYTES_MIN = 20 };
enum { IP_PROTO_UDP = 17 };
enum { IPV6_HOP_BY_HOP = 0, IPV6_ROUTING = 43, IPV6_FRAGMENT = 44, IPV6_DESTINATION = 60 };

struct layer3 {
	const uint8_t *at;
	size_t size; // what is left of the frame
	uint8_t protocol;
	uint16_t header_size;
	uint16_t payload_size;
};

// Returns the EtherType and where layer 3 begins; 0 if the frame is too short.
static uint16_t parse_ethernet(struct packet *p, const uint8_t *frame, size_t size)
{
	size_t at = 2 * RTE_ETHER_ADDR_LEN;

	if (size < RTE_ETHER_HDR_LEN)
		return 0;
	memcpy(&p->local_mac, frame, RTE_ETHER_ADDR_LEN);
	memcpy(&p->remote_mac, frame + RTE_ETHER_ADDR_LEN, RTE_ETHER_ADDR_LEN);
	uint16_t type = bytes_be16(frame + at);
	at += 2;
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

static int parse_ipv4(const struct rte_mbuf *m, struct packet *p, struct layer3 *l)
{
	const uint8_t *ip = l->at;

	if (l->size < IPV4_HEADER_BYTES_MIN || ip[0] >> 4 != 4)
		return SHM_INGRESS_DROP_IP_MALFORMED;
	l->header_size = (uint16_t)((ip[0] & 0x0f) * 4);
	uint16_t total = bytes_be16(ip + 2);
	if (l->header_size < IPV4_HEADER_BYTES_MIN || total < l->header_size || total > l->size)
		return SHM_INGRESS_DROP_IP_MALFORMED;
	if ((m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) != RTE_MBUF_F_RX_IP_CKSUM_GOOD &&
	    rte_raw_cksum(ip, l->header_size) != 0xffff)
		return SHM_INGRESS_DROP_IP_CHECKSUM;
	if ((bytes_be16(ip + 6) & 0x3fff) != 0) // more fragments, or an offset
		return SHM_INGRESS_DROP_IP_FRAGMENT;
	l->protocol = ip[9];
	l->payload_size = (uint16_t)(total - l->header_size);
	p->remote.family = p->local.family = RTC_ADDR_V4;
	memcpy(p->remote.ip, ip + 12, 4);
	memcpy(p->local.ip, ip + 16, 4);
	return VERDICT_KEEP;
}

// Walks the extension headers (RFC 8200 4), so that none of them carries UDP past the port rules
// below.
static int skip_extensions(struct layer3 *l)
{
	while (l->protocol == IPV6_HOP_BY_HOP || l->protocol == IPV6_ROUTING ||
	       l->protocol == IPV6_DESTINATION) {
		const uint8_t *at = l->at + l->header_size;

		if (l->payload_size < 8 || l->payload_size < 8 * (at[1] + 1))
			return SHM_INGRESS_DROP_IP_MALFORMED;
		uint16_t size = (uint16_t)(8 * (at[1] + 1));
		l->protocol = at[0];
		l->header_size = (uint16_t)(l->header_size + size);
		l->payload_size = (uint16_t)(l->payload_size - size);
	}
	return l->protocol == IPV6_FRAGMENT ? SHM_INGRESS_DROP_IP_FRAGMENT : VERDICT_KEEP;
}

static int parse_ipv6(struct packet *p, struct layer3 *l)
{
	const uint8_t *ip = l->at;

	if (l->size < IPV6_HEADER_BYTES || ip[0] >> 4 != 6)
		return SHM_INGRESS_DROP_IP_MALFORMED;
	l->header_size = IPV6_HEADER_BYTES;
	l->payload_size = bytes_be16(ip + 4);
	if (l->payload_size > l->size - IPV6_HEADER_BYTES)
		return SHM_INGRESS_DROP_IP_MALFORMED;
	l->protocol = ip[6];
	int verdict = skip_extensions(l);
	if (verdict != VERDICT_KEEP)
		return verdict;
	p->remote.family = p->local.family = RTC_ADDR_V6;
	memcpy(p->remote.ip, ip + 8, 16);
	memcpy(p->local.ip, ip + 24, 16);
	return VERDICT_KEEP;
}

static int parse_udp(const struct dataplane *dp, const struct rte_mbuf *m, struct packet *p,
		     const struct layer3 *l)
{
	const uint8_t *udp = l->at + l->header_size;

	if (l->payload_size < sizeof(struct rte_udp_hdr))
		return SHM_INGRESS_DROP_UDP_MALFORMED;
	uint16_t size = bytes_be16(udp + 4);
	if (size < sizeof(struct rte_udp_hdr) || size > l->payload_size)
		return SHM_INGRESS_DROP_UDP_MALFORMED;
	// Without the port's verdict nobody looks: STUN, DTLS and SRTP authenticate themselves.
	if ((m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_BAD)
		return SHM_INGRESS_DROP_UDP_CHECKSUM;
	p->remote.port = bytes_be16(udp);
	p->local.port = bytes_be16(udp + 2);
	p->udp_offset = (uint16_t)(p->l3_offset + l->header_size);
	p->payload_offset = (uint16_t)(p->udp_offset + sizeof(struct rte_udp_hdr));
	p->payload_size = (uint16_t)(size - sizeof(struct rte_udp_hdr));
	if (p->local.port >= dp->internal_port_first && p->local.port <= dp->internal_port_last)
		return SHM_INGRESS_DROP_INTERNAL_PORT;
	if (p->local.port != dp->public_port && plain_ports_find(dp, p->local.port).generation == 0)
		return SHM_INGRESS_DROP_CLOSED_PORT;
	return VERDICT_KEEP;
}

static int classify(struct packet *p, const uint8_t *payload)
{
	switch (demux_classify(payload, p->payload_size)) {
	case DEMUX_RTP:
		p->class = PACKET_RTP;
		return VERDICT_KEEP;
	case DEMUX_RTCP:
		p->class = PACKET_RTCP;
		return VERDICT_KEEP;
	case DEMUX_STUN:
		p->class = PACKET_STUN;
		return VERDICT_KEEP;
	case DEMUX_DTLS:
		p->class = PACKET_DTLS;
		return VERDICT_KEEP;
	case DEMUX_ZRTP:
	case DEMUX_TURN_CHANNEL:
	case DEMUX_OTHER:
	case DEMUX_CLASS_COUNT:
		break;
	}
	return SHM_INGRESS_DROP_NOT_RTC;
}

// VERDICT_KEEP, or the drop.
static int parse_frame(const struct dataplane *dp, struct rte_mbuf *m, struct packet *p)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	size_t size = rte_pktmbuf_data_len(m);
	uint16_t type = parse_ethernet(p, frame, size);
	struct layer3 l = {.at = frame + p->l3_offset, .size = size - p->l3_offset};
	int verdict = VERDICT_KEEP;

	if (type == 0 || m->nb_segs != 1)
		return SHM_INGRESS_DROP_L2_SHORT;
	p->class = PACKET_OTHER;
	if (type == RTE_ETHER_TYPE_IPV4)
		verdict = parse_ipv4(m, p, &l);
	else if (type == RTE_ETHER_TYPE_IPV6)
		verdict = parse_ipv6(p, &l);
	else
		return VERDICT_KEEP;
	if (verdict != VERDICT_KEEP || l.protocol != IP_PROTO_UDP)
		return verdict;
	verdict = parse_udp(dp, m, p, &l);
	if (verdict == VERDICT_KEEP)
		verdict = classify(p, frame + p->payload_offset);
	// ICE and DTLS know the public port alone.
	if (verdict == VERDICT_KEEP && p->local.port != dp->public_port && p->class != PACKET_RTP &&
	    p->class != PACKET_RTCP)
		verdict = SHM_INGRESS_DROP_PLAIN_CLASS;
	return verdict;
}

static struct burst *class_of(struct ingress_classes *out, uint8_t class)
{
	switch ((enum packet_class) class) {
	case PACKET_RTP:
		return &out->rtp;
	case PACKET_RTCP:
		return &out->rtcp;
	case PACKET_STUN:
		return &out->stun;
	case PACKET_DTLS:
		return &out->dtls;
	case PACKET_OTHER:
		break;
	}
	return &out->other;
}

void ingress_parse(struct worker *w, struct burst *in, struct ingress_classes *out)
{
	for (unsigned i = 0; i < in->count; i++) {
		struct rte_mbuf *m = in->pkts[i];
		struct packet *p = packet_of(m);

		if (i + 1 < in->count)
			rte_prefetch0(rte_pktmbuf_mtod(in->pkts[i + 1], void *));
		memset(p, 0, sizeof(*p));
		p->arrival_us = w->now_us;
		int verdict = parse_frame(w->dp, m, p);
		if (verdict != VERDICT_KEEP) {
			drop_ingress(w, m, (enum shm_ingress_drop)verdict);
			continue;
		}
		struct burst *b = class_of(out, p->class);
		b->pkts[b->count++] = m;
	}
}
