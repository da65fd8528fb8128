// SPDX-License-Identifier: Apache-2.0
//
// dataplane/tables/subscription.h - a consumer: one track sent to one subscriber.
//
// Config   as in transport.h. Owner: the worker that owns the subscriber's transport.
// Fan-out  each worker has, per track, the contiguous list of its own consumers; main builds a new
//          list for every epoch that changes it and frees the old one after the acknowledgement.
#pragma once

#include "dataplane/srtp/engine.h"
#include "dataplane/tables/track.h"
#include "proto/rtc/continuity.h"
#include "proto/shm/segment.h"

#include <stdalign.h>
#include <stdatomic.h>

struct dataplane;

struct subscription_config {
	uint32_t index;
	uint32_t generation;
	struct shm_subscription_config shm; // checked copy
	uint8_t pt_by_pt[128]; // consumer's payload type by the publisher's; 0xff: not negotiated
	struct srtp_stream *srtp; // made by main; the owner's from the epoch on
};

struct subscription {
	alignas(64) _Atomic(const struct subscription_config *) config; // NULL: slot free
	// Owner only.
	alignas(64) uint32_t generation; // of the config the fields below belong to
	uint8_t encoding; // the one forwarded now
	bool started; // false: the next packet begins anew, at a keyframe if it is video
	uint64_t waiting_us; // video: since when a keyframe is waited for; 0: not yet
	uint64_t asked_us; // when a keyframe was last asked for while waiting
	struct rtp_continuity continuity;
	uint64_t srtp_index_reserved;
	uint64_t last_sent_us;
	uint32_t last_timestamp; // RTP timestamp of the newest packet sent
	struct sender_report sr; // of the encoding forwarded, from the publisher's worker
	uint32_t sr_packets; // for our own SR (RFC 3550 6.4.1)
	uint32_t sr_octets;
	uint32_t sr_last; // middle 32 bits of the NTP time in our newest SR; 0: none sent
	uint64_t sr_last_us; // when it was sent
	struct shm_subscription_stats stats;
};

struct fanout_list {
	uint32_t count;
	uint32_t subscription[]; // slots of this worker's consumers of one track
};
