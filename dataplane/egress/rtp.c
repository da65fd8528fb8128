// SPDX-License-Identifier: Apache-2.0
//
// dataplane/egress/rtp.c - one consumer's RTP packet: a frame, and a job to seal it.
//
// Path     forward/rewrite.c -> [egress_rtp] -> egress/tx.c
// Thread   the worker that owns the subscriber's transport.
// Index    an egress index is reserved in the segment before it is used, so that whoever takes the
//          record over after a crash starts above it (design section 6).
// Copy     the payload is copied at once and sealed in place, which is what libsrtp2 can do.
#include "proto/rtc/rtp.h"
#include "dataplane/egress/egress.h"
#include "dataplane/egress/header.h"
#include "dataplane/egress/queue.h"
#include "dataplane/link/publish.h"
#include "proto/rtc/seq.h"

#include <string.h>

static uint8_t *put_packet(uint8_t *at, const struct egress_rtp_packet *p)
{
	const struct rtp_header header = {
		.ssrc = p->ssrc,
		.ts = p->timestamp,
		.seq = (uint16_t)p->index,
		.pt = p->pt,
		.marker = p->marker,
		.extension = p->ext_size != 0,
	};

	rtp_write_header(at, &header);
	at += RTP_HEADER_BYTES;
	if (p->ext_size != 0)
		memcpy(at, p->ext, p->ext_size);
	at += p->ext_size;
	memcpy(at, p->payload, p->payload_size);
	return at;
}

static void queue_job(struct worker *w, struct rte_mbuf *m, const struct egress_rtp_packet *p)
{
	struct egress *e = w->egress;
	uint8_t *at = egress_frame_payload(m);
	uint8_t *payload = put_packet(at, p);

	if (e->job_count == BURST_PKTS_MAX)
		egress_flush(w);
	struct egress_entry *entry = egress_queue(w, m);
	entry->transport = p->transport;
	entry->subscription = p->subscription;
	entry->media_bytes = p->payload_size;
	e->job_entry[e->job_count] = (uint16_t)(entry - e->entries);
	e->jobs[e->job_count++] = (struct srtp_job){
		.stream = p->srtp,
		.in = at,
		.out = at,
		.in_size = (uint16_t)(payload - at + p->payload_size),
		.header_size = (uint16_t)(payload - at),
		.index = p->index,
	};
}

// A plain transport without SRTP: complete as it is.
static void queue_plain(struct worker *w, struct rte_mbuf *m, const struct egress_rtp_packet *p)
{
	uint8_t *at = egress_frame_payload(m);
	size_t size = (size_t)(put_packet(at, p) - at) + p->payload_size;

	header_finish(w->dp, m, size);
	struct egress_entry *entry = egress_queue(w, m);
	entry->transport = p->transport;
	entry->subscription = p->subscription;
	entry->media_bytes = p->payload_size;
	entry->udp_bytes = (uint16_t)size;
}

bool egress_rtp(struct worker *w, const struct egress_rtp_packet *p)
{
	size_t size = RTP_HEADER_BYTES + (size_t)p->ext_size + p->payload_size;

	if (!egress_path_ok(w, p->transport))
		return false;
	if (p->index > SEQ_INDEX_MAX) {
		drop_egress(w, SHM_EGRESS_DROP_INDEX_LIMIT);
		return false;
	}
	struct rte_mbuf *m = egress_frame_new(w, &p->transport->path, size + SRTP_TAG_BYTES_MAX);
	if (m == NULL)
		return false;
	if (p->index >= p->subscription->srtp_index_reserved)
		publish_subscription(w, p->subscription);
	if (p->srtp != NULL)
		queue_job(w, m, p);
	else
		queue_plain(w, m, p);
	return true;
}
