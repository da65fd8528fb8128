// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/port.c - opens ethdevs.
#include "dataplane/core/port.h"

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <stdio.h>
#include <string.h>

enum { QUEUE_SLOTS = 1024 };
static const uint64_t rss_wanted = RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP;
static const uint64_t checksums = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;

static bool fail(char *why, size_t why_size, const struct port *p, const char *what, int err)
{
	snprintf(why, why_size, "port %s: %s: %s", p->name, what,
		 rte_strerror(err < 0 ? -err : err));
	return false;
}

static bool probe(struct port *p, const char *devargs, char *why, size_t why_size)
{
	snprintf(p->name, sizeof(p->name), "%.*s", (int)strcspn(devargs, ","), devargs);
	if (rte_eth_dev_get_port_by_name(p->name, &p->id) == 0)
		return true; // on the EAL's command line, or a PCI device it found
	int err = rte_dev_probe(devargs);
	if (err != 0)
		return fail(why, why_size, p, "DPDK cannot make the device (its log says more)",
			    err);
	if (rte_eth_dev_get_port_by_name(p->name, &p->id) == 0)
		return true;
	return fail(why, why_size, p, "the device has no Ethernet port", ENODEV);
}

void port_wire_devargs(char *out, size_t size, const char *devargs, unsigned workers)
{
	bool packet = strncmp(devargs, "net_af_packet", 13) == 0;
	bool xdp = strncmp(devargs, "net_af_xdp", 10) == 0;

	if (packet && strstr(devargs, ",qpairs=") == NULL)
		snprintf(out, size, "%s,qpairs=%u", devargs, workers);
	else if (xdp && strstr(devargs, ",queue_count=") == NULL)
		snprintf(out, size, "%s,queue_count=%u", devargs, workers);
	else
		snprintf(out, size, "%s", devargs);
}

static bool configure(struct port *p, const struct rte_eth_dev_info *info, uint16_t queues,
		      char *why, size_t why_size)
{
	struct rte_eth_conf conf = {0};
	uint64_t rss = rss_wanted & info->flow_type_rss_offloads;

	if (queues > info->max_rx_queues || queues > info->max_tx_queues) {
		snprintf(why, why_size,
			 "port %s: it has %u receive and %u transmit queues and workers = %u needs "
			 "as many of each: lower workers or give the device more queues",
			 p->name, info->max_rx_queues, info->max_tx_queues, queues);
		return false;
	}
	p->rss = queues > 1 && rss != 0;
	if (p->rss) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = rss;
	}
	// Cores other than the receiving one free packets, and the history shares them, so
	// RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE stays off.
	p->tx_checksum = (info->tx_offload_capa & checksums) == checksums;
	if (p->tx_checksum)
		conf.txmode.offloads |= checksums;
	int err = rte_eth_dev_configure(p->id, queues, queues, &conf);
	return err == 0 || fail(why, why_size, p, "it refuses its configuration", err);
}

static bool queues_set_up(struct port *p, uint16_t queues, struct rte_mempool *packets, char *why,
			  size_t why_size)
{
	uint16_t rx = QUEUE_SLOTS, tx = QUEUE_SLOTS;
	unsigned socket = SOCKET_ID_ANY;
	int err = rte_eth_dev_adjust_nb_rx_tx_desc(p->id, &rx, &tx);

	if (rte_eth_dev_socket_id(p->id) >= 0)
		socket = (unsigned)rte_eth_dev_socket_id(p->id);
	for (uint16_t q = 0; err == 0 && q < queues; q++) {
		err = rte_eth_rx_queue_setup(p->id, q, rx, socket, NULL, packets);
		if (err == 0)
			err = rte_eth_tx_queue_setup(p->id, q, tx, socket, NULL);
	}
	return err == 0 || fail(why, why_size, p, "it refuses its queues", err);
}

static bool start(struct port *p, char *why, size_t why_size)
{
	int err = rte_eth_dev_start(p->id);

	if (err != 0)
		return fail(why, why_size, p, "it does not start", err);
	rte_eth_macaddr_get(p->id, &p->mac);
	rte_eth_dev_get_mtu(p->id, &p->mtu);
	// Not every driver can, and some always take everything.
	if (rte_eth_allmulticast_enable(p->id) != 0)
		rte_eth_promiscuous_enable(p->id);
	return true;
}

bool port_open(struct port *p, const char *devargs, uint16_t queues, struct rte_mempool *packets,
	       char *why, size_t why_size)
{
	struct rte_eth_dev_info info;

	*p = (struct port){.id = PORT_NONE};
	if (!probe(p, devargs, why, why_size))
		return false;
	int err = rte_eth_dev_info_get(p->id, &info);
	if (err != 0)
		return fail(why, why_size, p, "it tells nothing about itself", err);
	if (configure(p, &info, queues, why, why_size) &&
	    queues_set_up(p, queues, packets, why, why_size) && start(p, why, why_size))
		return true;
	port_close(p);
	return false;
}

void port_close(struct port *p)
{
	struct rte_eth_dev_info info;

	if (p->id == PORT_NONE)
		return;
	bool known = rte_eth_dev_info_get(p->id, &info) == 0;
	rte_eth_dev_stop(p->id);
	rte_eth_dev_close(p->id);
	if (known)
		rte_dev_remove(info.device);
	p->id = PORT_NONE;
}

void port_counts(const struct port *p, struct port_counts *counts)
{
	struct rte_eth_stats stats;

	*counts = (struct port_counts){0};
	if (p->id == PORT_NONE || rte_eth_stats_get(p->id, &stats) != 0)
		return;
	*counts = (struct port_counts){
		.received = stats.ipackets,
		.missed = stats.imissed,
		.errors = stats.ierrors,
		.no_mbuf = stats.rx_nombuf,
		.sent = stats.opackets,
		.send_errors = stats.oerrors,
		.bytes_received = stats.ibytes,
		.bytes_sent = stats.obytes,
	};
}

void port_info(const struct port *p, struct shm_port_info *info)
{
	struct rte_eth_dev_info dev;

	*info = (struct shm_port_info){0};
	if (p->id == PORT_NONE || rte_eth_dev_info_get(p->id, &dev) != 0)
		return;
	snprintf(info->name, sizeof(info->name), "%s", p->name);
	snprintf(info->driver, sizeof(info->driver), "%s", dev.driver_name);
	memcpy(info->mac, p->mac.addr_bytes, sizeof(info->mac));
	info->mtu = p->mtu;
	info->queues = dev.nb_rx_queues;
}

void port_link(const struct port *p, struct shm_link *link)
{
	struct rte_eth_link now;

	*link = (struct shm_link){0};
	if (p->id == PORT_NONE || rte_eth_link_get_nowait(p->id, &now) != 0)
		return;
	link->up = now.link_status == RTE_ETH_LINK_UP;
	link->full_duplex = now.link_duplex == RTE_ETH_LINK_FULL_DUPLEX;
	if (now.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN)
		link->speed_mbps = now.link_speed;
}
