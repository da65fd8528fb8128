// SPDX-License-Identifier: Apache-2.0
//
// dataplane/tables/track.h - a producer: what one publisher's m-line sends, encoding by encoding.
//
// Config   as in transport.h: checked copy, swapped by epochs, read by every worker.
// Owner    everything below 'encodings' belongs to the worker that owns the publisher's transport.
#pragma once

#include "proto/rtc/keyframe_gate.h"
#include "proto/rtc/layer/ladder.h"
#include "proto/rtc/layer/packet.h"
#include "proto/rtc/layer/rates.h"
#include "proto/rtc/layer/wanted.h"
#include "proto/rtc/loss/keyframe_budget.h"
#include "proto/rtc/loss/nack_generator.h"
#include "proto/rtc/report.h"
#include "proto/rtc/speaker.h"
#include "proto/shm/segment.h"

#include <stdalign.h>
#include <stdatomic.h>

struct dataplane;

struct track_config {
	uint32_t index;
	uint32_t generation;
	struct shm_track_config shm; // checked copy
	const struct shm_track_codec *codec_by_pt[128]; // into 'shm'; NULL: not negotiated
	uint32_t worker_mask; // workers that have consumers of it
	// [SHM_ENCODINGS_MAX], what to ask the publisher for again; made by main with the record,
	// the publisher's worker's from then on. NULL: NACK was not negotiated.
	struct nack_generator *nacks;
};

// The publisher's own clock pair, from its newest SR.
struct sender_report {
	uint64_t ntp; // RFC 3550 4; 0: none yet
	uint32_t rtp_timestamp;
	uint32_t ssrc; // whose timestamp it is
	uint64_t arrival_us;
};

struct encoding {
	uint32_t ssrc; // 0: not bound
	uint64_t highest_index;
	struct report report; // receive accounting
	struct keyframe_gate gate;
	struct dd_structure structure; // the newest the publisher has sent
	struct layer_rates rates;
	struct sender_report sr;
	uint64_t sr_spread_us; // when it was last passed on
	uint8_t fir_seq; // RFC 5104 4.3.1.1
	bool keyframe_paid; // by the budget, and it has not come yet
	bool keyframe_held; // asked for, and the budget does not allow it yet
	bool gone; // the publisher has said goodbye, and sent nothing since
	bool keyframe_open; // its packets are being counted
	uint32_t keyframe_timestamp;
	uint32_t keyframe_bytes;
	struct shm_encoding_stats stats;
};

static_assert(sizeof(struct layer_step) == sizeof(uint64_t), "one word");
static_assert((int)LAYER_WANTED_ENCODINGS == (int)SHM_ENCODINGS_MAX, "a bit for each");

// What one worker's consumers want of a track.
struct track_wishes {
	uint32_t generation; // of the track
	struct layer_wishes wishes;
};

// The clocks of a track's encodings, as one worker's consumers know them.
struct track_clocks {
	uint32_t generation; // of the track
	struct sender_report reports[SHM_ENCODINGS_MAX];
};

struct track {
	alignas(64) _Atomic(const struct track_config *) config; // NULL: slot free
	// Main's, too (forward/speakers.h). Odd: nothing is forwarded, for others speak. Grows with
	// each change, so that a worker that sees another even number begins anew without a gap.
	_Atomic uint32_t holds;
	_Atomic bool dominant; // the room's dominant speaker
	uint64_t turn; // main only: when it last became that, in turns of all rooms; 0: never
	_Atomic uint64_t spoke; // the newest turn of its publisher's tracks; 0: none had one
	// Written by the publisher's worker a few times a second, read by every worker: the layers,
	// lowest first. A step is a struct layer_step; what stands after the first zero is void.
	alignas(64) _Atomic uint64_t steps[ALLOCATE_STEPS_MAX];
	// Written with each audio packet, read by main: track_heard_store(), track_heard_load().
	_Atomic uint64_t heard[2];
	// Publisher's worker only.
	alignas(64) struct encoding encodings[SHM_ENCODINGS_MAX];
	struct keyframe_budget keyframes; // what those of all encodings may cost
	uint32_t keyframes_generation; // of the track the budget is of
	struct layer_wanted wanted; // by the consumers of all workers (forward/wanted.h)
	uint32_t wanted_generation; // of the track the wishes are for
	uint8_t wanted_told; // to main: bit per encoding; 0: nothing yet
	struct speaker speaker; // audio with a level
	bool silenced; // the newest packet went no further: muted, or held back
};

enum { HEARD_LEVEL_BITS = 24, HEARD_AVERAGE_BITS = 32 };
static_assert(SPEAKER_ACTIVITY_MAX < 1 << HEARD_LEVEL_BITS, "a level fits beside its step");

// Publisher's worker: 'speaker' to where main reads it.
static inline void track_heard_store(struct track *t)
{
	const struct speaker *s = &t->speaker;

	atomic_store_explicit(&t->heard[0], s->step << HEARD_LEVEL_BITS | s->level_activity,
			      memory_order_relaxed);
	atomic_store_explicit(&t->heard[1],
			      (uint64_t)s->short_activity << HEARD_AVERAGE_BITS | s->long_activity,
			      memory_order_relaxed);
}

// Main: as it was after the newest packet. May take one half from that before: a step's worth of
// error, which the averages outgrow.
static inline struct speaker track_heard_load(const struct track *t)
{
	uint64_t newest = atomic_load_explicit(&t->heard[0], memory_order_relaxed);
	uint64_t averages = atomic_load_explicit(&t->heard[1], memory_order_relaxed);

	return (struct speaker){
		.step = newest >> HEARD_LEVEL_BITS,
		.level_activity = (uint32_t)(newest & ((1u << HEARD_LEVEL_BITS) - 1)),
		.short_activity = (uint32_t)(averages >> HEARD_AVERAGE_BITS),
		.long_activity = (uint32_t)averages,
	};
}

static inline bool track_held_back(const struct track *t)
{
	return (atomic_load_explicit(&t->holds, memory_order_acquire) & 1) != 0;
}

static inline uint64_t track_spoke(const struct track *t)
{
	return atomic_load_explicit(&t->spoke, memory_order_relaxed);
}

const struct track_config *track_config_of(const struct dataplane *dp, struct shm_ref ref);

// The codec that payload type 'pt' repairs (RFC 4588). NULL: it is none of the track's RTX.
const struct shm_track_codec *track_codec_of_rtx(const struct track_config *c, uint8_t pt);

// Publisher's worker only: binds an encoding to its SSRC, starts its accounting, tells main.
struct worker;
void track_bind(struct worker *w, const struct track_config *c, uint8_t encoding, uint32_t ssrc);
