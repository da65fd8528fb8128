// SPDX-License-Identifier: Apache-2.0
//
// dataplane/tables/bandwidth.h - what one transport's path carries, and the numbers packets to it
// get for that.
//
// Made     by main when a transport becomes established; the owner's from the epoch on. Plain
//          transports have none: what nobody reports on carries everything.
#pragma once

#include "dataplane/tables/subscription.h"
#include "dataplane/tables/transport.h"
#include "proto/rtc/bandwidth/send_path.h"

#include <rte_prefetch.h>
#include <stdalign.h>

enum {
	BANDWIDTH_LOG_SLOTS = 1024, // packets whose fate is waited for; a power of two
	PACED_PACKETS_MAX = 256, // that wait, a power of two
};

// A packet of video in the history that shall leave for one consumer.
struct paced_packet {
	struct subscription *subscription; // NULL: taken back
	uint32_t generation; // of the subscription
	struct shm_ref track;
	uint8_t encoding;
	uint64_t index; // of the encoding
	uint64_t next; // what the consumer would have given out next
	struct placement at;
};

struct bandwidth {
	struct send_path path; // what packets touch
	struct pacer_item waiting[PACED_PACKETS_MAX];
	struct paced_packet paced[PACED_PACKETS_MAX];
	alignas(64) struct sent_packet log[BANDWIDTH_LOG_SLOTS]; // eight to a line
	uint64_t counted_bytes; // of all that the transport has sent
	bool listed; // in the worker's list of those with packets that wait
};

// What a packet will touch, but for the slot of the log, which nobody waits for: it is only
// written. The transport's own line is there already.
static inline void bandwidth_fetch(const struct transport *t)
{
	const struct bandwidth *b = t->bandwidth;

	if (b == NULL)
		return;
	rte_prefetch0(&b->path);
	rte_prefetch0(&b->path.pacer);
}

enum { BANDWIDTH_UDP_BYTES = 28 + 16 }; // IPv4, UDP and an SRTP tag, of every packet

// The transport-wide number of a packet of 'bytes' of RTP that leaves now.
static inline uint16_t bandwidth_number(struct transport *t, enum packet_kind kind, uint32_t bytes,
					uint64_t now_us)
{
	struct bandwidth *b = t->bandwidth;

	if (b == NULL)
		return t->twcc_next++;
	return send_path_number(&b->path, kind, bytes + BANDWIDTH_UDP_BYTES, now_us);
}
