// SPDX-License-Identifier: Apache-2.0
//
// tests/sim/publisher.c - tracks that capture 30 frames a second in up to two encodings of three
// temporal layers, keyframes on request, retransmissions on NACK. Contract in world.h.
#include "tests/sim/world.h"

#include "proto/rtc/rtcp.h"
#include "proto/rtc/seq.h"

enum {
	FRAME_US = 33333,
	AUDIO_US = 20000,
	AUDIO_BYTES = 140,
	KEY_FACTOR = 4, // a keyframe's size over a plain frame's
};

// Layers of frames 0..3 of a group, and what share of four frames' bytes each takes.
static const int temporal_of[4] = {0, 2, 1, 2};
static const uint64_t share_of[4] = {40, 20, 20, 20};

void sim_publisher_start(struct sim_world *w)
{
	for (int t = 0; t < w->config.tracks; t++) {
		keyframe_budget_init(&w->tracks[t].budget);
		for (int e = 0; e < ENCODINGS_MAX; e++) {
			struct sim_encoding *s = &w->tracks[t].encodings[e];
			nack_generator_init(&s->nack);
			keyframe_gate_init(&s->gate, KEYFRAME_GATE_INTERVAL_US,
					   KEYFRAME_GATE_TRIES_MAX);
			history_init(&s->history, s->history_slots, HISTORY_SLOTS, 2000000);
			s->rate_bps = w->config.track_bps[e];
			s->next_index = 1 + prng_below(&w->random, 0x8000);
			s->key_wanted = true;
		}
		events_set(&w->events, prng_below(&w->random, FRAME_US), EVENT_FRAME, (uint32_t)t,
			   NULL);
	}
	events_set(&w->events, prng_below(&w->random, AUDIO_US), EVENT_AUDIO, 0, NULL);
}

static void send(struct sim_world *w, struct sim_packet *p)
{
	uint64_t arrival_us, queued_us;

	if (sim_link_send(&w->uplink, p->size, w->events.now_us, &arrival_us, &queued_us))
		events_set(&w->events, arrival_us, EVENT_AT_SFU, p->track, p);
	else
		events_release(&w->events, p);
}

static uint64_t frame_bytes(struct sim_world *w, const struct sim_encoding *s, int place, bool key)
{
	uint64_t mean = s->rate_bps / 8 * 4 * share_of[place] / 30 / 100;
	uint64_t bytes = mean * (70 + prng_below(&w->random, 61)) / 100;
	return key ? bytes * KEY_FACTOR : bytes;
}

static void keep_resendable(struct sim_world *w, struct sim_encoding *s, struct sim_packet *p)
{
	struct sim_packet **kept = &s->resendable[p->source_index % HISTORY_SLOTS];

	if (*kept != NULL)
		events_release(&w->events, *kept);
	*kept = p;
	events_hold(p);
}

static void capture(struct sim_world *w, uint32_t track, int encoding)
{
	struct sim_encoding *s = &w->tracks[track].encodings[encoding];
	bool key = s->key_wanted;
	int place = key ? 0 : (int)(s->frames % 4);
	uint64_t bytes = frame_bytes(w, s, place, key);
	uint64_t count = (bytes + SIM_PAYLOAD_BYTES - 1) / SIM_PAYLOAD_BYTES;

	count = count == 0 ? 1 : count;
	count = count > 64 ? 64 : count;
	s->key_wanted = false;
	s->frames = key ? s->frames - s->frames % 4 + 4 : s->frames;
	struct sim_frame frame = {.captured_us = w->events.now_us,
				  .complete_us = UINT64_MAX,
				  .number = s->frames,
				  .of = (uint16_t)count,
				  .encoding = (uint8_t)encoding,
				  .key = key};
	sim_sfu_choose(w, track, encoding, temporal_of[place], &frame);
	for (uint64_t i = 0; i < count; i++) {
		struct sim_packet *p = events_packet(&w->events);
		p->source_index = s->next_index++;
		p->size = (uint32_t)(bytes / count) + SIM_OVERHEAD_BYTES;
		p->frame = s->frames;
		p->at = (uint16_t)i;
		p->of = (uint16_t)count;
		p->kind = PACKET_VIDEO;
		p->track = (uint8_t)track;
		p->encoding = (uint8_t)encoding;
		p->temporal = (uint8_t)temporal_of[place];
		p->key = key;
		p->original = true;
		if (w->config.uplink_loss_ppm != 0)
			keep_resendable(w, s, p);
		send(w, p);
	}
	s->frames++;
	if (key)
		keyframe_budget_measure(&w->tracks[track].budget, (uint32_t)bytes);
}

void sim_publisher_frame(struct sim_world *w, uint32_t track)
{
	for (int e = 0; e < ENCODINGS_MAX; e++)
		if (w->config.track_bps[e] != 0)
			capture(w, track, e);
	events_set(&w->events, w->events.now_us + FRAME_US, EVENT_FRAME, track, NULL);
}

void sim_publisher_audio(struct sim_world *w)
{
	struct sim_packet *p = events_packet(&w->events);

	p->size = AUDIO_BYTES;
	p->kind = PACKET_AUDIO;
	p->original = true;
	send(w, p);
	events_set(&w->events, w->events.now_us + AUDIO_US, EVENT_AUDIO, 0, NULL);
}

static void resend(struct sim_world *w, struct sim_encoding *s, uint16_t seq)
{
	int64_t index = seq_unwrap((int64_t)s->next_index - 1, seq);
	struct sim_packet *kept = s->resendable[(uint64_t)index % HISTORY_SLOTS];

	if (kept == NULL || kept->source_index != (uint64_t)index)
		return;
	struct sim_packet *p = events_packet(&w->events);
	*p = *kept;
	p->references = 1;
	send(w, p);
}

void sim_publisher_feedback(struct sim_world *w, struct sim_packet *p)
{
	struct sim_encoding *s = &w->tracks[p->track].encodings[p->encoding];
	struct rtcp_walk walk;
	struct rtcp_packet r;
	struct rtcp_nack nack;
	uint32_t ssrc;

	rtcp_walk_init(&walk, p->rtcp, p->rtcp_size);
	while (rtcp_walk_next(&walk, &r)) {
		if (rtcp_read_pli(&r, &ssrc))
			s->key_wanted = true;
		for (unsigned i = 0; rtcp_read_nack(&r, i, &nack); i++) {
			resend(w, s, nack.seq);
			for (unsigned b = 0; b < 16; b++)
				if (nack.following >> b & 1)
					resend(w, s, (uint16_t)(nack.seq + b + 1));
		}
	}
	events_release(&w->events, p);
}
