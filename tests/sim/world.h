// SPDX-License-Identifier: Apache-2.0
//
// tests/sim/world.h - publishers, the SFU's repair and bandwidth parts, receivers, and the links
// between them, on virtual time.
//
//   publisher ── uplink ──► SFU: NACK generator, gate, history ── pacer ── downlink ──► receiver
//             ◄─ NACK,PLI ──     continuity, resend, estimator      ◄─ NACK, PLI, TWCC ──
//
// Everything in the SFU's column, the choice of layers, and the receiver's NACK and transport-wide
// feedback, is proto/rtc.
#pragma once

#include "proto/rtc/bandwidth/send_path.h"
#include "proto/rtc/continuity.h"
#include "proto/rtc/keyframe_gate.h"
#include "proto/rtc/layer/ladder.h"
#include "proto/rtc/layer/steady.h"
#include "proto/rtc/loss/history.h"
#include "proto/rtc/loss/keyframe_budget.h"
#include "proto/rtc/loss/nack_generator.h"
#include "proto/rtc/loss/resend.h"
#include "proto/rtc/loss/rtx.h"
#include "tests/sim/events.h"
#include "tests/sim/link.h"

enum {
	TRACKS_MAX = 12,
	ENCODINGS_MAX = 2,
	TEMPORAL_LAYERS = 3,
	TRANSPORTS_MAX = 2,
	FRAMES_KEPT = 256,
	HISTORY_SLOTS = 512,
	LOG_SLOTS = 1024,
	PACER_SLOTS = 256,
	HISTOGRAM_MS = 1024,
	SIM_PAYLOAD_BYTES = 1100, // at most, a video packet
	SIM_OVERHEAD_BYTES = 64, // IP, UDP, RTP with extensions, tag
	HOUSEKEEPING_US = 10000, // dataplane/core/limits.h
	DECODED_WITHIN_US = 400000, // of capture
};

struct sim_encoding {
	struct nack_generator nack; // the SFU's
	struct keyframe_gate gate;
	struct history history;
	struct history_slot history_slots[HISTORY_SLOTS];
	struct sim_packet *resendable[HISTORY_SLOTS]; // the publisher's own memory
	uint64_t next_index;
	uint64_t rate_bps;
	uint32_t frames;
	struct layer_rates rates; // the SFU's
	bool key_wanted; // the publisher was asked
};

struct sim_track {
	struct sim_encoding encodings[ENCODINGS_MAX];
	struct layer_ladder ladder;
	struct keyframe_budget budget;
};

// A frame the SFU was to forward, as the receiver sees it.
struct sim_frame {
	uint64_t captured_us;
	uint64_t complete_us; // UINT64_MAX: not yet
	uint64_t decodable_us; // once judged
	uint64_t got; // bit per packet
	uint32_t number; // publisher's
	uint32_t needs; // position of the frame it depends on, in order of forwarding
	uint16_t of;
	uint8_t encoding;
	bool key;
};

// What the allocation wants a consumer to get.
struct sim_target {
	bool paused;
	struct layer_step step;
};

// One track on its way to one receiver.
struct sim_consumer {
	struct rtp_continuity continuity;
	struct resend resend;
	struct sim_frame frames[FRAMES_KEPT]; // by order of forwarding
	uint32_t forwarded; // frames
	uint32_t judged;
	uint32_t last_base; // position of the newest frame others depend on: temporal layer 0
	uint32_t last_middle; // and 0 or 1
	struct nack_generator nack; // the receiver's
	uint64_t pli_us; // receiver's last, or when its first packet came
	bool has_picture; // a keyframe was whole
	struct sim_target target;
	uint64_t held_us; // no larger picture before
	uint64_t picture_changes; // of size, or to none and back, while measuring
	int encoding; // forwarded now, -1: none
	int temporal; // forwarded now
};

struct sim_transport {
	struct sim_consumer consumers[TRACKS_MAX];
	struct send_path path;
	struct sent_packet log[LOG_SLOTS];
	struct pacer_item pacer_items[PACER_SLOTS]; // video; nothing else waits
	struct resend_budget resend_budget;
	struct rtx_sender rtx;
	struct twcc_receiver twcc; // the receiver's
	struct sim_link feedback; // receiver to SFU
	uint64_t pacer_us; // of the pacer event that is set, UINT64_MAX: none
	uint64_t allocated_us;
	struct steady steady; // the allocation's
	uint64_t start_us; // when it joins
	uint64_t media_bytes; // received while measuring, first copies
	uint64_t feedback_bytes; // sent meanwhile
	uint32_t queueing_ms[HISTOGRAM_MS]; // histogram over packets: in the downlink's queue
	uint32_t waiting_ms[HISTOGRAM_MS]; // in the pacer and there
	uint64_t queued; // packets in it
	uint64_t frames_expected;
	uint64_t frames_decoded;
};

struct sim_link_change {
	uint64_t at_us;
	uint64_t rate_bps;
};

struct sim_config {
	uint64_t seed;
	uint64_t end_us;
	uint64_t measure_us; // from here on
	int tracks;
	int transports;
	uint64_t second_start_us;
	uint64_t track_bps[ENCODINGS_MAX]; // 0: no such encoding

	uint64_t link_bps; // 0: no bottleneck
	uint64_t queue_ms;
	uint64_t delay_us; // downlink, one way
	uint64_t jitter_us;
	uint32_t loss_ppm; // downlink, both ways
	uint64_t uplink_delay_us;
	uint32_t uplink_loss_ppm; // both ways
	struct sim_link_change changes[2];
	// Called every 2 ms, for what a scenario looks at.
	void (*watch)(void *ctx, uint64_t now_us, uint64_t link_bps, uint64_t estimate_bps);
	void *watch_ctx;
	FILE *trace; // NULL, or where what the first transport's estimator sees is written
		     // (traces.c)
};

struct sim_world {
	struct sim_config config;
	struct events events;
	struct prng random;
	struct sim_track tracks[TRACKS_MAX];
	struct layer_rates audio_rates;
	uint64_t ladders_us; // when they were last made
	uint64_t housekeeping_us; // the SFU's, next time
	struct sim_transport transports[TRANSPORTS_MAX];
	struct sim_link uplink;
	struct sim_link uplink_feedback;
	struct sim_link downlink; // shared by all transports
};

struct sim_world *sim_world_create(void);
void sim_world_destroy(struct sim_world *w);
// One run from its start to its end.
void sim_world_run(struct sim_world *w, const struct sim_config *config);

// Parts of the world, each in its own file.
void sim_publisher_start(struct sim_world *w);
void sim_publisher_frame(struct sim_world *w, uint32_t track);
void sim_publisher_audio(struct sim_world *w);
void sim_publisher_feedback(struct sim_world *w, struct sim_packet *p);

void sim_sfu_start(struct sim_world *w, uint32_t transport);
// A frame was captured: whether each transport forwards it is decided here.
void sim_sfu_choose(struct sim_world *w, uint32_t track, int encoding, int temporal,
		    const struct sim_frame *frame);
// Both look themselves whether it is time.
void sim_sfu_ladders(struct sim_world *w);
void sim_sfu_allocate(struct sim_world *w, struct sim_transport *t);
void sim_sfu_want_keyframe(struct sim_world *w, uint32_t track, int encoding);
void sim_sfu_media(struct sim_world *w, struct sim_packet *p);
void sim_sfu_feedback(struct sim_world *w, struct sim_packet *p);
// What is ready leaves, or, being video, waits for its turn.
void sim_sfu_send(struct sim_world *w, uint32_t transport, struct sim_packet *p);
void sim_sfu_pacer(struct sim_world *w, uint32_t transport);
void sim_sfu_bandwidth_start(struct sim_transport *t, uint64_t now_us);
// Estimator, probes and the pacer's rate: looks itself whether it is time.
void sim_sfu_bandwidth(struct sim_world *w, uint32_t transport);
void sim_sfu_tick(struct sim_world *w);

void sim_receiver_media(struct sim_world *w, struct sim_packet *p);
void sim_receiver_tick(struct sim_world *w, struct sim_transport *t, uint32_t number);
