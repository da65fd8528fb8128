// SPDX-License-Identifier: Apache-2.0
//
// tests/path/harness.h - a dataplane without threads: stages are called directly, frames go in and
// come out as data.
//
// The EAL runs without hugepages, PCI and files. The wire port is a net_ring ethdev: what a worker
// transmits lies in a ring until harness_sent() takes it. Time stands still unless a test moves it.
#pragma once

#include "dataplane/core/worker.h"
#include "proto/rtc/addr.h"

#include <rte_ether.h>
#include <rte_mbuf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HARNESS_TRANSPORTS = 64,
	HARNESS_TRACKS = 64,
	HARNESS_SUBSCRIPTIONS = 320,
	HARNESS_PACKETS = 4095,
	HARNESS_PUBLIC_PORT = 3478,
	HARNESS_INTERNAL_FIRST = 40000,
	HARNESS_INTERNAL_LAST = 40099,
	HARNESS_PLAIN_FIRST = 30000,
	HARNESS_PLAIN_LAST = 30015,
	HARNESS_MTU = 1500,
};

struct harness {
	struct dataplane dp; // complete: tables, workers, rings, segment
	struct rte_ring *wire_rx[SHM_WORKERS_MAX];
	struct rte_ring *wire_tx[SHM_WORKERS_MAX];
	int shm_fd;
};

// Starts the EAL on the first call; a second call changes nothing. Ends the process with a sentence
// if that fails.
void harness_eal(void);
// The same, first, with lcores for workers that run by themselves: the EAL's --lcores.
void harness_eal_on(const char *lcores);

// A dataplane with 'workers' workers and nothing in its tables. Ends the process on failure.
struct harness *harness_new(unsigned workers);

// Frees everything. Returns how many mbufs were still in use: what the test forgot, or a leak.
unsigned harness_free(struct harness *h);

unsigned harness_mbufs_in_use(const struct harness *h);

// The instant of the next burst, for all workers.
void harness_time(struct harness *h, uint64_t now_us);

// Parses "192.0.2.1" or "2001:db8::1". Ends the process on nonsense.
struct rtc_addr harness_addr(const char *ip, uint16_t port);

// An Ethernet frame with UDP in it. Zero MACs, TTL and identification get a default.
struct harness_udp {
	struct rtc_addr from;
	struct rtc_addr to;
	struct rte_ether_addr from_mac;
	struct rte_ether_addr to_mac;
	uint16_t vlan_tci; // 0: untagged
	const void *payload;
	uint16_t payload_size;
};

// Crafts the frame with right lengths and checksums.
struct rte_mbuf *harness_udp_frame(struct harness *h, const struct harness_udp *u);

// Any bytes as a frame.
struct rte_mbuf *harness_frame(struct harness *h, const void *bytes, size_t size);

// Reads a frame back by means of its own (no stage of the dataplane) and says what is wrong in
// lengths or checksums: NULL if all is well. 'u' points into the frame.
const char *harness_udp_read(const struct rte_mbuf *m, struct harness_udp *u);

// Takes what worker 'id' has transmitted since the last call, at most 'max' frames; the caller
// frees them.
unsigned harness_sent(struct harness *h, unsigned id, struct rte_mbuf **frames, unsigned max);

// Takes what worker 'id' has sent to main.
unsigned harness_to_main(struct harness *h, unsigned id, struct xmsg *msgs, unsigned max);

// Hands everything that lies in the rings towards worker 'id' to path_message(). Returns how many.
unsigned harness_deliver(struct harness *h, unsigned id);
