// SPDX-License-Identifier: Apache-2.0
//
// tests/sim/sfu.c - the packet's way through the SFU, made of proto/rtc. Contract in world.h.
#include "tests/sim/world.h"

#include "proto/rtc/rtcp_build.h"

#include <inttypes.h>

enum {
	CLOCK_RATE = 90000,
	NACK_MAX = 32, // numbers a packet
};

static uint64_t downlink_rtt_us(const struct sim_world *w)
{
	return 2 * w->config.delay_us + w->config.jitter_us;
}

void sim_sfu_start(struct sim_world *w, uint32_t number)
{
	struct sim_transport *t = &w->transports[number];

	sim_sfu_bandwidth_start(t, w->events.now_us);
	resend_budget_init(&t->resend_budget);
	rtx_sender_init(&t->rtx, 1, 97, (uint16_t)prng_below(&w->random, 0x8000));
	for (int i = 0; i < w->config.tracks; i++) {
		struct sim_consumer *c = &t->consumers[i];
		rtp_continuity_init(&c->continuity, (uint16_t)prng_below(&w->random, 0x8000), 0);
		c->resend = (struct resend){0};
		nack_generator_init(&c->nack);
		c->encoding = -1;
		c->target.paused = true;
	}
}

void sim_sfu_want_keyframe(struct sim_world *w, uint32_t track, int encoding)
{
	keyframe_gate_request(&w->tracks[track].encodings[encoding].gate);
}

static struct sim_frame *find_frame(struct sim_consumer *c, const struct sim_packet *p,
				    uint64_t now_us)
{
	for (uint32_t back = 1; back <= c->forwarded && back <= FRAMES_KEPT; back++) {
		struct sim_frame *f = &c->frames[(c->forwarded - back) % FRAMES_KEPT];
		if (f->number == p->frame && f->encoding == p->encoding)
			return f;
		if (f->captured_us + 2000000 < now_us)
			break;
	}
	return NULL;
}

static struct sim_packet *copy(struct sim_world *w, const struct sim_packet *from)
{
	struct sim_packet *p = events_packet(&w->events);
	*p = *from;
	p->references = 1;
	return p;
}

static bool forward_one(struct sim_world *w, uint32_t number, const struct sim_packet *p)
{
	struct sim_consumer *c = &w->transports[number].consumers[p->track];
	struct rtp_continuity_out out;
	struct rtp_continuity_in in = {
		.index = p->source_index,
		.now_us = w->events.now_us,
		.source = 1 + p->encoding,
		.ts = (uint32_t)((uint64_t)p->frame * (CLOCK_RATE / 30)),
		.clock_rate = CLOCK_RATE,
	};
	if (find_frame(c, p, w->events.now_us) == NULL) {
		rtp_continuity_drop(&c->continuity, &in);
		return false;
	}
	enum rtp_continuity_verdict v = rtp_continuity_map(&c->continuity, &in, &out);
	bool starts = v == RTP_CONTINUITY_OTHER_SOURCE && p->key && p->at == 0;
	if (starts && c->encoding == p->encoding)
		v = rtp_continuity_switch(&c->continuity, &in, &out);
	if (v != RTP_CONTINUITY_SEND)
		return false;
	struct sim_packet *sent = copy(w, p);
	sent->index = out.index;
	sent->original = true;
	sim_sfu_send(w, number, sent);
	return starts;
}

// Where the keyframe's first packet had to be repaired, those behind it are in the history by then.
static void forward(struct sim_world *w, uint32_t number, const struct sim_packet *p)
{
	const struct sim_encoding *s = &w->tracks[p->track].encodings[p->encoding];

	if (!forward_one(w, number, p))
		return;
	for (uint64_t i = p->source_index + 1; i <= s->nack.highest; i++) {
		uintptr_t kept = history_find(&s->history, 0, i);
		if (kept != 0)
			forward_one(w, number, (const struct sim_packet *)kept);
	}
}

static void receive_video(struct sim_world *w, struct sim_packet *p)
{
	struct sim_track *track = &w->tracks[p->track];
	struct sim_encoding *s = &track->encodings[p->encoding];

	nack_generator_receive(&s->nack, p->source_index, w->events.now_us);
	layer_rates_add(&s->rates, 0, p->temporal, p->size, w->events.now_us);
	keyframe_budget_earn(&track->budget, p->size);
	if (p->key && p->at == 0) {
		nack_generator_keyframe(&s->nack, p->source_index);
		keyframe_gate_seen(&s->gate);
	}
	events_hold(p);
	uintptr_t old =
		history_put(&s->history, 0, p->source_index, (uintptr_t)p, w->events.now_us);
	if (old != 0)
		events_release(&w->events, (struct sim_packet *)old);
	while ((old = history_expire(&s->history, w->events.now_us)) != 0)
		events_release(&w->events, (struct sim_packet *)old);
}

void sim_sfu_media(struct sim_world *w, struct sim_packet *p)
{
	if (p->kind == PACKET_VIDEO)
		receive_video(w, p);
	else
		layer_rates_add(&w->audio_rates, 0, 0, p->size, w->events.now_us);
	for (uint32_t i = 0; i < (uint32_t)w->config.transports; i++) {
		if (w->events.now_us < w->transports[i].start_us)
			continue;
		if (p->kind == PACKET_AUDIO)
			sim_sfu_send(w, i, copy(w, p));
		else
			forward(w, i, p);
	}
	events_release(&w->events, p);
}

static void trace_feedback(const struct sim_world *w, const struct sim_packet *p)
{
	fprintf(w->config.trace, "feedback %" PRIu64 " ", w->events.now_us);
	for (unsigned i = 0; i < p->rtcp_size; i++)
		fprintf(w->config.trace, "%02x", p->rtcp[i]);
	fputc('\n', w->config.trace);
}

// As dataplane/forward/repair.c does it.
static void answer(struct sim_world *w, uint32_t number, uint8_t track, uint16_t seq)
{
	struct sim_transport *t = &w->transports[number];
	struct sim_consumer *c = &t->consumers[track];
	uint64_t index, rtx_index, now_us = w->events.now_us;

	if (!resend_ask(&c->resend, now_us) || c->encoding < 0 ||
	    !rtp_continuity_source_of(&c->continuity, seq, &index) ||
	    resend_under_way(&c->resend, index, now_us, downlink_rtt_us(w)))
		return;
	const struct history *h = &w->tracks[track].encodings[c->encoding].history;
	const struct sim_packet *kept = (const struct sim_packet *)history_find(h, 0, index);
	if (kept == NULL || !resend_budget_take(&t->resend_budget, kept->size, now_us) ||
	    !rtx_sender_take(&t->rtx, &rtx_index))
		return;
	struct sim_packet *p = copy(w, kept);
	p->index = (uint64_t)seq_unwrap((int64_t)c->continuity.out_next - 1, seq);
	p->kind = PACKET_RETRANSMISSION;
	p->original = false;
	resend_given(&c->resend, index, now_us);
	sim_sfu_send(w, number, p);
}

void sim_sfu_feedback(struct sim_world *w, struct sim_packet *p)
{
	struct sim_transport *t = &w->transports[p->transport];
	struct rtcp_walk walk;
	struct rtcp_packet r;
	struct rtcp_nack nack;
	struct twcc_feedback f;
	uint32_t ssrc;

	rtcp_walk_init(&walk, p->rtcp, p->rtcp_size);
	while (rtcp_walk_next(&walk, &r)) {
		if (twcc_read(&r, &f)) {
			if (w->config.trace != NULL && p->transport == 0)
				trace_feedback(w, p);
			estimator_feedback(&t->path.estimator, &f, w->events.now_us);
		}
		if (rtcp_read_pli(&r, &ssrc) && t->consumers[p->track].encoding >= 0)
			sim_sfu_want_keyframe(w, p->track, t->consumers[p->track].encoding);
		for (unsigned i = 0; rtcp_read_nack(&r, i, &nack); i++) {
			answer(w, p->transport, p->track, nack.seq);
			for (unsigned b = 0; b < 16; b++)
				if (nack.following >> b & 1)
					answer(w, p->transport, p->track,
					       (uint16_t)(nack.seq + b + 1));
		}
	}
	events_release(&w->events, p);
}

static void ask_publisher(struct sim_world *w, uint32_t track, uint8_t encoding)
{
	struct sim_encoding *s = &w->tracks[track].encodings[encoding];
	uint64_t rtt_us = 2 * w->config.uplink_delay_us, now_us = w->events.now_us;
	struct bytes_writer writer;
	uint8_t rtcp[320];
	uint16_t seqs[NACK_MAX];

	if (s->nack.broken)
		sim_sfu_want_keyframe(w, track, encoding);
	bytes_writer_init(&writer, rtcp, sizeof(rtcp));
	size_t count = nack_generator_poll(&s->nack, now_us, rtt_us, seqs, NACK_MAX);
	if (count != 0)
		rtcp_put_nack(&writer, 1, 2, seqs, count);
	if (now_us >= keyframe_gate_deadline_us(&s->gate) &&
	    keyframe_budget_spend(&w->tracks[track].budget, now_us) &&
	    keyframe_gate_poll(&s->gate, now_us))
		rtcp_put_pli(&writer, 1, 2);
	uint64_t arrival_us, queued_us;
	if (writer.size == 0 ||
	    !sim_link_send(&w->uplink_feedback, 100, now_us, &arrival_us, &queued_us))
		return;
	struct sim_packet *p = events_packet(&w->events);
	p->track = (uint8_t)track;
	p->encoding = encoding;
	p->rtcp_size = (uint16_t)writer.size;
	memcpy(p->rtcp, rtcp, writer.size);
	events_set(&w->events, arrival_us, EVENT_FEEDBACK_AT_PUBLISHER, track, p);
}

// Everything that has timers, as dataplane/core/path.c lets it have its turn.
void sim_sfu_tick(struct sim_world *w)
{
	if (w->events.now_us < w->housekeeping_us)
		return;
	w->housekeeping_us = w->events.now_us + HOUSEKEEPING_US;
	sim_sfu_ladders(w);
	for (int i = 0; i < w->config.tracks; i++)
		for (uint8_t e = 0; e < ENCODINGS_MAX; e++)
			if (w->config.track_bps[e] != 0)
				ask_publisher(w, (uint32_t)i, e);
	for (uint32_t i = 0; i < (uint32_t)w->config.transports; i++) {
		if (w->events.now_us < w->transports[i].start_us)
			continue;
		sim_sfu_bandwidth(w, i);
		sim_sfu_allocate(w, &w->transports[i]);
	}
}
