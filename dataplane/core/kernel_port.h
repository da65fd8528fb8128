// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/kernel_port.h - the ethdev towards the host's kernel, which carries our address.
//
// Thread   main lcore only: net_tap makes system calls and takes a signal.
// Life     a TAP made before us is only attached to. It is never stopped: stopping takes the
//          interface down, and with it the routes and IPv6 addresses that outlive us.
#pragma once

#include "dataplane/core/config.h"
#include "dataplane/core/port.h"

#include <net/if.h>

struct kernel_port {
	struct port port; // PORT_NONE: there is none
	char devargs[CONFIG_TEXT_BYTES + 64];
	char interface[IF_NAMESIZE]; // of a TAP; empty for other devices
	unsigned ifindex; // of the TAP; 0: unknown
};

// Opens what 'setting' (the key kernel_port) names, with the wire port's MAC and MTU: to the
// network both are one host.
bool kernel_port_open(struct kernel_port *k, const char *setting, const struct port *wire,
		      struct rte_mempool *packets, char *why, size_t why_size);

// Closes a port whose TAP is gone, and opens it anew. False while that is not possible.
bool kernel_port_reopen(struct kernel_port *k, const struct port *wire, struct rte_mempool *packets,
			char *why, size_t why_size);

// Up to 'max' frames of the kernel's; the caller owns them.
unsigned kernel_port_receive(struct kernel_port *k, struct rte_mbuf **frames, unsigned max);

// Returns how many the kernel took, from the front; the caller still owns the rest.
unsigned kernel_port_send(struct kernel_port *k, struct rte_mbuf **frames, unsigned count);
