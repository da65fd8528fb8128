// SPDX-License-Identifier: Apache-2.0
//
// tests/path/frames.c - crafts frames and reads them back, by the RFCs and by hand: nothing here
// calls the code under test.
//
// Spec     RFC 791 3.1, RFC 8200 3 and 8.1, RFC 768, IEEE 802.1Q.
#include "proto/rtc/bytes.h"
#include "tests/path/harness.h"

#include <stdlib.h>
#include <string.h>

enum { ETHERNET = 14, VLAN = 4, IPV4 = 20, IPV6 = 40, UDP = 8 };

// Adds 16-bit words in network order; an odd last byte counts as the high one.
static uint32_t sum(uint32_t so_far, const uint8_t *p, size_t size)
{
	for (size_t i = 0; i + 1 < size; i += 2)
		so_far += bytes_be16(p + i);
	if (size % 2 != 0)
		so_far += (uint32_t)p[size - 1] << 8;
	return so_far;
}

static uint16_t fold(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)s;
}

// The sum over pseudo header and UDP datagram; 0xffff if the checksum in it is right.
static uint16_t udp_sum(const struct rtc_addr *from, const struct rtc_addr *to, const uint8_t *udp,
			size_t size)
{
	size_t address = from->family == RTC_ADDR_V4 ? 4 : 16;
	uint32_t s = sum(0, from->ip, address);

	s = sum(s, to->ip, address);
	s += 17 + (uint32_t)size;
	return fold(sum(s, udp, size));
}

static uint8_t *mac_write(uint8_t *p, const struct rte_ether_addr *mac, uint8_t otherwise)
{
	struct rte_ether_addr fallback = {{0x02, 0, 0, 0, 0, otherwise}};

	memcpy(p, rte_is_zero_ether_addr(mac) ? &fallback : mac, 6);
	return p + 6;
}

static uint8_t *ethernet_write(uint8_t *p, const struct harness_udp *u)
{
	p = mac_write(p, &u->to_mac, 1);
	p = mac_write(p, &u->from_mac, 2);
	if (u->vlan_tci != 0) {
		bytes_store_be16(p, 0x8100);
		bytes_store_be16(p + 2, u->vlan_tci);
		p += VLAN;
	}
	bytes_store_be16(p, u->from.family == RTC_ADDR_V4 ? 0x0800 : 0x86dd);
	return p + 2;
}

static uint8_t *ip_write(uint8_t *p, const struct harness_udp *u)
{
	uint16_t below = (uint16_t)(UDP + u->payload_size);

	if (u->from.family == RTC_ADDR_V6) {
		p[0] = 0x60;
		bytes_store_be16(p + 4, below);
		p[6] = 17;
		p[7] = 64;
		memcpy(p + 8, u->from.ip, 16);
		memcpy(p + 24, u->to.ip, 16);
		return p + IPV6;
	}
	p[0] = 0x45;
	bytes_store_be16(p + 2, (uint16_t)(IPV4 + below));
	p[8] = 64;
	p[9] = 17;
	memcpy(p + 12, u->from.ip, 4);
	memcpy(p + 16, u->to.ip, 4);
	bytes_store_be16(p + 10, (uint16_t)~fold(sum(0, p, IPV4)));
	return p + IPV4;
}

struct rte_mbuf *harness_frame(struct harness *h, const void *bytes, size_t size)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(h->dp.packets);
	char *at = m == NULL ? NULL : rte_pktmbuf_append(m, (uint16_t)size);

	if (at == NULL)
		abort();
	memcpy(at, bytes, size);
	return m;
}

struct rte_mbuf *harness_udp_frame(struct harness *h, const struct harness_udp *u)
{
	uint8_t frame[FRAME_BYTES_MAX] = {0};
	uint8_t *udp = ip_write(ethernet_write(frame, u), u);
	uint16_t size = (uint16_t)(UDP + u->payload_size);

	bytes_store_be16(udp, u->from.port);
	bytes_store_be16(udp + 2, u->to.port);
	bytes_store_be16(udp + 4, size);
	if (u->payload_size != 0)
		memcpy(udp + UDP, u->payload, u->payload_size);
	uint16_t check = (uint16_t)~udp_sum(&u->from, &u->to, udp, size);
	bytes_store_be16(udp + 6, check == 0 ? 0xffff : check);
	return harness_frame(h, frame, (size_t)(udp - frame) + size);
}

static const uint8_t *ethernet_read(const uint8_t *p, struct harness_udp *u, uint16_t *type)
{
	memcpy(&u->to_mac, p, 6);
	memcpy(&u->from_mac, p + 6, 6);
	*type = bytes_be16(p + 12);
	if (*type != 0x8100)
		return p + ETHERNET;
	u->vlan_tci = bytes_be16(p + 14);
	*type = bytes_be16(p + 16);
	return p + ETHERNET + VLAN;
}

// Returns where UDP begins, or NULL with 'wrong'.
static const uint8_t *ip_read(const uint8_t *p, size_t room, uint16_t type, struct harness_udp *u,
			      const char **wrong)
{
	bool v4 = type == 0x0800;
	size_t header = v4 ? IPV4 : IPV6;

	*wrong = "not IPv4 or IPv6 with UDP in it";
	if ((!v4 && type != 0x86dd) || room < header + UDP || p[v4 ? 9 : 6] != 17 ||
	    p[0] >> 4 != (v4 ? 4 : 6))
		return NULL;
	*wrong = "the IP length is not that of the frame";
	if (bytes_be16(p + (v4 ? 2 : 4)) != (v4 ? room : room - IPV6))
		return NULL;
	*wrong = "the IPv4 header checksum is wrong";
	if (v4 && fold(sum(0, p, IPV4)) != 0xffff)
		return NULL;
	u->from.family = u->to.family = v4 ? RTC_ADDR_V4 : RTC_ADDR_V6;
	memcpy(u->from.ip, p + (v4 ? 12 : 8), v4 ? 4 : 16);
	memcpy(u->to.ip, p + (v4 ? 16 : 24), v4 ? 4 : 16);
	*wrong = NULL;
	return p + header;
}

const char *harness_udp_read(const struct rte_mbuf *m, struct harness_udp *u)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	const uint8_t *end = frame + m->data_len;
	const char *wrong;
	uint16_t type;

	*u = (struct harness_udp){0};
	if (m->nb_segs != 1 || m->data_len < ETHERNET + VLAN + IPV4 + UDP)
		return "shorter than headers, or in several segments";
	const uint8_t *ip = ethernet_read(frame, u, &type);
	const uint8_t *udp = ip_read(ip, (size_t)(end - ip), type, u, &wrong);
	if (udp == NULL)
		return wrong;
	u->from.port = bytes_be16(udp);
	u->to.port = bytes_be16(udp + 2);
	if (bytes_be16(udp + 4) != end - udp)
		return "the UDP length is not that of the frame";
	bool no_checksum = u->from.family == RTC_ADDR_V4 && bytes_be16(udp + 6) == 0;
	if (!no_checksum && udp_sum(&u->from, &u->to, udp, (size_t)(end - udp)) != 0xffff)
		return "the UDP checksum is wrong";
	u->payload = udp + UDP;
	u->payload_size = (uint16_t)(end - udp - UDP);
	return NULL;
}
