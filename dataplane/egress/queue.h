// SPDX-License-Identifier: Apache-2.0
//
// dataplane/egress/queue.h - what a worker has made since the last flush: frames in order, and the
// seal jobs some of them still wait for. Inside egress/ only.
#pragma once

#include "dataplane/core/limits.h"
#include "dataplane/egress/egress.h"
#include "dataplane/srtp/engine.h"

enum { EGRESS_FRAMES_MAX = 2 * BURST_PKTS_MAX };

struct egress_entry {
	struct rte_mbuf *frame; // l2_len and l3_len set
	struct transport *transport; // whose statistics count it; NULL: nobody's
	struct subscription *subscription; // RTP only
	uint16_t media_bytes; // RTP payload
	uint16_t udp_bytes; // UDP payload as sent
};

struct egress {
	unsigned frame_count;
	unsigned job_count;
	struct egress_entry entries[EGRESS_FRAMES_MAX];
	struct srtp_job jobs[BURST_PKTS_MAX];
	uint16_t job_entry[BURST_PKTS_MAX]; // the entry a job seals
};

// A frame with the template in front, its l2_len and l3_len set, and 'size' more bytes behind for
// the caller to fill. NULL after counting the drop.
struct rte_mbuf *egress_frame_new(struct worker *w, const struct header_template *h, size_t size);

// The bytes behind the headers.
uint8_t *egress_frame_payload(struct rte_mbuf *m);

// The next free entry, with 'm' in it; flushes first when there is none.
struct egress_entry *egress_queue(struct worker *w, struct rte_mbuf *m);
