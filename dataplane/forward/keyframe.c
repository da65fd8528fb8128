// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/keyframe.c - consumers' wishes for a keyframe, to the gate of the encoding; and
// what keyframes cost their source.
//
// Path     forward/switch.c, forward/feedback.c, tables/epoch.c -> [keyframe] -> egress/rtcp_out.c
// Thread   asked on any worker; the gate is the publisher's worker's.
#include "dataplane/forward/forward.h"

static void gate_request(struct worker *w, struct shm_ref track, uint8_t encoding)
{
	struct encoding *e = &w->dp->tracks[track.index].encodings[encoding];

	// Before its first packet an encoding has no gate; binding it asks.
	if (e->ssrc == 0 || e->stats.track_generation != track.generation)
		return;
	e->stats.keyframe_wishes++;
	keyframe_gate_request(&e->gate);
}

void forward_keyframe_request(struct worker *w, struct shm_ref track, uint8_t encoding)
{
	const struct track_config *c = track_config_of(w->dp, track);

	if (c == NULL || c->shm.kind != SHM_KIND_VIDEO || encoding >= SHM_ENCODINGS_MAX)
		return;
	const struct transport *publisher = &w->dp->transports[c->shm.transport.index];
	uint32_t owner = atomic_load_explicit(&publisher->owner, memory_order_acquire);
	if (owner == w->id) {
		gate_request(w, track, encoding);
	} else if (owner != TRANSPORT_UNOWNED) {
		struct xmsg msg = {.kind = XMSG_KEYFRAME, .ref = track, .a = encoding};
		xmsg_to_worker(w, owner, &msg); // a lost wish is repeated by who needs it
	}
}

// A keyframe ends where the next frame begins.
void forward_keyframe_packet(struct track *t, struct encoding *e, const struct packet *p)
{
	keyframe_budget_earn(&t->keyframes, p->rtp_payload_size);
	if (e->keyframe_open && (int32_t)(p->timestamp - e->keyframe_timestamp) > 0) {
		keyframe_budget_measure(&t->keyframes, e->keyframe_bytes);
		e->keyframe_open = false;
	}
	if (p->keyframe) {
		e->keyframe_paid = false;
		if (!e->keyframe_open)
			e->keyframe_bytes = 0;
		e->keyframe_open = true;
		e->keyframe_timestamp = p->timestamp;
	}
	if (e->keyframe_open && p->timestamp == e->keyframe_timestamp)
		e->keyframe_bytes += p->rtp_payload_size;
}

bool forward_keyframe_afford(struct track *t, struct encoding *e, uint64_t now_us)
{
	if (e->keyframe_paid || keyframe_budget_spend(&t->keyframes, now_us)) {
		e->keyframe_paid = true;
		e->keyframe_held = false;
		return true;
	}
	e->stats.keyframe_requests_held += !e->keyframe_held;
	e->keyframe_held = true;
	return false;
}
