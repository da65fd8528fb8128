// SPDX-License-Identifier: Apache-2.0
//
// dataplane/egress/queue.h - what a worker has made since the last flush: frames in order, the seal
// jobs some of them still wait for, and frames the port had no room for. Inside egress/ only.
//
// Places   an mbuf of the pool lies where the next frame will be, and more behind it: whoever makes
//          a frame fills that one, and it counts from when it is queued. One that is given up is
//          left as it lies.
#pragma once

#include "dataplane/core/limits.h"
#include "dataplane/core/pools.h"
#include "dataplane/egress/egress.h"
#include "dataplane/egress/header.h"
#include "dataplane/srtp/engine.h"

#include <rte_prefetch.h>
#include <string.h>

struct egress_entry {
	struct subscription *subscription; // RTP only
	struct transport *transport; // whose statistics count it; NULL: nobody's
	uint16_t media_bytes; // RTP payload
	uint16_t udp_bytes; // UDP payload as sent
};

struct egress {
	unsigned frame_count;
	unsigned job_count;
	unsigned plain_count;
	unsigned source_count;
	unsigned fresh_count; // behind the frames: mbufs that none was made in yet
	unsigned waiting_count;
	bool gaps; // a frame is NULL
	struct rte_mbuf *frames[BURST_PKTS_MAX]; // in order; NULL: dropped since. Then fresh ones
	struct egress_entry entries[BURST_PKTS_MAX]; // of the frames
	struct srtp_job jobs[BURST_PKTS_MAX];
	uint8_t heads[BURST_PKTS_MAX][SRTP_HEAD_BYTES]; // of the jobs that have one
	uint16_t plain_frame[BURST_PKTS_MAX]; // complete but for checksums: no SRTP
	struct rte_mbuf *sources[BURST_PKTS_MAX]; // what the jobs read; freed when they are sealed
	struct rte_mbuf *waiting[EGRESS_WAITING_MAX]; // oldest first; counted as sent
};

// Whoever wants so few is seldom the only one of a burst: several are taken at once.
enum { EGRESS_FRESH_FEW = 4, EGRESS_FRESH_ONCE = 8 };

// Takes as many mbufs from the pool as are wanted, have places and are there, where none is fresh.
// False: none is there.
bool egress_take_fresh(struct worker *w, unsigned wanted);

// Where a frame's bytes go: mbufs of our pool are all laid out alike, so none has to be read for
// it.
static inline uint8_t *egress_frame(struct rte_mbuf *m)
{
	return (uint8_t *)(m + 1) + POOLS_PRIVATE_BYTES + RTE_PKTMBUF_HEADROOM;
}

// What a fresh mbuf is written to first: fetching all of it cost more than it saved.
static inline void egress_fetch(struct rte_mbuf *m)
{
	rte_prefetch0(m);
	rte_prefetch0(egress_frame(m));
}

// egress_flush() for whoever is short of room and has more to come.
void egress_send(struct worker *w);

// How many of 'wanted' frames may be made in the next places and queued without a further look: at
// least one, but for an empty pool.
static inline unsigned egress_room(struct worker *w, unsigned wanted)
{
	struct egress *e = w->egress;

	if (e->frame_count == BURST_PKTS_MAX)
		egress_send(w);
	if (e->fresh_count == 0 && !egress_take_fresh(w, wanted))
		return 0;
	return RTE_MIN(wanted, e->fresh_count);
}

// The fresh ones, from the next place on.
static inline struct rte_mbuf **egress_next(struct egress *e)
{
	return &e->frames[e->frame_count];
}

// The mbuf in the next place, if the template and 'udp_bytes' behind it fit. NULL after counting
// the drop.
static inline struct rte_mbuf *egress_take(struct worker *w, const struct header_template *h,
					   size_t udp_bytes)
{
	if (udp_bytes > h->udp_room) {
		drop_egress(w, SHM_EGRESS_DROP_TOO_LONG);
		return NULL;
	}
	if (egress_room(w, 1) == 0) {
		drop_egress(w, SHM_EGRESS_DROP_NO_MBUF);
		return NULL;
	}
	return *egress_next(w->egress);
}

// Frames were made in the next places.
static inline void egress_made(struct egress *e, unsigned count)
{
	e->frame_count += count;
	e->fresh_count -= count;
}

// From here on a frame counts as sent; what is refused after all is taken back (tx.c).
static inline void egress_count(struct transport *t, uint32_t udp_bytes)
{
	t->stats.packets_sent++;
	t->stats.bytes_sent += udp_bytes;
}

// Likewise the media of a consumer's.
static inline void egress_count_media(struct subscription *s, uint32_t media_bytes, uint64_t now_us)
{
	uint64_t last_us = s->last_sent_us;

	if (now_us - last_us > s->stats.max_send_gap_us && last_us != 0)
		s->stats.max_send_gap_us = now_us - last_us;
	s->last_sent_us = now_us;
	s->stats.packets_sent++;
	s->stats.bytes_sent += media_bytes;
}

// Who has a frame counted. NULL: nobody, and no consumer.
static inline struct egress_entry egress_entry_of(struct transport *t, struct subscription *s,
						  uint32_t media_bytes, uint32_t udp_bytes)
{
	return (struct egress_entry){s, t, (uint16_t)media_bytes, (uint16_t)udp_bytes};
}

// The datagram in the next place, whose 'udp_bytes' behind the template's size are written: queues
// it to be sent as it is. 't' counts it; NULL: nobody.
static inline void egress_queue_datagram(struct worker *w, const struct header_template *h,
					 struct transport *t, size_t udp_bytes)
{
	const struct header_form form = header_form(h, udp_bytes);
	struct egress *e = w->egress;
	struct rte_mbuf *m = *egress_next(e);
	uint8_t header[HEADER_ROOM];

	header_describe(m, &form);
	header_write(header, h, &form);
	memcpy(egress_frame(m), header, h->size);
	if (h->tx_flags == 0)
		header_checksums(w->dp, m);
	e->entries[e->frame_count] = egress_entry_of(t, NULL, 0, (uint32_t)udp_bytes);
	egress_made(e, 1);
	if (t != NULL)
		egress_count(t, (uint32_t)udp_bytes);
}
