// SPDX-License-Identifier: Apache-2.0
//
// bench/load/load.c - the load generator: publishers and sinks of a running SFU in one process, on
// one core, behind one ethdev (memif towards sluice-dataplane).
//
// Told     on standard input: a plan (plan.h), then "trial RATE SECONDS" lines, RATE in packets of
//          all publishers together a second, and "crossing" lines (crossing.h). Each is answered by
//          one JSON object.
// Thread   main alone.
#include "bench/load/crossing.h"
#include "bench/load/trial.h"
#include "bench/timing.h"
#include "dataplane/srtp/engine.h"

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PACKETS = 16383, CACHED = 256, QUEUE_SLOTS = 1024, LINK_PATIENCE_MS = 10000 };

static struct plan plan;
static uint32_t consumers[PLAN_PUBLISHERS_MAX];

static void fail(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

static void eal_start(const char *core, const char *devargs)
{
	static char lcores[64], vdev[512];
	static const char *const args[] = {
		"bench_load",	 "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry",
		"--log-level=4", "-m",	      "256",	  "--vdev",	 vdev,
		lcores};
	enum { ARGS = sizeof(args) / sizeof(args[0]) };
	static char *argv[ARGS]; // the EAL keeps pointers into it

	snprintf(lcores, sizeof(lcores), "--lcores=0@%s", core);
	snprintf(vdev, sizeof(vdev), "%s", devargs);
	for (int i = 0; i < ARGS; i++)
		argv[i] = strdup(args[i]);
	if (rte_eal_init(ARGS, argv) < 0)
		fail("DPDK's EAL does not start: is --core a CPU of this machine?");
}

static uint16_t port_start(struct rte_mempool *packets)
{
	struct rte_eth_conf conf = {0};
	uint16_t port = 0, slots_rx = QUEUE_SLOTS, slots_tx = QUEUE_SLOTS;
	struct rte_eth_link link;

	if (rte_eth_dev_count_avail() != 1 || rte_eth_dev_configure(port, 1, 1, &conf) != 0 ||
	    rte_eth_dev_adjust_nb_rx_tx_desc(port, &slots_rx, &slots_tx) != 0 ||
	    rte_eth_rx_queue_setup(port, 0, slots_rx, SOCKET_ID_ANY, NULL, packets) != 0 ||
	    rte_eth_tx_queue_setup(port, 0, slots_tx, SOCKET_ID_ANY, NULL) != 0 ||
	    rte_eth_dev_start(port) != 0)
		fail("the port does not start: are --port's devargs right?");
	for (unsigned ms = 0; ms < LINK_PATIENCE_MS; ms++) {
		if (rte_eth_link_get_nowait(port, &link) == 0 && link.link_status)
			return port;
		rte_delay_us_sleep(1000); // no event tells of a vdev's link
	}
	fail("the port's link stays down: does the SFU run with the other end?");
	return 0;
}

static void calibration_print(const struct clock_facts *c)
{
	printf("{\"tsc_ghz\": %.4f, \"core_cycles_per_tsc_cycle\": %.3f, \"idle_gap_share\": "
	       "%.4f}\n",
	       c->ghz, c->core_ratio, c->gap_share);
	fflush(stdout);
}

static void crossing_print(const struct trial *t, unsigned far)
{
	printf("{\"crossing_ns\": %.1f}\n", (double)crossing_ticks(far) / t->ghz);
	fflush(stdout);
}

static void obey(const struct trial *t, unsigned far)
{
	static struct trial_result result;
	char line[128];
	double rate, seconds;

	while (fgets(line, sizeof(line), stdin) != NULL) {
		if (strcmp(line, "crossing\n") == 0) {
			crossing_print(t, far);
			continue;
		}
		if (sscanf(line, "trial %lf %lf", &rate, &seconds) != 2 || rate < 1 || seconds <= 0)
			fail("a line is wrong: it wants \"trial RATE SECONDS\" or \"crossing\"");
		trial_run(t, rate, seconds, &result);
		trial_print(t, rate, &result);
	}
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--clock") == 0) {
		struct clock_facts clock = clock_calibrate();
		calibration_print(&clock);
		return 0;
	}
	if (argc != 7 || strcmp(argv[1], "--core") != 0 || strcmp(argv[3], "--port") != 0 ||
	    strcmp(argv[5], "--far") != 0) {
		fprintf(stderr, "usage: bench_load --core CPU --port DEVARGS --far CPU <plan\n"
				"       bench_load --clock\n"
				"bench/run load runs it; bench/load/plan.h is the plan's format\n");
		return 2;
	}
	plan_read(&plan);
	eal_start(argv[2], argv[4]);
	if (!srtp_engine_ipsec_mb.start() || !srtp_engine_libsrtp2.start())
		fail("an SRTP engine does not start on this CPU");
	struct trial t = {.consumers = consumers};
	t.packets = rte_pktmbuf_pool_create("load", PACKETS, CACHED, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					    SOCKET_ID_ANY);
	if (t.packets == NULL)
		fail("no memory for packets");
	for (uint32_t i = 0; i < plan.sink_count; i++)
		consumers[plan.sinks[i].number]++;
	t.from = publishers_new(&plan);
	t.to = sinks_new(&plan, t.from);
	plan_forget_keys(&plan);
	t.port = port_start(t.packets);
	struct clock_facts clock = clock_calibrate();
	t.ghz = clock.ghz;
	calibration_print(&clock);
	obey(&t, (unsigned)strtoul(argv[6], NULL, 10));
	publishers_free(t.from);
	sinks_free(t.to);
	rte_eth_dev_stop(t.port);
	rte_eth_dev_close(t.port);
	return 0;
}
