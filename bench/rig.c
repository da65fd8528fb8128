// SPDX-License-Identifier: Apache-2.0
//
// bench/rig.c - the life of a rig: EAL, port, tables, and the packets that go through.
#include "bench/rig.h"

#include "bench/rig_records.h"
#include "bench/timing.h"
#include "dataplane/core/packet.h"
#include "dataplane/core/path.h"
#include "dataplane/core/pools.h"
#include "dataplane/core/state.h"
#include "dataplane/srtp/engine.h"
#include "proto/rtc/bytes.h"

#include <assert.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	PACKETS = 8191,
	FRAMES_MAX = 2048, // received packets of one block
	ETHERNET_IP_UDP_BYTES = 14 + 20 + 8,
	PUBLISHER_EXT_BYTES = 12,
	PUBLISHER_HEADER_BYTES = 12 + PUBLISHER_EXT_BYTES,
	MTU = 1500,
	MEMORY_MB = 1280,
};

static void fail(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

// Enough free hugepages for the largest rig.
static bool hugepages_free(void)
{
	FILE *info = fopen("/proc/meminfo", "r");
	char line[128];
	unsigned long free_pages = 0, page_kb = 0;

	while (info != NULL && fgets(line, sizeof(line), info) != NULL) {
		sscanf(line, "HugePages_Free: %lu", &free_pages);
		sscanf(line, "Hugepagesize: %lu", &page_kb);
	}
	if (info != NULL)
		fclose(info);
	return free_pages * page_kb / 1024 >= MEMORY_MB;
}

static bool huge;

const char *rig_pages(void)
{
	return huge ? "huge" : "4k";
}

// An lcore on each CPU we may run on (taskset), as far as there are workers for them.
static void lcores_write(char *at, size_t room)
{
	cpu_set_t allowed;
	size_t used = (size_t)snprintf(at, room, "--lcores=");
	unsigned lcore = 0;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
		fail("the CPUs we may run on are not told");
	for (unsigned cpu = 0; cpu < CPU_SETSIZE && lcore < RIG_WORKERS_MAX; cpu++)
		if (CPU_ISSET(cpu, &allowed)) {
			used += (size_t)snprintf(at + used, room - used, "%s%u@%u",
						 lcore == 0 ? "" : ",", lcore, cpu);
			lcore++;
		}
}

// With hugepages, as the dataplane has them, where there are some; under valgrind without, as it
// has no room for what the EAL sets aside for them.
static void eal_start(void)
{
	static bool started;
	static char lcores[64], memory[16];
	const char *args[] = {
		"bench", "--no-pci", "--no-shconf", "--no-telemetry",		"--log-level=4",
		lcores,	 "-m",	     memory,	    "--vdev=net_null0,no-rx=1", "--in-memory"};
	enum { ARGS = sizeof(args) / sizeof(args[0]) };
	static char *argv[ARGS]; // the EAL keeps pointers into it

	if (started)
		return;
	started = true;
	huge = getenv("BENCH_INSTRUCTIONS") == NULL && hugepages_free();
	if (!huge)
		args[ARGS - 1] = "--no-huge";
	lcores_write(lcores, sizeof(lcores));
	snprintf(memory, sizeof(memory), "%d", MEMORY_MB);
	for (int i = 0; i < ARGS; i++)
		argv[i] = strdup(args[i]);
	if (rte_eal_init(ARGS, argv) < 0)
		fail("DPDK's EAL does not start");
}

static void port_start(struct rig *r)
{
	struct rte_eth_conf conf = {0};
	uint16_t port, queues = (uint16_t)r->dp.worker_count;

	bool ok = rte_eth_dev_get_port_by_name("net_null0", &port) == 0 &&
		  rte_eth_dev_configure(port, queues, queues, &conf) == 0;
	for (uint16_t q = 0; ok && q < queues; q++)
		ok = rte_eth_rx_queue_setup(port, q, 64, 0, NULL, r->dp.packets) == 0 &&
		     rte_eth_tx_queue_setup(port, q, 64, 0, NULL) == 0;
	if (!ok || rte_eth_dev_start(port) != 0)
		fail("the null port does not start");
	r->dp.wire_port = port;
	r->port_transmit = rte_eth_fp_ops[port].tx_pkt_burst;
}

struct rig *rig_empty(const struct rig_plan *plan)
{
	struct rig *r = calloc(1, sizeof(*r));

	eal_start();
	if (r == NULL)
		fail("no memory");
	r->plan = *plan;
	if (r->plan.workers == 0)
		r->plan.workers = 1;
	struct dataplane *dp = &r->dp;
	uint32_t consumers = plan->tracks * plan->consumers;
	uint32_t publishers = (plan->tracks + ENCODINGS_RECEIVED_MAX - 1) / ENCODINGS_RECEIVED_MAX;
	dp->limits = (struct shm_limits_config){publishers + consumers, plan->tracks, consumers,
						r->plan.workers};
	dp->worker_count = r->plan.workers;
	dp->wire_mtu = MTU;
	dp->public_port = 3478;
	dp->internal_port_first = 10000;
	dp->internal_port_last = 65000;
	dp->srtp = plan->engine;
	dp->tx_checksum_offload = plan->checksum == BENCH_OFFLOAD;
	dp->udp_checksum_ipv4 = plan->checksum == BENCH_SOFTWARE;
	r->shm_fd = shm_segment_create(&dp->shm, &dp->limits, 1);
	dp->packets = pools_packets_new(PACKETS * r->plan.workers);
	if (r->shm_fd < 0 || dp->packets == NULL || state_new(dp) != 0)
		fail("no memory for the tables");
	port_start(r);
	r->worker = &dp->workers[0];
	for (uint32_t i = 0; i < dp->worker_count; i++)
		dp->workers[i].now_us = 1000000;
	r->publishers = publishers;
	r->frames = calloc(FRAMES_MAX, sizeof(r->frames[0]));
	r->next_seq = calloc(plan->tracks, sizeof(r->next_seq[0]));
	r->streams = calloc(plan->tracks, sizeof(r->streams[0]));
	r->lanes = plan->engine->lanes_new();
	if (r->frames == NULL || r->next_seq == NULL || r->streams == NULL || r->lanes == NULL)
		fail("no memory");
	return r;
}

struct rig *rig_new(const struct rig_plan *plan)
{
	struct rig *r = rig_empty(plan);

	rig_records_make(r);
	if ((plan->features & BENCH_PACING) != 0)
		rig_paths_paced(r);
	if ((plan->features & BENCH_LAYERS) == 0)
		return r;
	rig_layers_bound(r);
	// The keyframe, and a picture that nobody gets: ids differ from the publisher's behind it.
	for (unsigned i = 0; i < 2; i++) {
		rig_receive(r, plan->tracks);
		rig_run(r);
	}
	return r;
}

void rig_free(struct rig *r)
{
	for (uint32_t i = 0; i < r->plan.tracks; i++)
		r->plan.engine->stream_free(r->streams[i]);
	r->plan.engine->lanes_free(r->lanes);
	rte_eth_dev_stop(r->dp.wire_port);
	epochs_free(r->epochs);
	state_free(&r->dp);
	rte_mempool_free(r->dp.packets);
	shm_segment_detach(&r->dp.shm);
	close(r->shm_fd);
	free(r->frames);
	free(r->next_seq);
	free(r->streams);
	free(r);
}

struct worker *rig_worker(struct rig *r, unsigned id)
{
	return &r->dp.workers[id];
}

uint32_t rig_header_bytes(const struct rig *r)
{
	return r->header_bytes;
}

// VP8 as RFC 7741 has it: the first packet of a keyframe once, then one of a delta frame each.
static void payload_put(uint8_t *at, uint32_t bytes, bool keyframe)
{
	memset(at, 0x5a, bytes);
	at[0] = 0x10;
	at[1] = keyframe ? 0x00 : 0x01;
}

// The same with picture ids and three temporal layers, of which the topmost comes once.
static void layered_put(uint8_t *at, uint32_t bytes, uint64_t seq)
{
	uint64_t temporal = seq == 1 ? RIG_TEMPORAL_MAX + 1 : seq % 2;

	memset(at, 0x5a, bytes);
	at[0] = 0x90; // more follows; first packet of a picture
	at[1] = 0xe0; // picture id, TL0PICIDX, temporal layer
	bytes_store_be16(at + 2, (uint16_t)(0x8000 | seq));
	at[4] = (uint8_t)(seq / 2);
	at[5] = (uint8_t)(temporal << 6);
	at[6] = seq == 0 ? 0x00 : 0x01;
}

static size_t plain_put(struct rig *r, uint8_t *at, uint32_t track)
{
	uint64_t seq = r->next_seq[track]++;
	// abs-send-time (2) or audio level (1), transport-wide number (3).
	static const uint8_t ext[PUBLISHER_EXT_BYTES] = {0xbe, 0xde, 0,	   2, 0x22, 1,
							 2,    3,    0x31, 0, 1,    0};

	at[0] = 0x90;
	at[1] = RIG_PT;
	bytes_store_be16(at + 2, (uint16_t)seq);
	bytes_store_be32(at + 4, (uint32_t)seq * 3000);
	bytes_store_be32(at + 8, RIG_TRACK_SSRC + track);
	memcpy(at + 12, ext, sizeof(ext));
	if (!rig_is_video(&r->plan))
		memcpy(at + 16, (const uint8_t[]){0x10, 0x85, 0, 0}, 4);
	if ((r->plan.features & BENCH_LAYERS) != 0)
		layered_put(at + PUBLISHER_HEADER_BYTES, r->plan.bytes, seq);
	else
		payload_put(at + PUBLISHER_HEADER_BYTES, r->plan.bytes, seq == 0);
	return PUBLISHER_HEADER_BYTES + r->plan.bytes;
}

static struct rte_mbuf *frame_make(struct rig *r, uint32_t track)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(r->dp.packets);
	if (m == NULL)
		fail("the pool is empty");
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	uint8_t *rtp = frame + ETHERNET_IP_UDP_BYTES;
	uint64_t index = r->next_seq[track];
	struct srtp_job job = {
		.stream = r->streams[track],
		.packet = rtp,
		.payload = rtp + PUBLISHER_HEADER_BYTES,
		.index = index,
		.header_size = PUBLISHER_HEADER_BYTES,
		.size = (uint16_t)plain_put(r, rtp, track),
	};

	r->plan.engine->seal(r->lanes, &job, 1);
	assert(job.status == SRTP_OK);
	rig_frame_header(r, track / ENCODINGS_RECEIVED_MAX, frame, job.out_size);
	m->data_len = (uint16_t)(ETHERNET_IP_UDP_BYTES + job.out_size);
	m->pkt_len = m->data_len;
	return m;
}

void rig_receive(struct rig *r, unsigned count)
{
	assert(r->frame_count == 0 && count <= FRAMES_MAX);
	for (unsigned i = 0; i < count; i++) {
		r->frames[r->frame_count++] = frame_make(r, r->next_track);
		r->next_track = (r->next_track + 1) % r->plan.tracks;
	}
}

unsigned rig_run(struct rig *r)
{
	uint64_t before = r->worker->stats.packets_sent;

	for (unsigned at = 0; at < r->frame_count; at += BURST_PKTS_MAX) {
		unsigned count = r->frame_count - at;
		r->worker->now_us += 1000;
		path_ingress(r->worker, r->frames + at,
			     count < BURST_PKTS_MAX ? count : BURST_PKTS_MAX);
		path_flush(r->worker);
	}
	r->frame_count = 0;
	return (unsigned)(r->worker->stats.packets_sent - before);
}

// The one whose stages are measured: the engine's and the port's functions have no context.
static struct rig *measured;

static unsigned seal_measured(struct srtp_lanes *lanes, struct srtp_job *jobs, unsigned count)
{
	uint64_t start = ticks_now();
	unsigned failed = measured->plan.engine->seal(lanes, jobs, count);

	measured->stages.seal += ticks_now() - start;
	return failed;
}

static void open_measured(struct srtp_lanes *lanes, struct srtp_job *jobs, unsigned count)
{
	uint64_t start = ticks_now();

	measured->plan.engine->open(lanes, jobs, count);
	measured->stages.open += ticks_now() - start;
}

static uint16_t transmit_measured(void *queue, struct rte_mbuf **frames, uint16_t count)
{
	uint64_t start = ticks_now();
	uint16_t taken = measured->port_transmit(queue, frames, count);

	measured->stages.transmit += ticks_now() - start;
	return taken;
}

void rig_stages_start(struct rig *r)
{
	measured = r;
	r->stages = (struct rig_stages){0};
	r->engine_measured = *r->plan.engine;
	r->engine_measured.seal = seal_measured;
	r->engine_measured.open = open_measured;
	r->dp.srtp = &r->engine_measured;
	rte_eth_fp_ops[r->dp.wire_port].tx_pkt_burst = transmit_measured;
}

struct rig_stages rig_stages_stop(struct rig *r)
{
	r->dp.srtp = r->plan.engine;
	rte_eth_fp_ops[r->dp.wire_port].tx_pkt_burst = r->port_transmit;
	return r->stages;
}
