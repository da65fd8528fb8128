// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/port.h - an ethdev by its devargs: the wire port with a queue pair a worker, and
// the mechanics the kernel port shares.
//
// Thread   main. Workers use the port by its number and their own queue.
// Errors   a sentence in 'why' that names device, value and cure.
#pragma once

#include "dataplane/core/worker.h"

#include <rte_ether.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PORT_NONE = UINT16_MAX, PORT_NAME_BYTES = 64, PORT_WHY_BYTES = 512 };

struct port {
	uint16_t id; // ethdev port, PORT_NONE while there is none
	uint16_t mtu;
	bool tx_checksum; // computes IPv4 and UDP checksums when asked
	bool rss; // spreads what it receives over its queues by a hash of the tuple
	struct rte_ether_addr mac;
	char name[PORT_NAME_BYTES]; // device name, as in the devargs
};

// Makes (or finds) the device, sets up 'queues' queue pairs and starts it. The wire port takes
// multicast: IPv6 neighbour discovery needs it.
bool port_open(struct port *p, const char *devargs, uint16_t queues, struct rte_mempool *packets,
	       char *why, size_t why_size);

// The wire port's devargs, with as many queue pairs as workers where the driver must be told.
void port_wire_devargs(char *out, size_t size, const char *devargs, unsigned workers);

// Stops, closes and removes the device. Accepts a port that is not open.
void port_close(struct port *p);

// What the device itself says it received, lost for want of a poll or a buffer, and sent.
struct port_counts {
	uint64_t received, missed, errors, no_mbuf, sent, send_errors; // packets
	uint64_t bytes_received, bytes_sent;
};
void port_counts(const struct port *p, struct port_counts *counts);

// What the segment tells of the device, and its link now. A port that is not open is all zero.
void port_info(const struct port *p, struct shm_port_info *info);
void port_link(const struct port *p, struct shm_link *link);
