// SPDX-License-Identifier: Apache-2.0
//
// dataplane/egress/tx.c - seals what waits, hands the frames to the port, counts what it took.
//
// Path     [egress_flush] -> wire port, queue number of the worker.
// Books    a packet counts as sent for its transport and consumer from when it is queued, while
//          their lines are at hand; what then neither the port takes nor the queue of those that
//          wait for it is taken back. What waits is never dropped.
#include "dataplane/egress/egress.h"
#include "dataplane/egress/header.h"
#include "dataplane/egress/queue.h"

#include <assert.h>
#include <rte_ethdev.h>
#include <string.h>

// Counted as sent when it was queued.
static void take_back(struct worker *w, unsigned frame, enum shm_egress_drop why)
{
	struct egress *e = w->egress;
	const struct egress_entry *entry = &e->entries[frame];
	struct subscription *s = entry->subscription;

	drop_egress(w, why);
	rte_pktmbuf_free(e->frames[frame]);
	e->frames[frame] = NULL;
	if (entry->transport == NULL)
		return;
	entry->transport->stats.packets_sent--;
	entry->transport->stats.bytes_sent -= entry->udp_bytes;
	if (s == NULL)
		return;
	s->stats.packets_sent--;
	s->stats.bytes_sent -= entry->media_bytes;
}

// The frame a job seals, 'from' or one behind it: both are in one order.
static unsigned frame_of(const struct egress *e, const struct srtp_job *job, unsigned from)
{
	for (;; from++) {
		assert(from < e->frame_count);
		if (e->frames[from] == NULL) // refused, too
			continue;
		if ((uintptr_t)job->packet - (uintptr_t)egress_frame(e->frames[from]) <
		    FRAME_BYTES_MAX)
			return from;
	}
}

static void seal_jobs(struct worker *w, struct egress *e)
{
	const bool ours = !w->dp->tx_checksum_offload;
	bool look = w->dp->srtp->seal(w->srtp, e->jobs, e->job_count) != 0 || ours;
	unsigned frame = 0;

	for (struct srtp_job *job = e->jobs; look && job != e->jobs + e->job_count; job++) {
		frame = frame_of(e, job, frame);
		if (job->status != SRTP_OK) {
			take_back(w, frame, SHM_EGRESS_DROP_SEAL);
			e->gaps = true;
			job->status = SRTP_OK; // as it is taken to be of the next that lies there
		} else if (ours) {
			header_checksums(w->dp, e->frames[frame]);
		}
	}
	e->job_count = 0;
}

void egress_seal(struct worker *w)
{
	struct egress *e = w->egress;

	if (e->job_count != 0)
		seal_jobs(w, e);
	for (unsigned i = 0; i < e->plain_count && !w->dp->tx_checksum_offload; i++)
		header_checksums(w->dp, e->frames[e->plain_frame[i]]);
	e->plain_count = 0;
	rte_pktmbuf_free_bulk(e->sources, e->source_count);
	e->source_count = 0;
}

void egress_release(struct worker *w, struct rte_mbuf *source)
{
	struct egress *e = w->egress;

	if (e->source_count == BURST_PKTS_MAX)
		egress_seal(w);
	if (e->job_count == 0)
		rte_pktmbuf_free(source);
	else
		e->sources[e->source_count++] = source;
}

static unsigned transmit(struct worker *w, struct rte_mbuf **frames, unsigned count)
{
	return count == 0 ? 0
			  : rte_eth_tx_burst(w->dp->wire_port, (uint16_t)w->id, frames,
					     (uint16_t)count);
}

// Frames of before go first. True if none is left.
static bool transmit_waiting(struct worker *w, struct egress *e)
{
	unsigned taken = transmit(w, e->waiting, e->waiting_count);

	e->waiting_count -= taken;
	memmove(e->waiting, e->waiting + taken, e->waiting_count * sizeof(e->waiting[0]));
	return e->waiting_count == 0;
}

// Closes the gaps that refused seals have left.
static unsigned compact(struct egress *e)
{
	unsigned count = 0;

	if (!e->gaps)
		return e->frame_count;
	e->gaps = false;
	for (unsigned i = 0; i < e->frame_count; i++) {
		if (e->frames[i] == NULL)
			continue;
		e->entries[count] = e->entries[i];
		e->frames[count++] = e->frames[i];
	}
	return count;
}

void egress_send(struct worker *w)
{
	struct egress *e = w->egress;

	assert(e->fresh_count == 0); // else they would be left behind
	egress_seal(w);
	unsigned count = compact(e);
	unsigned taken = transmit_waiting(w, e) ? transmit(w, e->frames, count) : 0;
	unsigned kept = 0;
	while (taken + kept < count && e->waiting_count < EGRESS_WAITING_MAX)
		e->waiting[e->waiting_count++] = e->frames[taken + kept++];
	w->stats.packets_sent += taken + kept;
	for (unsigned i = taken + kept; i < count; i++)
		take_back(w, i, SHM_EGRESS_DROP_TX_FULL);
	e->frame_count = 0;
}

void egress_flush(struct worker *w)
{
	struct egress *e = w->egress;

	rte_pktmbuf_free_bulk(egress_next(e), e->fresh_count);
	e->fresh_count = 0;
	egress_send(w);
}
