// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/loop.c - poll, work, flush, idle: a worker's whole life.
//
// Path     wire port rx burst -> path_ingress(); rings -> path_message(); timers; path_flush()
// Thread   one lcore a worker. The clock is read once a turn.
#include "dataplane/core/loop.h"
#include "dataplane/core/clock.h"
#include "dataplane/core/core_place.h"
#include "dataplane/core/idle.h"
#include "dataplane/core/path.h"

#include <errno.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_launch.h>
#include <rte_lcore.h>

// Some drivers take the VLAN tag out of the frame; what follows reads it there.
static void tags_restore(struct rte_mbuf **frames, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if ((frames[i]->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0)
			rte_vlan_insert(&frames[i]); // cannot fail: there is headroom
}

static unsigned receive(struct worker *w)
{
	struct rte_mbuf *frames[BURST_PKTS_MAX];
	unsigned count =
		rte_eth_rx_burst(w->dp->wire_port, (uint16_t)w->id, frames, BURST_PKTS_MAX);

	w->stats.polls++;
	if (count == 0)
		w->stats.polls_empty++;
	tags_restore(frames, count);
	if (count != 0)
		path_ingress(w, frames, count);
	return count;
}

static unsigned messages(struct worker *w, struct rte_ring *ring)
{
	struct xmsg msgs[BURST_PKTS_MAX];

	if (ring == NULL)
		return 0;
	unsigned count = xmsg_receive(ring, msgs, BURST_PKTS_MAX);
	for (unsigned i = 0; i < count; i++)
		path_message(w, &msgs[i]);
	return count;
}

// 'worked': the turn since the last reading did.
static void clock_read(struct worker *w, bool worked)
{
	uint64_t now_us = clock_us();

	if (w->now_us != 0 && now_us - w->now_us > w->stats.drift_max_us)
		w->stats.drift_max_us = now_us - w->now_us;
	if (worked)
		w->stats.busy_us += now_us - w->now_us;
	w->now_us = now_us;
}

bool loop_turn(struct worker *w)
{
	unsigned work = receive(w);

	work += messages(w, w->from_main);
	for (unsigned from = 0; from < w->dp->worker_count; from++)
		work += messages(w, w->from_worker[from]);
	if (w->now_us >= w->pacing_us)
		path_pacing(w);
	if (w->now_us >= w->housekeeping_us)
		path_housekeeping(w);
	path_flush(w);
	return work != 0;
}

static int loop_run(void *arg)
{
	struct loops *l = arg;
	struct worker *w = &l->dp->workers[rte_lcore_id() - 1];
	struct idle idle;
	bool worked = false;

	core_place(&w->stats);
	idle_start(&idle, l->adaptive ? IDLE_SLEEP_US_WORKER : 0);
	while (!atomic_load_explicit(&l->stop, memory_order_relaxed)) {
		clock_read(w, worked);
		worked = loop_turn(w);
		idle_after_poll(&idle, worked);
	}
	return 0;
}

int loops_start(struct loops *l, struct dataplane *dp, bool adaptive)
{
	*l = (struct loops){.dp = dp, .adaptive = adaptive};
	for (unsigned id = 0; id < dp->worker_count; id++) {
		int err = rte_lcore_is_enabled(id + 1) ? rte_eal_remote_launch(loop_run, l, id + 1)
						       : -ENODEV;
		if (err == 0)
			continue;
		loops_stop(l);
		return err;
	}
	return 0;
}

void loops_stop(struct loops *l)
{
	atomic_store_explicit(&l->stop, true, memory_order_relaxed);
	rte_eal_mp_wait_lcore();
}
