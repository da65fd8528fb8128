// SPDX-License-Identifier: Apache-2.0
//
// dataplane/tables/track.c - running configuration of tracks, and an encoding meeting its SSRC.

#include "dataplane/tables/track.h"

#include "dataplane/core/limits.h"
#include "dataplane/core/worker.h"

#include <string.h>

const struct track_config *track_config_of(const struct dataplane *dp, struct shm_ref ref)
{
	if (ref.generation == 0 || ref.index >= dp->limits.tracks)
		return NULL;
	const struct track_config *c =
		atomic_load_explicit(&dp->tracks[ref.index].config, memory_order_acquire);
	return c != NULL && c->generation == ref.generation ? c : NULL;
}

const struct shm_track_codec *track_codec_of_rtx(const struct track_config *c, uint8_t pt)
{
	for (unsigned i = 0; pt != 0 && i < c->shm.codec_count; i++)
		if (c->shm.codecs[i].rtx_pt == pt)
			return &c->shm.codecs[i];
	return NULL;
}

void track_bind(struct worker *w, const struct track_config *c, uint8_t encoding, uint32_t ssrc)
{
	struct track *t = &w->dp->tracks[c->index];
	struct encoding *e = &t->encodings[encoding];
	struct xmsg event = {
		.kind = XMSG_EVENT_BOUND,
		.ref = {c->index, c->generation},
		.a = encoding,
		.b = ssrc,
		.time_us = w->now_us,
	};

	memset(e, 0, sizeof(*e));
	if (c->nacks != NULL)
		nack_generator_init(&c->nacks[encoding]);
	if (t->keyframes_generation != c->generation) {
		keyframe_budget_init(&t->keyframes);
		t->keyframes_generation = c->generation;
	}
	e->ssrc = ssrc;
	e->stats.ssrc = ssrc;
	e->stats.track_generation = c->generation;
	e->stats.audio_level = SPEAKER_LEVEL_SILENT;
	report_init(&e->report, ssrc, c->shm.codecs[0].clock_rate);
	keyframe_gate_init(&e->gate, KEYFRAME_INTERVAL_US, KEYFRAME_GATE_TRIES_MAX);
	// Consumers that came before the first packet are waiting for a picture.
	if (c->shm.kind == SHM_KIND_VIDEO)
		keyframe_gate_request(&e->gate);
	xmsg_to_main(w, &event); // a lost event is found in the state record
}
