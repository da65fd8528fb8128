// SPDX-License-Identifier: Apache-2.0
//
// dataplane/tables/subscription.h - a consumer: one track sent to one subscriber.
//
// Config   as in transport.h. Owner: the worker that owns the subscriber's transport.
// Fan-out  each worker has, per track, the contiguous list of its own consumers: what a packet
// needs
//          to know of each, in one cache line. Main builds a new list for every epoch that changes
//          anything in it and frees the old one after the acknowledgement.
// Heat     a packet to a consumer reads its line of the list, and writes the first line of
//          'continuity' and the line from 'generation' on.
#pragma once

#include "dataplane/srtp/engine.h"
#include "dataplane/tables/track.h"
#include "proto/rtc/continuity.h"
#include "proto/rtc/layer/picture_id.h"
#include "proto/rtc/layer/selector.h"
#include "proto/rtc/loss/resend.h"
#include "proto/rtc/loss/rtx.h"
#include "proto/shm/segment.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>

struct dataplane;
struct transport;

struct subscription_config {
	uint32_t index;
	uint32_t generation;
	struct shm_subscription_config shm; // checked copy
	uint8_t rtx_pt_by_pt[128]; // that of its RTX; 0: none
	uint8_t pt_by_pt[128]; // consumer's payload type by the publisher's; 0xff: not negotiated
	struct srtp_stream *srtp; // made by main; the owner's from the epoch on
	struct srtp_stream
		*rtx; // of its RTX stream, likewise; NULL: none, or goes out without SRTP
};

// What the allocation wants a consumer to get.
struct layer_target {
	bool set; // false: the best encoding that runs, whole
	bool paused; // nothing
	uint8_t encoding;
	struct layer_pair step; // of the encoding
	struct layer_pair pair; // what of it is not left out; LAYER_HIGHEST: nothing is
};

struct layer_choice {
	struct layer_target target;
	bool follows; // ids and selector are valid
	bool settled; // they have begun, at the encoding sent, and that is the one wanted
	bool joinable; // they can become so at a new picture: all went out as it was since the
		       // first
	bool bounded; // the subscriber wishes for certain layers
	struct picture_ids ids;
	struct layer_selector selector;
	uint64_t held_us; // until then no larger picture is chosen
};

// A packet as one consumer gets it.
struct placement {
	struct rtp_continuity_out out;
	uint16_t picture_id; // or frame number
	uint8_t tl0;
	bool marker;
	bool patched; // picture id or TL0PICIDX are others than the publisher's
};

struct subscription {
	alignas(64) _Atomic(const struct subscription_config *) config; // NULL: slot free
	// Owner only.
	alignas(64) struct rtp_continuity continuity;
	alignas(64) uint32_t generation; // of the config the owner's fields belong to
	uint8_t encoding; // the one forwarded now
	bool started; // false: the next packet begins anew, at a keyframe if it is video
	bool whole; // all of the encoding goes out, and as it is: forward/layers.c is not asked
	uint64_t srtp_index_reserved;
	uint64_t last_sent_us;
	// What every packet changes comes first, aligned so that both counters are added to at
	// once.
	alignas(16) struct shm_subscription_stats stats;
	alignas(64) struct layer_choice layers; // what packets touch of it is in its first line
	struct resend resend; // answers to its NACKs
	struct rtx_sender rtx;
	uint64_t rtx_index_reserved;
	uint64_t waiting_us; // video: since when a keyframe is waited for; 0: not yet
	uint64_t asked_us; // when a keyframe was last asked for while waiting
	uint64_t wished_us; // when a wish of the subscriber's for one was last passed on
	struct sender_report sr; // of the encoding forwarded, from the publisher's worker
	uint32_t sr_last; // middle 32 bits of the NTP time in our newest SR; 0: none sent
	uint64_t sr_last_us; // when it was sent
};
static_assert(sizeof(struct subscription) / 64 % 4 != 0,
	      "the lines of neighbours are to lie in many sets of the cache: add one");
static_assert(offsetof(struct subscription, stats.pli_count) -
			      offsetof(struct subscription, generation) <=
		      64,
	      "what every packet counts is in one line");

static_assert(offsetof(struct layer_choice, selector.target) <= 64, "what VP8 and VP9 need");

enum {
	FANOUT_EXT_CLASSES = 4,
	FANOUT_EXT_OWN = FANOUT_EXT_CLASSES, // in no class
	FANOUT_MID_BYTES = 8, // longer ones are in no class
	FANOUT_AHEAD = 4, // consumers whose lines are fetched before it is their turn
};

// A running consumer.
struct fanout_entry {
	alignas(64) struct subscription *subscription;
	struct transport *transport; // of the subscriber, owned by this worker
	const struct subscription_config *config;
	struct srtp_stream *srtp;
	uint32_t ssrc;
	// Consumers of one class get the same extension block but for its mid and transport-wide
	// number: same numbering, mids of one length.
	uint8_t ext_class;
	uint8_t mid_size;
	bool paused;
	uint8_t reserved_zero;
	char mid[FANOUT_MID_BYTES];
	uint8_t pt[SHM_CODECS_MAX]; // by codec of the track; 0xff: not negotiated, or paused
};
static_assert(sizeof(struct fanout_entry) == 64, "one cache line");

struct fanout_list {
	uint32_t count;
	uint32_t track_generation;
	bool keeps_history; // some consumer may ask for packets again, or let them wait
	uint32_t holds; // worker: the track's, when its consumers last began anew
	// Behind the last, FANOUT_AHEAD more that are fetched and nothing else: the last once more.
	struct fanout_entry entries[];
};
