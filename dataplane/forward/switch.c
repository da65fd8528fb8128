// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/switch.c - which packets of a track a consumer gets, and under which number.
//
// Path     forward/rewrite.c -> [switch]
// Thread   the worker that owns the subscriber's transport.
//
// A consumer is sent one encoding: the allocation's target (forward/allocation.c), or as long as
// there is none the best that runs. It begins, and changes the encoding, at a keyframe: what comes
// before could not be decoded. The last one will do where all behind it is kept
// (forward/keyframe_group.h); else one is asked for. Where the payload is encrypted end to end and
// nothing describes it, no keyframe can be told, so it waits BEGIN_WAIT_US at most. Without a
// target it moves up to a higher encoding when that sends a keyframe, and down when its own has
// been silent for SILENT_US.
#include "dataplane/egress/egress.h"
#include "dataplane/forward/consumer.h"
#include "dataplane/forward/keyframe_group.h"
#include "dataplane/forward/layers.h"
#include "dataplane/forward/pacing.h"

enum {
	BEGIN_WAIT_US = 1000000,
	ASK_AGAIN_US = 500000,
	SILENT_US = 1000000,
	// How far back a consumer may begin that has pictures: it is shown that time in one go.
	CHANGE_BACK_US = 500000,
	CLOCKS_AGREE_S = 1, // two encodings' clocks, by when their packets come
};

static bool drop(struct worker *w, enum shm_egress_drop why)
{
	drop_egress(w, why);
	return false;
}

static bool placed(struct worker *w, enum rtp_continuity_verdict verdict)
{
	if (verdict == RTP_CONTINUITY_SEND)
		return true;
	return drop(w, verdict == RTP_CONTINUITY_EXHAUSTED ? SHM_EGRESS_DROP_INDEX_LIMIT
							   : SHM_EGRESS_DROP_LATE);
}

static void ask(struct worker *w, struct subscription *s, const struct packet *p, uint8_t encoding)
{
	if (s->asked_us != 0 && w->now_us - s->asked_us < ASK_AGAIN_US)
		return;
	s->asked_us = w->now_us;
	forward_keyframe_request(w, p->track, encoding);
}

// True once the consumer may begin with this packet.
static bool may_begin(struct worker *w, struct subscription *s, const struct packet *p)
{
	if (p->kind != SHM_KIND_VIDEO || p->keyframe)
		return true;
	if (s->waiting_us == 0)
		s->waiting_us = w->now_us;
	if (w->now_us - s->waiting_us >= BEGIN_WAIT_US)
		return true;
	ask(w, s, p, p->encoding);
	return false;
}

// True if the consumer could begin at the last keyframe. Tried once, before a new one is asked for.
static bool began_earlier(struct worker *w, const struct fanout_entry *c, const struct packet *p,
			  uint64_t age_max_us)
{
	return p->kind == SHM_KIND_VIDEO && !p->keyframe && c->subscription->waiting_us == 0 &&
	       keyframe_group_send(w, c, p, age_max_us);
}

// Held back on purpose: what follows moves up, so that the consumer sees no gap.
static bool hold_back(struct worker *w, struct subscription *s, const struct rtp_continuity_in *in,
		      enum shm_egress_drop why)
{
	rtp_continuity_drop(&s->continuity, in);
	return drop(w, why);
}

static bool numbered(struct worker *w, struct subscription *s, const struct packet *p,
		     enum layer_verdict verdict, struct placement *out)
{
	out->marker = verdict == LAYER_FORWARD_MARKED;
	return layers_number(s, p, out) || drop(w, SHM_EGRESS_DROP_LATE);
}

// The newest report on the clock of the packet's source. NULL: none yet.
static const struct sender_report *clock_of(const struct worker *w, const struct packet *p)
{
	const struct track_clocks *c = &w->clocks[p->track.index];
	const struct sender_report *sr = &c->reports[p->encoding];

	return c->generation == p->track.generation && sr->ssrc == p->ssrc && sr->ntp != 0 ? sr
											   : NULL;
}

// What the consumer's clock shows for a packet of another source. Where both sources' clocks are
// known it goes on to the tick, and with it the receiver's lip sync; a publisher's reports are
// believed as far as they agree with when its packets come.
static uint32_t clock_shows(const struct subscription *s, const struct forwarding *f,
			    const struct sender_report *now)
{
	uint32_t by_arrival = rtp_continuity_clock(&s->continuity, &f->in);
	int64_t rate = f->in.clock_rate, most = (int64_t)CLOCKS_AGREE_S << 32;

	if (now == NULL || s->sr.ntp == 0 || s->sr.ssrc != s->continuity.source)
		return by_arrival;
	int64_t apart = (int64_t)(now->ntp - s->sr.ntp);
	if (apart > 60 * most || apart < -60 * most)
		return by_arrival;
	uint32_t shows = s->sr.rtp_timestamp + s->continuity.ts_delta +
			 (f->in.ts - now->rtp_timestamp) + (uint32_t)(apart * rate >> 32);
	int64_t off = (int32_t)(shows - by_arrival);
	return off < rate * CLOCKS_AGREE_S && off > -rate * CLOCKS_AGREE_S ? shows : by_arrival;
}

static enum rtp_continuity_verdict take_over(struct worker *w, struct subscription *s,
					     const struct forwarding *f, bool other,
					     struct placement *out)
{
	const struct sender_report *now = clock_of(w, f->packet);
	uint32_t ts = other ? clock_shows(s, f, now) : rtp_continuity_clock(&s->continuity, &f->in);
	enum rtp_continuity_verdict verdict =
		rtp_continuity_switch_to(&s->continuity, &f->in, ts, &out->out);

	if (verdict != RTP_CONTINUITY_SEND)
		return verdict;
	if (now != NULL || other) // the clock pair is of another source
		s->sr = now != NULL ? *now : (struct sender_report){0};
	s->stats.layer_changes += other;
	return verdict;
}

// The source is another than before, or was not sent for a while.
static bool begin(struct worker *w, const struct fanout_entry *c, const struct forwarding *f,
		  struct placement *out)
{
	struct subscription *s = c->subscription;
	const struct packet *p = f->packet;
	bool other = s->encoding != p->encoding ||
		     (s->continuity.started != 0 && s->continuity.source != p->ssrc);
	enum layer_verdict verdict = layers_begin(s, p, f->track->shm.encoding_count == 1);

	if (verdict != LAYER_FORWARD && verdict != LAYER_FORWARD_MARKED)
		return drop(w, SHM_EGRESS_DROP_WAITING_KEYFRAME);
	if (other && p->keyframe)
		pacing_take_back(w, c);
	if (!placed(w, take_over(w, s, f, other, out)))
		return false;
	s->encoding = p->encoding;
	s->started = true;
	s->waiting_us = 0;
	s->asked_us = 0;
	return numbered(w, s, p, verdict, out);
}

// A packet of the encoding that is sent.
static bool follow(struct worker *w, struct subscription *s, const struct forwarding *f,
		   struct placement *out)
{
	const struct packet *p = f->packet;
	enum layer_verdict verdict = layers_choose(s, p);

	if (verdict == LAYER_WAIT)
		ask(w, s, p, p->encoding);
	if (verdict == LAYER_WAIT || verdict == LAYER_DROP)
		return hold_back(w, s, &f->in,
				 verdict == LAYER_WAIT ? SHM_EGRESS_DROP_WAITING_KEYFRAME
						       : SHM_EGRESS_DROP_OTHER_LAYER);
	return placed(w, rtp_continuity_map_next(&s->continuity, &f->in, &out->out)) &&
	       numbered(w, s, p, verdict, out);
}

// A packet of another encoding than the one sent.
static bool change(struct worker *w, const struct fanout_entry *c, const struct forwarding *f,
		   struct placement *out)
{
	struct subscription *s = c->subscription;
	const struct packet *p = f->packet;
	const struct layer_target *target = &s->layers.target;
	bool wanted =
		target->set ? p->encoding == target->encoding
			    : p->encoding > s->encoding || w->now_us - s->last_sent_us >= SILENT_US;

	if (wanted && began_earlier(w, c, p, CHANGE_BACK_US))
		return follow(w, s, f, out);
	if (!wanted || !may_begin(w, s, p))
		return drop(w, SHM_EGRESS_DROP_OTHER_ENCODING);
	return begin(w, c, f, out);
}

// The target is an encoding that has not begun here.
static bool elsewhere(const struct subscription *s, const struct packet *p)
{
	return s->layers.target.set && p->encoding != s->layers.target.encoding;
}

// Another spatial layer is wanted, and only a keyframe brings it: a new one, where the last will
// not do once a packet of that layer comes.
static void ask_for_layer(struct worker *w, const struct fanout_entry *c, const struct packet *p)
{
	struct subscription *s = c->subscription;
	uint8_t wanted = s->layers.target.encoding;

	if (elsewhere(s, p) &&
	    keyframe_group_serves(w, c->transport, p->track, wanted, CHANGE_BACK_US))
		return;
	if (elsewhere(s, p))
		ask(w, s, p, wanted);
	else if (s->layers.follows && layer_selector_wants_keyframe(&s->layers.selector, &p->layer))
		ask(w, s, p, p->encoding);
}

bool consumer_place(struct worker *w, const struct fanout_entry *c, const struct forwarding *f,
		    struct placement *out)
{
	struct subscription *s = c->subscription;
	const struct packet *p = f->packet;

	if (c->paused) {
		s->started = false;
		return drop(w, SHM_EGRESS_DROP_PAUSED);
	}
	if (!egress_path_ok(w, c->transport))
		return false;
	bool strips = consumer_strips(c, f);
	if (p->rtp_payload_size == (strips ? p->primary_offset : 0))
		return hold_back(w, s, &f->in, SHM_EGRESS_DROP_PADDING);
	if (c->pt[f->codec] == 0xff && !strips)
		return hold_back(w, s, &f->in, SHM_EGRESS_DROP_PT_NOT_NEGOTIATED);
	if (rtp_continuity_may_be_next(&f->in) &&
	    consumer_is_next(s, p, &f->in, layers_may_be_steady(&p->layer))) {
		consumer_take_next(s, p, &f->in, out);
		return true;
	}
	if (s->whole && s->started && p->ssrc == s->continuity.source) {
		out->marker = p->marker;
		out->patched = false;
		return placed(w, rtp_continuity_map_next(&s->continuity, &f->in, &out->out));
	}
	if (s->layers.target.paused) {
		s->started = false;
		return drop(w, SHM_EGRESS_DROP_NO_BANDWIDTH);
	}
	if (s->started && p->encoding != s->encoding)
		return change(w, c, f, out);
	if (s->started && p->ssrc == s->continuity.source) {
		if (p->kind == SHM_KIND_VIDEO)
			ask_for_layer(w, c, p);
		return follow(w, s, f, out);
	}
	if (elsewhere(s, p))
		return drop(w, SHM_EGRESS_DROP_OTHER_ENCODING);
	if (began_earlier(w, c, p, KEYFRAME_CACHE_AGE_MAX_US))
		return follow(w, s, f, out);
	if (!may_begin(w, s, p))
		return drop(w, SHM_EGRESS_DROP_WAITING_KEYFRAME);
	return begin(w, c, f, out);
}
