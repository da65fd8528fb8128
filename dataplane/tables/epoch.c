// SPDX-License-Identifier: Apache-2.0
//
// dataplane/tables/epoch.c - a worker switches to an epoch, between two bursts.
//
// Thread   every worker, each for what it owns. Nothing here can fail.

#include "dataplane/tables/epoch.h"

#include "dataplane/core/random.h"
#include "dataplane/core/worker.h"
#include "dataplane/egress/egress.h"
#include "dataplane/forward/bandwidth.h"
#include "dataplane/forward/forward.h"
#include "dataplane/forward/keyframe_group.h"
#include "dataplane/forward/pacing.h"
#include "dataplane/ingress/streams.h"
#include "dataplane/tables/plain.h"
#include "dataplane/tables/tuple.h"

#include <string.h>

static bool owns(const struct worker *w, const struct transport *t)
{
	return atomic_load_explicit(&t->owner, memory_order_acquire) == w->id;
}

static void disown(struct worker *w, uint32_t index)
{
	for (uint32_t i = 0; i < w->transports_owned_count; i++) {
		if (w->transports_owned[i] != index)
			continue;
		w->transports_owned[i] = w->transports_owned[--w->transports_owned_count];
		return;
	}
}

static void transport_removed(struct worker *w, struct transport *t,
			      const struct transport_config *before)
{
	uint32_t index = (uint32_t)(t - w->dp->transports);

	egress_rtcp_goodbye(w, t, &before->shm);
	for (uint32_t i = 0; i < t->checked_count; i++)
		tuple_table_remove(w->tuples, &t->checked[i].remote, &t->checked[i].local,
				   (struct shm_ref){index, t->generation});
	streams_remove(w, t, NULL);
	pacing_stop(w, t);
	t->path.size = 0;
	disown(w, index);
}

// The pair libnice selected, unless it was dropped from the checked ones meanwhile.
static void select_first(struct worker *w, struct transport *t, const struct transport_config *c)
{
	if (!transport_select(w, t, &c->shm.selected_remote, &c->shm.selected_local))
		transport_select(w, t, &t->checked[0].remote, &t->checked[0].local);
}

static void consent_start(struct worker *w, struct transport *t, const struct transport_config *c)
{
	struct rtc_random random = random_source();

	consent_init(&t->consent, w->now_us, (c->shm.flags & SHM_TRANSPORT_ICE_LITE) == 0, &random);
	t->phase = SHM_PHASE_ESTABLISHED;
}

static void transport_established(struct worker *w, struct transport *t,
				  const struct epoch_transport *e)
{
	const struct transport_config *c = e->after;

	t->srtcp = e->srtcp;
	t->tag_bytes = (uint32_t)srtp_suite_tag_bytes((enum shm_suite)c->shm.suite);
	t->bandwidth = e->bandwidth;
	bandwidth_start(t->bandwidth, w->now_us);
	t->srtcp_index = 1;
	transport_feedback_start(t, c->shm.rtcp_ssrc);
	consent_start(w, t, c);
	select_first(w, t, c);
	t->rtcp_due_us = w->now_us + RTCP_INTERVAL_US;
}

// An epoch based on an older path than ours leaves our choice (design section 5).
static void transport_changed(struct worker *w, struct transport *t,
			      const struct epoch_transport *e)
{
	bool restarted = e->before->shm.credentials[1].local_ufrag_size != 0 &&
			 e->after->shm.credentials[1].local_ufrag_size == 0;

	if (restarted)
		consent_start(w, t, e->after);
	if (e->after->shm.selected_path_generation == t->path_generation)
		transport_select(w, t, &e->after->shm.selected_remote,
				 &e->after->shm.selected_local);
}

static void apply_transport(struct worker *w, const struct epoch_transport *e)
{
	struct transport *t = &w->dp->transports[e->index];

	if (e->before == e->after)
		return; // only its links change
	if ((e->after != NULL ? e->after : e->before)->plain)
		plain_apply(w, e);
	if (!owns(w, t) || e->before == NULL)
		return;
	if (e->after == NULL)
		transport_removed(w, t, e->before);
	else if (e->after->plain)
		return;
	else if (!e->before->established && e->after->established)
		transport_established(w, t, e);
	else if (e->after->established)
		transport_changed(w, t, e);
}

static void add_stream(struct worker *w, struct transport *t, const struct epoch_track *e,
		       uint8_t encoding)
{
	struct receive_stream made = {
		.ssrc = e->after->shm.encodings[encoding].ssrc,
		.encoding = encoding,
		.track = {e->after->index, e->after->generation},
		.plain = e->sources[encoding] != NULL,
	};

	if (made.plain)
		made.source = e->sources[encoding];
	else
		made.srtp = e->streams[encoding];
	streams_add(w, t, &made);
}

static void apply_track(struct worker *w, const struct epoch_track *e)
{
	const struct track_config *c = e->after != NULL ? e->after : e->before;
	struct transport *t = &w->dp->transports[c->shm.transport.index];
	bool unmuted = e->before != NULL && e->before->shm.muted && e->after != NULL &&
		       !e->after->shm.muted;

	if (unmuted)
		forward_track_resumed(w, (struct shm_ref){c->index, c->generation});
	if (!owns(w, t))
		return;
	if (e->after == NULL) {
		streams_remove(w, t, c);
		return;
	}
	for (uint8_t i = 0; i < SHM_ENCODINGS_MAX; i++)
		if (e->streams[i] != NULL || e->sources[i] != NULL)
			add_stream(w, t, e, i);
	if (unmuted && c->shm.kind == SHM_KIND_VIDEO)
		for (uint8_t i = 0; i < c->shm.encoding_count; i++)
			forward_keyframe_request(w, (struct shm_ref){c->index, c->generation}, i);
}

static void subscription_start(struct worker *w, struct subscription *s,
			       const struct subscription_config *c)
{
	(void)w;
	s->generation = c->generation;
	s->encoding = 0;
	s->started = false;
	s->whole = false;
	s->waiting_us = 0;
	s->asked_us = 0;
	rtp_continuity_init(&s->continuity, c->shm.sequence_start, c->shm.timestamp_start);
	memset(&s->sr, 0, sizeof(s->sr));
	memset(&s->stats, 0, sizeof(s->stats));
	s->stats.generation = c->generation;
	s->srtp_index_reserved = c->shm.sequence_start + INDEX_RESERVE; // as main wrote it
	rtx_sender_init(&s->rtx, c->shm.rtx_ssrc, 0, c->shm.rtx_sequence_start);
	s->rtx_index_reserved = c->shm.rtx_sequence_start + INDEX_RESERVE;
	memset(&s->resend, 0, sizeof(s->resend));
	s->layers = (struct layer_choice){.target.pair = {LAYER_HIGHEST, LAYER_HIGHEST}};
	s->wished_us = 0;
	s->last_sent_us = 0;
	s->sr_last = 0;
	s->sr_last_us = 0;
}

// Another track under the same SSRC: begins at its next keyframe, numbering goes on.
static void subscription_follow(struct subscription *s)
{
	s->layers.target = (struct layer_target){.pair = {LAYER_HIGHEST, LAYER_HIGHEST}};
	s->sr = (struct sender_report){0}; // of another publisher's clock
	s->encoding = 0;
	s->started = false;
	s->whole = false;
	s->waiting_us = 0;
	s->asked_us = 0;
}

static void apply_subscription(struct worker *w, const struct epoch_subscription *e)
{
	const struct subscription_config *c = e->after;
	struct subscription *s = &w->dp->subscriptions[e->index];

	if (c == NULL || !owns(w, &w->dp->transports[c->shm.transport.index]))
		return;
	bool other = e->before == NULL ||
		     memcmp(&e->before->shm.track, &c->shm.track, sizeof(c->shm.track)) != 0;
	if (e->before == NULL)
		subscription_start(w, s, c);
	else if (other)
		subscription_follow(s);
	if (!c->shm.paused && (other || e->before->shm.paused) &&
	    !keyframe_group_serves(w, &w->dp->transports[c->shm.transport.index], c->shm.track,
				   s->encoding, KEYFRAME_CACHE_AGE_MAX_US))
		forward_keyframe_request(w, c->shm.track, s->encoding);
}

// Its peer is told, if it was sent anything.
static void end_subscription(struct worker *w, const struct epoch_subscription *e)
{
	struct transport *t = &w->dp->transports[e->before->shm.transport.index];
	struct goodbyes *g = &t->goodbyes;

	if (owns(w, t) && w->dp->subscriptions[e->index].stats.packets_sent != 0 &&
	    g->count < GOODBYES_MAX)
		g->ssrcs[g->count++] = e->before->shm.ssrc;
}

// A turn of the track's that the old list has not seen yet is news to the new one, too.
static void apply_fanout(struct worker *w, const struct epoch_fanout *e)
{
	if (e->after != NULL)
		e->after->holds = e->before != NULL && e->before->track_generation ==
							       e->after->track_generation
					  ? e->before->holds
					  : atomic_load_explicit(&w->dp->tracks[e->track].holds,
								 memory_order_acquire);
	w->fanout[e->track] = e->after;
}

void epoch_apply(struct worker *w, struct epoch *e)
{
	for (uint32_t i = 0; i < e->subscription_count; i++)
		if (e->subscriptions[i].after == NULL)
			end_subscription(w, &e->subscriptions[i]);
	for (uint32_t i = 0; i < e->transport_count; i++)
		apply_transport(w, &e->transports[i]);
	// What goes makes room for what comes.
	for (uint32_t i = 0; i < e->track_count; i++)
		if (e->tracks[i].after == NULL)
			apply_track(w, &e->tracks[i]);
	for (uint32_t i = 0; i < e->track_count; i++)
		if (e->tracks[i].after != NULL)
			apply_track(w, &e->tracks[i]);
	for (uint32_t i = 0; i < e->fanout_count; i++)
		if (e->fanouts[i].worker == w->id)
			apply_fanout(w, &e->fanouts[i]);
	for (uint32_t i = 0; i < e->subscription_count; i++)
		apply_subscription(w, &e->subscriptions[i]);
	// Pairs with the acquire in link/epochs.c: main frees what we no longer look at.
	atomic_fetch_add_explicit(&e->workers_done, 1, memory_order_release);
}
