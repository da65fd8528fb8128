// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/consumer.h - one packet and one of its consumers. Inside forward/ only.
#pragma once

#include "dataplane/forward/forward.h"
#include "proto/rtc/rtp_ext.h"

// One packet, read once for all consumers of this worker.
struct forwarding {
	struct rte_mbuf *mbuf;
	const struct packet *packet;
	const struct track_config *track;
	uint32_t clock_rate; // Hz
	struct rtp_ext_set ext;
};

// A running consumer of this worker.
struct consumer {
	struct subscription *subscription;
	const struct subscription_config *config;
	struct transport *transport;
};

// The consumer in slot 'index' if it runs, is this worker's and hears 'track'.
bool consumer_find(struct worker *w, uint32_t index, struct shm_ref track, struct consumer *c);

// Decides whether and as what the consumer gets the packet (switch.c). False after counting the
// drop.
bool consumer_place(struct worker *w, const struct consumer *c, const struct forwarding *f,
		    struct rtp_continuity_out *out);

// Rewrites the packet for the consumer and queues it (rewrite.c).
void consumer_send(struct worker *w, const struct consumer *c, const struct forwarding *f);
