// SPDX-License-Identifier: Apache-2.0
//
// tests/sim/receiver.c - puts frames together, judges whether they could be decoded, and sends what
// a browser sends. Contract in world.h.
#include "tests/sim/world.h"

#include "proto/rtc/rtcp_build.h"

enum {
	JUDGED_AFTER_US = 800000, // of capture: nothing late matters any more
	PLI_US = 500000,
	// Without a picture browsers ask this often (libwebrtc: kMaxWaitForKeyFrame): nothing tells
	// them that the first packet of all is lost.
	PLI_FIRST_US = 200000,
	NACK_MAX = 32,
	FEEDBACK_OVERHEAD_BYTES = 42, // IP, UDP, SRTCP index and tag
};

static void complete(struct sim_consumer *c, const struct sim_packet *p, uint64_t now_us)
{
	for (uint32_t back = 1; back <= c->forwarded && back <= FRAMES_KEPT; back++) {
		struct sim_frame *f = &c->frames[(c->forwarded - back) % FRAMES_KEPT];
		if (f->number != p->frame || f->encoding != p->encoding)
			continue;
		f->got |= UINT64_C(1) << p->at;
		uint64_t all = f->of == 64 ? UINT64_MAX : (UINT64_C(1) << f->of) - 1;
		if (f->got == all && f->complete_us == UINT64_MAX)
			f->complete_us = now_us;
		if (f->got == all && f->key)
			c->has_picture = true;
		return;
	}
}

void sim_receiver_media(struct sim_world *w, struct sim_packet *p)
{
	struct sim_transport *t = &w->transports[p->transport];
	uint64_t now_us = w->events.now_us;

	twcc_receive(&t->twcc, p->transport_number, 1, now_us);
	if (now_us >= w->config.measure_us && (p->kind == PACKET_AUDIO || p->kind == PACKET_VIDEO))
		t->media_bytes += p->size;
	if (p->kind == PACKET_VIDEO || p->kind == PACKET_RETRANSMISSION) {
		struct sim_consumer *c = &t->consumers[p->track];
		nack_generator_receive(&c->nack, p->index, now_us);
		if (p->key && p->at == 0)
			nack_generator_keyframe(&c->nack, p->index);
		complete(c, p, now_us);
	}
	events_release(&w->events, p);
}

static void send(struct sim_world *w, struct sim_transport *t, uint32_t number, uint8_t track,
		 const uint8_t *rtcp, size_t size)
{
	uint64_t arrival_us, queued_us;

	if (w->events.now_us >= w->config.measure_us)
		t->feedback_bytes += size + FEEDBACK_OVERHEAD_BYTES;
	if (!sim_link_send(&t->feedback, (uint32_t)size, w->events.now_us, &arrival_us, &queued_us))
		return;
	struct sim_packet *p = events_packet(&w->events);
	p->transport = (uint8_t)number;
	p->track = track;
	p->rtcp_size = (uint16_t)size;
	memcpy(p->rtcp, rtcp, size);
	events_set(&w->events, arrival_us, EVENT_FEEDBACK_AT_SFU, number, p);
}

// Returns whether a frame was found that will never be whole.
static bool judge(struct sim_consumer *c, struct sim_transport *t, const struct sim_config *config,
		  uint64_t now_us)
{
	bool lost = false;

	for (; c->judged < c->forwarded; c->judged++) {
		struct sim_frame *f = &c->frames[c->judged % FRAMES_KEPT];
		if (now_us < f->captured_us + JUDGED_AFTER_US)
			break;
		const struct sim_frame *needed = &c->frames[f->needs % FRAMES_KEPT];
		uint64_t needed_us = f->key ? 0 : needed->decodable_us;
		f->decodable_us = f->complete_us > needed_us ? f->complete_us : needed_us;
		lost = lost || f->decodable_us == UINT64_MAX;
		if (f->captured_us < config->measure_us)
			continue;
		t->frames_expected++;
		t->frames_decoded += f->decodable_us <= f->captured_us + DECODED_WITHIN_US;
	}
	return lost;
}

static void ask_sfu(struct sim_world *w, struct sim_transport *t, uint32_t number, uint8_t track)
{
	struct sim_consumer *c = &t->consumers[track];
	uint64_t now_us = w->events.now_us, rtt_us = 2 * w->config.delay_us + w->config.jitter_us;
	bool lost = judge(c, t, &w->config, now_us);
	uint16_t seqs[NACK_MAX];
	uint8_t rtcp[320];
	struct bytes_writer writer;

	bytes_writer_init(&writer, rtcp, sizeof(rtcp));
	size_t count = nack_generator_poll(&c->nack, now_us, rtt_us, seqs, NACK_MAX);
	if (count != 0)
		rtcp_put_nack(&writer, 1, 2, seqs, count);
	if (!c->has_picture && c->pli_us == 0)
		c->pli_us = c->nack.started ? now_us : 0;
	bool waits = !c->has_picture && c->pli_us != 0 && now_us - c->pli_us >= PLI_FIRST_US;
	if (waits || (lost && now_us - c->pli_us >= PLI_US)) {
		rtcp_put_pli(&writer, 1, 2);
		c->pli_us = now_us;
	}
	if (writer.size != 0)
		send(w, t, number, track, rtcp, writer.size);
}

void sim_receiver_tick(struct sim_world *w, struct sim_transport *t, uint32_t number)
{
	uint8_t rtcp[320];

	for (size_t size; (size = twcc_poll(&t->twcc, w->events.now_us, rtcp, sizeof(rtcp))) != 0;)
		send(w, t, number, 0, rtcp, size);
	for (int i = 0; i < w->config.tracks; i++)
		ask_sfu(w, t, number, (uint8_t)i);
}
