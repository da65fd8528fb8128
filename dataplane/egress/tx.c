// SPDX-License-Identifier: Apache-2.0
//
// dataplane/egress/tx.c - seals what waits, hands the frames to the port, counts what it took.
//
// Path     [egress_flush] -> wire port, queue number of the worker.
// Books    a packet counts as sent for its transport and consumer once the port has taken it.
#include "dataplane/egress/egress.h"
#include "dataplane/egress/header.h"
#include "dataplane/egress/queue.h"

#include <rte_ethdev.h>

static void seal(struct worker *w, struct egress *e)
{
	if (e->job_count == 0)
		return;
	w->dp->srtp->seal(e->jobs, e->job_count);
	for (unsigned i = 0; i < e->job_count; i++) {
		struct egress_entry *entry = &e->entries[e->job_entry[i]];

		if (e->jobs[i].status != SRTP_OK) {
			drop_egress(w, SHM_EGRESS_DROP_SEAL);
			rte_pktmbuf_free(entry->frame);
			entry->frame = NULL;
			continue;
		}
		entry->udp_bytes = e->jobs[i].out_size;
		header_finish(w->dp, entry->frame, entry->udp_bytes);
	}
	e->job_count = 0;
}

static void media_sent(struct worker *w, struct subscription *s, uint16_t bytes)
{
	uint64_t gap_us = w->now_us - s->last_sent_us;

	if (s->last_sent_us != 0 && gap_us > s->stats.max_send_gap_us)
		s->stats.max_send_gap_us = gap_us;
	s->last_sent_us = w->now_us;
	s->stats.packets_sent++;
	s->stats.bytes_sent += bytes;
	s->sr_packets++;
	s->sr_octets += bytes;
}

static void sent(struct worker *w, const struct egress_entry *entry)
{
	w->stats.packets_sent++;
	if (entry->transport == NULL)
		return;
	entry->transport->stats.packets_sent++;
	entry->transport->stats.bytes_sent += entry->udp_bytes;
	if (entry->subscription != NULL)
		media_sent(w, entry->subscription, entry->media_bytes);
}

void egress_flush(struct worker *w)
{
	struct egress *e = w->egress;
	struct rte_mbuf *frames[EGRESS_FRAMES_MAX];
	unsigned count = 0;

	seal(w, e);
	for (unsigned i = 0; i < e->frame_count; i++) {
		if (e->entries[i].frame == NULL)
			continue;
		e->entries[count] = e->entries[i];
		frames[count++] = e->entries[i].frame;
	}
	e->frame_count = 0;
	if (count == 0)
		return;
	unsigned taken =
		rte_eth_tx_burst(w->dp->wire_port, (uint16_t)w->id, frames, (uint16_t)count);
	for (unsigned i = 0; i < taken; i++)
		sent(w, &e->entries[i]);
	w->stats.egress_drops[SHM_EGRESS_DROP_TX_FULL] += count - taken;
	rte_pktmbuf_free_bulk(&frames[taken], count - taken);
}
