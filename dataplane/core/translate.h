// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/translate.h - the address translation between the one UDP port of the wire and the
// internal ports of the control plane's sockets: reading the kernel's frames, rewriting ports.
//
// Place   core/punt.c (wire to kernel), core/kernel_frames.c (kernel to wire). Addresses never
//         change, so STUN integrity and mapped addresses stay true.
// Spec    RFC 1624 (checksum, incrementally), RFC 792, RFC 4443 (ICMP errors).
#pragma once

#include "dataplane/core/packet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum translate_kind {
	TRANSLATE_OTHER, // nothing about our ports: goes as it is
	TRANSLATE_UDP, // whole datagram; struct packet is filled in
	TRANSLATE_UDP_FRAGMENT, // first fragment of one; ports are known
	TRANSLATE_ICMP_ERROR, // quotes a UDP datagram; 'quoted_*' are known
	TRANSLATE_MALFORMED,
};

struct translate_view {
	enum translate_kind kind;
	uint16_t quoted_from; // UDP ports in the datagram an ICMP error is about
	uint16_t quoted_to;
};

// Reads a frame of the kernel's. For UDP fills packet_of(m) as seen from the wire: 'local' is the
// source, 'remote' the destination. Clears the rest of packet_of(m).
void translate_read(struct rte_mbuf *m, struct translate_view *v);

// Rewrites the UDP source (or destination) port of a frame whose packet_of() names the UDP header,
// and corrects the checksum.
enum translate_end { TRANSLATE_SOURCE = 0, TRANSLATE_DESTINATION = 2 };
void translate_port(struct rte_mbuf *m, enum translate_end end, uint16_t port);
