// SPDX-License-Identifier: Apache-2.0
//
// dataplane/egress/queue.h - what a worker has made since the last flush: frames in order, the seal
// jobs some of them still wait for, and frames the port had no room for. Inside egress/ only.
#pragma once

#include "dataplane/core/limits.h"
#include "dataplane/egress/egress.h"
#include "dataplane/srtp/engine.h"

#include <rte_prefetch.h>
#include <string.h>

enum {
	EGRESS_FRAMES_MAX = 2 * BURST_PKTS_MAX,
	EGRESS_HEADER_FIRST = 64 - offsetof(struct header_template, bytes),
	FRESH_AHEAD = 5, // frames
	FRESH_NEAR = 2,
	EGRESS_FRESH_FIRST = 4, // mbufs taken from the pool at once; doubles until the flush
};

struct egress_entry {
	struct transport *transport; // whose statistics count it; NULL: nobody's
	struct subscription *subscription; // RTP only
	uint16_t media_bytes; // RTP payload
	uint16_t udp_bytes; // UDP payload as sent
};

struct egress {
	unsigned frame_count;
	unsigned job_count;
	unsigned plain_count;
	unsigned source_count;
	unsigned fresh_count;
	unsigned fresh_next; // how many to take next time
	unsigned waiting_count;
	bool gaps; // a frame is NULL
	struct rte_mbuf *frames[EGRESS_FRAMES_MAX]; // in order; NULL: dropped since
	struct egress_entry entries[EGRESS_FRAMES_MAX]; // of the frames
	struct srtp_job jobs[BURST_PKTS_MAX];
	uint16_t job_frame[BURST_PKTS_MAX]; // the frame a job seals
	uint8_t heads[BURST_PKTS_MAX][SRTP_HEAD_BYTES]; // of the jobs that have one
	uint16_t plain_frame[BURST_PKTS_MAX]; // complete but for lengths and checksums: no SRTP
	struct rte_mbuf *sources[BURST_PKTS_MAX]; // what the jobs read; freed when they are sealed
	struct rte_mbuf *fresh[BURST_PKTS_MAX]; // taken from the pool, as they lie there
	struct rte_mbuf *waiting[EGRESS_WAITING_MAX]; // oldest first; counted as sent
};

// Takes mbufs from the pool, several at once. False if it is empty.
bool egress_take_fresh(struct worker *w);

// What the next frames will be written to: the bytes of one, and before that what says where they
// are.
static inline void egress_fetch_fresh(const struct egress *e)
{
	if (e->fresh_count >= FRESH_AHEAD)
		rte_prefetch0(e->fresh[e->fresh_count - FRESH_AHEAD]);
	if (e->fresh_count >= FRESH_NEAR)
		rte_prefetch0(rte_pktmbuf_mtod(e->fresh[e->fresh_count - FRESH_NEAR], void *));
}

// A frame with the template in front, its l2_len and l3_len set, and 'size' more bytes behind for
// the caller to fill. NULL after counting the drop.
static inline struct rte_mbuf *egress_frame_new(struct worker *w, const struct header_template *h,
						size_t size)
{
	struct egress *e = w->egress;
	size_t whole = h->size + size;

	if (whole - h->l2_size > w->dp->wire_mtu || whole > FRAME_BYTES_MAX) {
		drop_egress(w, SHM_EGRESS_DROP_TOO_LONG);
		return NULL;
	}
	if (e->fresh_count == 0 && !egress_take_fresh(w)) {
		drop_egress(w, SHM_EGRESS_DROP_NO_MBUF);
		return NULL;
	}
	struct rte_mbuf *m = e->fresh[--e->fresh_count];
	egress_fetch_fresh(e);
	// All that sending looks at: the pool's have one segment, and one reference to it.
	m->data_off = RTE_PKTMBUF_HEADROOM;
	m->ol_flags = 0;
	m->tx_offload = rte_mbuf_tx_offload(h->l2_size, h->l3_size, 0, 0, 0, 0, 0);
	uint8_t *at = rte_pktmbuf_mtod(m, uint8_t *);
	// Up to the end of the template's first line, which is enough for IPv4: there is room
	// behind.
	memcpy(at, h->bytes, EGRESS_HEADER_FIRST);
	if (h->size > EGRESS_HEADER_FIRST)
		memcpy(at + EGRESS_HEADER_FIRST, h->bytes + EGRESS_HEADER_FIRST,
		       sizeof(h->bytes) - EGRESS_HEADER_FIRST);
	return m;
}

// The bytes behind the headers.
static inline uint8_t *egress_frame_payload(struct rte_mbuf *m, const struct header_template *h)
{
	return rte_pktmbuf_mtod_offset(m, uint8_t *, h->size);
}

// Seals what waits, and lets go of what was read for it.
void egress_seal(struct worker *w);

// egress_flush() for whoever is short of room and has more to come.
void egress_send(struct worker *w);

// The next free place, with 'm' in it; flushes first when there is none. The caller fills the
// entry.
static inline unsigned egress_queue(struct worker *w, struct rte_mbuf *m)
{
	struct egress *e = w->egress;

	if (e->frame_count == EGRESS_FRAMES_MAX)
		egress_send(w);
	e->frames[e->frame_count] = m;
	return e->frame_count++;
}
