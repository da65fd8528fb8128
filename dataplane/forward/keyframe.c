// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/keyframe.c - consumers' wishes for a keyframe, to the gate of the encoding.
//
// Path     forward/switch.c, forward/feedback.c, tables/epoch.c -> [keyframe] -> egress/rtcp_out.c
// Thread   asked on any worker; the gate is the publisher's worker's.
#include "dataplane/forward/forward.h"

static void gate_request(struct worker *w, struct shm_ref track, uint8_t encoding)
{
	struct encoding *e = &w->dp->tracks[track.index].encodings[encoding];

	// Before its first packet an encoding has no gate; binding it asks.
	if (e->ssrc != 0 && e->stats.track_generation == track.generation)
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
