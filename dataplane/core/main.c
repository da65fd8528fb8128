// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/main.c - sluice-dataplane: configuration, EAL, memory plan, segment, ports,
// workers, then main's loop until a signal; and all of it back in reverse order.
//
// Exits    0 ended by a signal; 1 could not start; 2 wrong configuration, nothing started.
#include "dataplane/core/clock.h"
#include "dataplane/core/config.h"
#include "dataplane/core/eal_args.h"
#include "dataplane/core/loop.h"
#include "dataplane/core/main_lcore.h"
#include "dataplane/core/memplan.h"
#include "dataplane/core/pools.h"
#include "dataplane/core/runtime_dir.h"
#include "dataplane/core/state.h"
#include "dataplane/srtp/engine.h"

#include <inttypes.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_random.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { EXIT_START = 1, EXIT_CONFIG = 2, WHY_BYTES = 1024 };

struct process {
	struct config config;
	struct dataplane dp;
	struct port wire;
	struct kernel_port kernel;
	struct main_lcore main;
	struct loops loops;
	int segment_fd;
};

static struct process process = {
	.wire.id = PORT_NONE, .kernel.port.id = PORT_NONE, .segment_fd = -1};
static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static void signals(void)
{
	struct sigaction end = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};

	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGINT, &end, NULL);
	sigaction(SIGHUP, &end, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

static bool say(const char *why)
{
	fprintf(stderr, "sluice-dataplane: %s\n", why);
	return false;
}

static bool start_eal(const struct config *c, const struct memplan *plan)
{
	static struct eal_args args; // the EAL keeps them
	char cpus[CONFIG_TEXT_BYTES];

	if (!eal_args_allowed_cpus(cpus, sizeof(cpus)))
		return say("cannot read which CPUs it may use from /proc/self/status");
	if (!eal_args_make(&args, c, memplan_eal_mb(plan), cpus))
		return say("too many EAL arguments");
	if (rte_eal_init(args.count, args.argv) >= 0)
		return true;
	return say(
		"DPDK's EAL does not start (its log says why): check hugepages and the arguments "
		"behind --");
}

static struct shm_limits_config limits_of(const struct config *c)
{
	return (struct shm_limits_config){.transports = c->transports,
					  .tracks = c->tracks,
					  .subscriptions = c->subscriptions,
					  .workers = c->workers};
}

static bool start_segment(struct process *p)
{
	const struct config *c = &p->config;
	struct dataplane *dp = &p->dp;

	p->segment_fd = shm_segment_create(&dp->shm, &dp->limits, rte_rand());
	if (p->segment_fd < 0)
		return say("cannot make the shared segment: too little memory for the limits");
	struct shm_header *h = dp->shm.header;
	h->public_port = dp->public_port = (uint16_t)c->public_port;
	h->internal_port_first = dp->internal_port_first = (uint16_t)c->internal_port_first;
	h->internal_port_last = dp->internal_port_last = (uint16_t)c->internal_port_last;
	h->plain_port_first = dp->plain_port_first = (uint16_t)c->plain_port_first;
	h->plain_port_last = dp->plain_port_last = (uint16_t)c->plain_port_last;
	h->wire_mtu = dp->wire_mtu;
	port_info(&p->wire, &h->wire_port);
	port_info(&p->kernel.port, &h->kernel_port);
	return true;
}

static bool start_ports(struct process *p)
{
	const struct config *c = &p->config;
	char why[WHY_BYTES], wire[CONFIG_TEXT_BYTES + 32];

	p->dp.packets = pools_packets_new(c->packets);
	if (p->dp.packets == NULL)
		return say("no memory for the packet pool: lower packets, or give DPDK more");
	port_wire_devargs(wire, sizeof(wire), c->wire, c->workers);
	if (!port_open(&p->wire, wire, (uint16_t)c->workers, p->dp.packets, why, sizeof(why)) ||
	    !kernel_port_open(&p->kernel, c->kernel_port, &p->wire, p->dp.packets, why,
			      sizeof(why)))
		return say(why);
	p->dp.wire_port = p->wire.id;
	p->dp.wire_mtu = p->wire.mtu;
	p->dp.wire_mac = p->wire.mac;
	p->dp.tx_checksum_offload = p->wire.tx_checksum;
	p->dp.udp_checksum_ipv4 = c->udp_checksum_ipv4 == CONFIG_CHECKSUM_SOFTWARE;
	return true;
}

static bool start_workers(struct process *p)
{
	char why[WHY_BYTES];

	if (state_new(&p->dp) != 0)
		return say(
			"no memory for the tables: lower transports, tracks or subscriptions, or "
			"give DPDK more");
	if (!main_lcore_new(&p->main, &p->dp, &p->config, &p->wire, &p->kernel, p->segment_fd, why,
			    sizeof(why)))
		return say(why);
	int err = loops_start(&p->loops, &p->dp, p->config.idle == CONFIG_IDLE_ADAPTIVE);
	if (err == 0)
		return true;
	return say("a worker has no lcore: give the EAL lcores 0 (main) to the number of workers");
}

static bool start(struct process *p)
{
	struct dataplane *dp = &p->dp;
	struct memplan plan;
	char why[WHY_BYTES];

	dp->limits = limits_of(&p->config);
	dp->worker_count = p->config.workers;
	dp->srtp = srtp_engine_start(p->config.srtp_engine, why, sizeof(why));
	if (dp->srtp == NULL)
		return say(why);
	printf("SRTP engine: %s\n", dp->srtp->name);
	memplan_make(&plan, &dp->limits, p->config.packets, dp->srtp);
	memplan_print(&plan, stdout);
	return start_eal(&p->config, &plan) && start_ports(p) && start_segment(p) &&
	       start_workers(p);
}

static void end(struct process *p)
{
	struct port_counts n;

	if (p->loops.dp != NULL)
		loops_stop(&p->loops);
	main_lcore_free(&p->main);
	state_free(&p->dp);
	port_counts(&p->wire, &n);
	if (p->wire.id != PORT_NONE)
		printf("wire port: received %" PRIu64 ", missed %" PRIu64
		       ", without buffer %" PRIu64 ", sent %" PRIu64 ", send errors %" PRIu64 "\n",
		       n.received, n.missed, n.no_mbuf, n.sent, n.send_errors);
	port_close(&p->wire);
	shm_segment_detach(&p->dp.shm);
	if (p->segment_fd >= 0)
		close(p->segment_fd);
	// No rte_eal_cleanup(): it would stop the kernel port and so take the TAP down.
	runtime_dir_remove();
}

int main(int argc, char **argv)
{
	struct process *p = &process;
	char why[CONFIG_WHY_BYTES], mac[RTE_ETHER_ADDR_FMT_SIZE];

	setvbuf(stdout, NULL, _IOLBF, 0);
	switch (config_read(&p->config, argc, argv, why, sizeof(why))) {
	case CONFIG_SAID:
		return 0;
	case CONFIG_WRONG:
		say(why);
		return EXIT_CONFIG;
	case CONFIG_OK:
		break;
	}
	prctl(PR_SET_DUMPABLE, 0); // master keys lie in this memory: it goes into no core dump
	bool ok = start(p);
	if (ok) {
		signals();
		steering_print(&p->main.steering, stdout);
		rte_ether_format_addr(mac, sizeof(mac), &p->wire.mac);
		printf("ready: wire %s %s mtu %u, kernel port %s, %u workers, UDP port %u, socket "
		       "%s\n",
		       p->wire.name, mac, p->wire.mtu, p->config.kernel_port, p->config.workers,
		       p->config.public_port, p->config.socket);
		main_lcore_run(&p->main, &stop);
	}
	end(p);
	return ok ? 0 : EXIT_START;
}
