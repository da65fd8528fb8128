// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/kernel_port.c - attaches to the TAP, or to any other ethdev, towards the kernel.
#include "dataplane/core/kernel_port.h"

#include <rte_ethdev.h>
#include <stdio.h>
#include <string.h>

static bool open_port(struct kernel_port *k, const struct port *wire, struct rte_mempool *packets,
		      char *why, size_t why_size)
{
	if (!port_open(&k->port, k->devargs, 1, packets, why, why_size))
		return false;
	// A longer frame of the kernel's would be refused by the wire port.
	if (k->port.mtu != wire->mtu && rte_eth_dev_set_mtu(k->port.id, wire->mtu) == 0)
		k->port.mtu = wire->mtu;
	k->ifindex = k->interface[0] != 0 ? if_nametoindex(k->interface) : 0;
	return true;
}

bool kernel_port_open(struct kernel_port *k, const char *setting, const struct port *wire,
		      struct rte_mempool *packets, char *why, size_t why_size)
{
	char mac[RTE_ETHER_ADDR_FMT_SIZE];

	*k = (struct kernel_port){.port.id = PORT_NONE};
	if (strcmp(setting, "none") == 0)
		return true;
	if (strncmp(setting, "tap:", 4) == 0 || strncmp(setting, "tap=", 4) == 0) {
		// Without 'mac' net_tap would give the interface a random one.
		rte_ether_format_addr(mac, sizeof(mac), &wire->mac);
		snprintf(k->interface, sizeof(k->interface), "%.15s", setting + 4);
		snprintf(k->devargs, sizeof(k->devargs), "net_tap0,iface=%s,mac=%s", k->interface,
			 mac);
	} else {
		snprintf(k->devargs, sizeof(k->devargs), "%s", setting);
	}
	return open_port(k, wire, packets, why, why_size);
}

bool kernel_port_reopen(struct kernel_port *k, const struct port *wire, struct rte_mempool *packets,
			char *why, size_t why_size)
{
	port_close(&k->port);
	return open_port(k, wire, packets, why, why_size);
}

unsigned kernel_port_receive(struct kernel_port *k, struct rte_mbuf **frames, unsigned max)
{
	if (k->port.id == PORT_NONE)
		return 0;
	return rte_eth_rx_burst(k->port.id, 0, frames, (uint16_t)max);
}

unsigned kernel_port_send(struct kernel_port *k, struct rte_mbuf **frames, unsigned count)
{
	if (k->port.id == PORT_NONE)
		return 0;
	return rte_eth_tx_burst(k->port.id, 0, frames, (uint16_t)count);
}
