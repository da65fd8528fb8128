// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/switch.c - which packets of a track a consumer gets, and under which number.
//
// Path     forward/rewrite.c -> [switch]
// Thread   the worker that owns the subscriber's transport.
//
// A consumer is sent one encoding. It begins, and changes the encoding, at a keyframe: what comes
// before could not be decoded. Where the payload is encrypted end to end no keyframe can be told,
// so it waits BEGIN_WAIT_US at most. It moves up to a higher encoding when that sends a keyframe,
// and down when its own has been silent for SILENT_US.
#include "dataplane/egress/egress.h"
#include "dataplane/forward/consumer.h"

enum {
	BEGIN_WAIT_US = 1000000,
	ASK_AGAIN_US = 500000,
	SILENT_US = 1000000,
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

static void ask(struct worker *w, struct subscription *s, const struct packet *p)
{
	if (s->asked_us != 0 && w->now_us - s->asked_us < ASK_AGAIN_US)
		return;
	s->asked_us = w->now_us;
	forward_keyframe_request(w, p->track, p->encoding);
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
	ask(w, s, p);
	return false;
}

// The source is another than before, or was not sent for a while.
static bool begin(struct worker *w, struct subscription *s, const struct packet *p,
		  const struct rtp_continuity_in *in, struct rtp_continuity_out *out)
{
	bool other = s->encoding != p->encoding ||
		     (s->continuity.started != 0 && s->continuity.source != p->ssrc);

	if (!placed(w, rtp_continuity_switch(&s->continuity, in, out)))
		return false;
	if (other) // the clock pair is of another source
		s->sr = (struct sender_report){0};
	s->encoding = p->encoding;
	s->started = true;
	s->waiting_us = 0;
	s->asked_us = 0;
	return true;
}

// A packet of another encoding than the one sent.
static bool change(struct worker *w, struct subscription *s, const struct packet *p,
		   const struct rtp_continuity_in *in, struct rtp_continuity_out *out)
{
	bool up = p->encoding > s->encoding;

	if (!up && w->now_us - s->last_sent_us < SILENT_US)
		return drop(w, SHM_EGRESS_DROP_OTHER_ENCODING);
	if (!may_begin(w, s, p))
		return drop(w, SHM_EGRESS_DROP_OTHER_ENCODING);
	return begin(w, s, p, in, out);
}

// Held back on purpose: what follows moves up, so that the consumer sees no gap.
static bool hold_back(struct worker *w, struct subscription *s, const struct rtp_continuity_in *in,
		      enum shm_egress_drop why)
{
	rtp_continuity_drop(&s->continuity, in);
	return drop(w, why);
}

bool consumer_place(struct worker *w, const struct fanout_entry *c, const struct forwarding *f,
		    struct rtp_continuity_out *out)
{
	struct subscription *s = c->subscription;
	const struct packet *p = f->packet;

	if (c->paused) {
		s->started = false;
		return drop(w, SHM_EGRESS_DROP_PAUSED);
	}
	if (!egress_path_ok(w, c->transport))
		return false;
	if (p->rtp_payload_size == 0)
		return hold_back(w, s, &f->in, SHM_EGRESS_DROP_PADDING);
	if (c->pt[f->codec] == 0xff)
		return hold_back(w, s, &f->in, SHM_EGRESS_DROP_PT_NOT_NEGOTIATED);
	if (s->started && p->encoding != s->encoding)
		return change(w, s, p, &f->in, out);
	if (s->started && p->ssrc == s->continuity.source)
		return placed(w, rtp_continuity_map_next(&s->continuity, &f->in, out));
	if (!may_begin(w, s, p))
		return drop(w, SHM_EGRESS_DROP_WAITING_KEYFRAME);
	return begin(w, s, p, &f->in, out);
}
