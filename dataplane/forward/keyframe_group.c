// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/keyframe_group.c - keyframes that need not be asked for. Contract in
// keyframe_group.h.
//
// Path     forward/repair.c -> [keyframe_group_keep]; forward/switch.c -> [keyframe_group_send] ->
//          forward/rewrite.c
#include "dataplane/forward/keyframe_group.h"

#include "dataplane/forward/consumer.h"
#include "dataplane/forward/repair.h"
#include "dataplane/tables/bandwidth.h"

void keyframe_group_keep(struct worker *w, const struct packet *p)
{
	struct keyframe_groups *g = &w->groups[p->track.index];

	if (g->generation != p->track.generation)
		*g = (struct keyframe_groups){.generation = p->track.generation};
	// A keyframe of several spatial layers begins with the lowest.
	keyframe_cache_receive(&g->encodings[p->encoding], p->index, p->rtp_payload_size,
			       p->keyframe && p->layer.spatial == 0, w->now_us);
}

static uint64_t rate_bps(const struct transport *t)
{
	const struct bandwidth *b = t->bandwidth;

	return b != NULL && b->path.paces ? b->path.pacer.rate_bps : RESEND_UNESTIMATED_BPS;
}

// The group's first and last packet.
static bool serves(const struct worker *w, const struct transport *to, struct shm_ref track,
		   uint8_t encoding, uint64_t *first, uint64_t *last)
{
	const struct keyframe_groups *g = &w->groups[track.index];

	return g->generation == track.generation &&
	       keyframe_cache_serves(&g->encodings[encoding], rate_bps(to), w->now_us, first, last);
}

bool keyframe_group_serves(const struct worker *w, const struct transport *to, struct shm_ref track,
			   uint8_t encoding, uint64_t age_max_us)
{
	uint64_t first, last;

	return serves(w, to, track, encoding, &first, &last) &&
	       w->now_us - w->groups[track.index].encodings[encoding].started_us <= age_max_us;
}

bool keyframe_group_send(struct worker *w, const struct fanout_entry *c, const struct packet *p,
			 uint64_t age_max_us)
{
	const struct subscription *s = c->subscription;
	uint64_t first, last;

	if (!serves(w, c->transport, p->track, p->encoding, &first, &last) || p->index <= last)
		return false;
	// The oldest goes first where the pool runs low: with it here, the rest is.
	struct rte_mbuf *m = repair_find(w, p->track, p->encoding, first);
	if (m == NULL || w->now_us - packet_of(m)->arrival_us > age_max_us)
		return false;
	for (uint64_t i = first; i <= last; i++)
		if ((m = repair_find(w, p->track, p->encoding, i)) != NULL)
			consumer_send_kept(w, c, m);
	if (!s->started || s->encoding != p->encoding)
		return false;
	w->stats.keyframe_groups_sent++;
	return true;
}
