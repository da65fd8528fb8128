// SPDX-License-Identifier: Apache-2.0
//
// tests/path/harness.c - starts the EAL once and builds dataplanes for tests.
#include "tests/path/harness.h"
#include "dataplane/core/pools.h"
#include "dataplane/core/state.h"
#include "dataplane/srtp/engine.h"

#include <arpa/inet.h>
#include <assert.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WIRE_RING_SLOTS = 2048 };

static void fail(const char *what)
{
	fprintf(stderr, "harness: %s: %s\n", what, rte_strerror(rte_errno));
	exit(1);
}

void harness_eal_on(const char *lcores)
{
	static bool started;
	const char *const args[] = {
		"path-test",	 "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry",
		"--log-level=4", "--lcores",  lcores,	  "-m",		 "256"};
	enum { ARGS = sizeof(args) / sizeof(args[0]) };
	static char *argv[ARGS]; // reachable: the EAL keeps pointers into it

	if (started)
		return;
	started = true;
	for (int i = 0; i < ARGS; i++) // the EAL reorders its arguments; they are not ours to free
		argv[i] = strdup(args[i]);
	if (rte_eal_init(ARGS, argv) < 0)
		fail("EAL does not start");
}

void harness_eal(void)
{
	harness_eal_on("0");
}

static struct rte_ring *wire_ring(const char *way, unsigned worker)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "wire_%s%u", way, worker % SHM_WORKERS_MAX);
	struct rte_ring *r = rte_ring_create(name, WIRE_RING_SLOTS, SOCKET_ID_ANY, 0);
	if (r == NULL)
		fail("no ring");
	return r;
}

static void wire_port(struct harness *h)
{
	struct rte_eth_conf conf = {0};
	unsigned n = h->dp.worker_count;

	for (unsigned i = 0; i < n; i++) {
		h->wire_rx[i] = wire_ring("rx", i);
		h->wire_tx[i] = wire_ring("tx", i);
	}
	int port = rte_eth_from_rings("wire", h->wire_rx, n, h->wire_tx, n, 0);
	if (port < 0 || rte_eth_dev_configure((uint16_t)port, (uint16_t)n, (uint16_t)n, &conf) != 0)
		fail("no wire port");
	h->dp.wire_port = (uint16_t)port;
	for (uint16_t q = 0; q < n; q++)
		if (rte_eth_rx_queue_setup((uint16_t)port, q, 64, 0, NULL, h->dp.packets) != 0 ||
		    rte_eth_tx_queue_setup((uint16_t)port, q, 64, 0, NULL) != 0)
			fail("no queue");
	if (rte_eth_dev_start((uint16_t)port) != 0)
		fail("wire port does not start");
}

// The one of SLUICE_SRTP_ENGINE, or what this CPU runs best.
static const struct srtp_engine *engine(void)
{
	static const struct srtp_engine *started;
	const char *name = getenv("SLUICE_SRTP_ENGINE");
	char why[256];

	if (started == NULL)
		started = srtp_engine_start(name != NULL ? name : "auto", why, sizeof(why));
	if (started == NULL)
		fail(why);
	return started;
}

struct harness *harness_new(unsigned workers)
{
	struct harness *h = calloc(1, sizeof(*h));

	harness_eal();
	assert(workers >= 1 && workers <= SHM_WORKERS_MAX);
	if (h == NULL)
		fail("no memory");
	struct dataplane *dp = &h->dp;
	dp->limits = (struct shm_limits_config){HARNESS_TRANSPORTS, HARNESS_TRACKS,
						HARNESS_SUBSCRIPTIONS, workers};
	dp->worker_count = workers;
	dp->wire_mtu = HARNESS_MTU;
	dp->public_port = HARNESS_PUBLIC_PORT;
	dp->internal_port_first = HARNESS_INTERNAL_FIRST;
	dp->internal_port_last = HARNESS_INTERNAL_LAST;
	dp->plain_port_first = HARNESS_PLAIN_FIRST;
	dp->plain_port_last = HARNESS_PLAIN_LAST;
	dp->wire_mac = (struct rte_ether_addr){{2, 0, 0, 0, 0, 1}};
	dp->srtp = engine();
	dp->udp_checksum_ipv4 = true;
	atomic_store(&dp->control_attached, true);
	h->shm_fd = shm_segment_create(&dp->shm, &dp->limits, 1);
	if (h->shm_fd < 0)
		fail("no segment");
	dp->packets = pools_packets_new(HARNESS_PACKETS);
	if (dp->packets == NULL)
		fail("no packet pool");
	wire_port(h);
	if (state_new(dp) != 0)
		fail("no memory for the tables");
	harness_time(h, 1000000);
	return h;
}

unsigned harness_mbufs_in_use(const struct harness *h)
{
	return rte_mempool_in_use_count(h->dp.packets);
}

static void wire_port_remove(uint16_t port)
{
	struct rte_eth_dev_info info;

	if (rte_eth_dev_info_get(port, &info) != 0 || rte_eth_dev_stop(port) != 0 ||
	    rte_eth_dev_close(port) != 0 || rte_dev_remove(info.device) != 0)
		fail("wire port does not go away");
}

unsigned harness_free(struct harness *h)
{
	struct dataplane *dp = &h->dp;
	unsigned workers = dp->worker_count;

	state_free(dp);
	unsigned left = harness_mbufs_in_use(h);
	wire_port_remove(dp->wire_port);
	for (unsigned i = 0; i < workers; i++) {
		rte_ring_free(h->wire_rx[i]);
		rte_ring_free(h->wire_tx[i]);
	}
	rte_mempool_free(dp->packets);
	shm_segment_detach(&dp->shm);
	close(h->shm_fd);
	free(h);
	return left;
}

void harness_time(struct harness *h, uint64_t now_us)
{
	for (unsigned i = 0; i < h->dp.worker_count; i++)
		h->dp.workers[i].now_us = now_us;
}

struct rtc_addr harness_addr(const char *ip, uint16_t port)
{
	struct rtc_addr a = {.port = port};

	if (inet_pton(AF_INET, ip, a.ip) == 1)
		a.family = RTC_ADDR_V4;
	else if (inet_pton(AF_INET6, ip, a.ip) == 1)
		a.family = RTC_ADDR_V6;
	else
		fail(ip);
	return a;
}

unsigned harness_sent(struct harness *h, unsigned id, struct rte_mbuf **frames, unsigned max)
{
	return rte_ring_dequeue_burst(h->wire_tx[id], (void **)frames, max, NULL);
}

unsigned harness_to_main(struct harness *h, unsigned id, struct xmsg *msgs, unsigned max)
{
	return xmsg_receive(h->dp.workers[id].to_main, msgs, max);
}
