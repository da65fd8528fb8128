// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/repair.c - NACKs of consumers, answered by RTX from this worker's history.
//
// Path     forward/feedback.c -> [repair] -> forward/rewrite.c -> egress/rtx.c
// Thread   the worker that owns the subscriber's transport.
// Bounds   a consumer's asks per time, and the bytes of all answers to a transport: what a storm of
//          NACKs costs is known. Without RTX nothing is sent again: a repeat under the old index
//          would have to be the same to the byte, and a new transport-wide number under an old
//          nonce gives away the GCM key.
// Spec     RFC 4585 6.2.1, RFC 4588.
#include "dataplane/forward/repair.h"
#include "dataplane/forward/consumer.h"
#include "dataplane/forward/keyframe_group.h"
#include "dataplane/forward/pacing.h"

#include <rte_mempool.h>

enum { EVICT_ONCE = 4096 };

static uint32_t source_of(struct shm_ref track, uint8_t encoding)
{
	return track.index * SHM_ENCODINGS_MAX + encoding;
}

void repair_keep(struct worker *w, struct rte_mbuf *m)
{
	const struct packet *p = packet_of(m);

	if (p->kind != SHM_KIND_VIDEO)
		return;
	keyframe_group_keep(w, p);
	rte_mbuf_refcnt_update(m, 1);
	uintptr_t released = history_put(&w->history, source_of(p->track, p->encoding), p->index,
					 (uintptr_t)m, w->now_us);
	if (released != 0)
		rte_pktmbuf_free((struct rte_mbuf *)released);
	// Nothing has touched it for long.
	struct rte_mbuf *next = (struct rte_mbuf *)history_next_out(&w->history);
	if (next != NULL) {
		rte_prefetch0(next);
		rte_prefetch0(&next->next);
	}
}

// At most half of the pool by its size, and less when others need it.
void repair_due(struct worker *w)
{
	uintptr_t m;

	while ((m = history_expire(&w->history, w->now_us)) != 0)
		rte_pktmbuf_free((struct rte_mbuf *)m);
	if (w->history.count == 0 ||
	    rte_mempool_avail_count(w->dp->packets) >= w->dp->packets->size / 4)
		return;
	for (unsigned i = 0; i < EVICT_ONCE && (m = history_evict(&w->history)) != 0; i++)
		rte_pktmbuf_free((struct rte_mbuf *)m);
}

void repair_stop(struct worker *w)
{
	uintptr_t m;

	while ((m = history_evict(&w->history)) != 0)
		rte_pktmbuf_free((struct rte_mbuf *)m);
}

// Slots are taken anew: a packet of the track before is no packet of this one.
struct rte_mbuf *repair_find(const struct worker *w, struct shm_ref track, uint8_t encoding,
			     uint64_t index)
{
	struct rte_mbuf *m =
		(struct rte_mbuf *)history_find(&w->history, source_of(track, encoding), index);

	return m != NULL && packet_of(m)->track.generation == track.generation ? m : NULL;
}

const struct fanout_entry *repair_consumer(const struct worker *w, const struct subscription *s,
					   struct shm_ref track)
{
	const struct fanout_list *list =
		track.index < w->dp->limits.tracks ? w->fanout[track.index] : NULL;

	for (uint32_t i = 0; list != NULL && i < list->count; i++)
		if (list->entries[i].subscription == s)
			return &list->entries[i];
	return NULL;
}

static bool answer(struct worker *w, const struct fanout_entry *c, uint16_t seq)
{
	struct subscription *s = c->subscription;
	struct forwarding f;
	uint64_t index;

	if (!resend_ask(&s->resend, w->now_us) ||
	    !rtp_continuity_source_of(&s->continuity, seq, &index) ||
	    resend_under_way(&s->resend, index, w->now_us, s->stats.round_trip_us))
		return false;
	struct rte_mbuf *m = repair_find(w, c->config->shm.track, s->encoding, index);
	if (m == NULL || packet_of(m)->ssrc != s->continuity.source ||
	    w->now_us - packet_of(m)->arrival_us > REPAIR_AGE_US || !forwarding_read(w, m, &f) ||
	    !resend_budget_take(&c->transport->resend, packet_of(m)->payload_size, w->now_us) ||
	    !consumer_resend(w, c, &f, seq))
		return false;
	pacing_repaired(w, c, &f);
	resend_given(&s->resend, index, w->now_us);
	s->stats.retransmitted_packets_sent++;
	s->stats.retransmitted_bytes_sent += packet_of(m)->rtp_payload_size;
	return true;
}

// 'c' NULL: it is sent nothing again.
static void ask(struct worker *w, struct subscription *s, const struct fanout_entry *c,
		uint16_t seq)
{
	if (c == NULL || !answer(w, c, seq))
		s->stats.nack_refused++;
}

void repair_nack(struct worker *w, struct subscription *s, struct shm_ref track,
		 const struct rtcp_packet *p)
{
	const struct fanout_entry *c = repair_consumer(w, s, track);
	struct rtcp_nack nack;

	s->stats.nack_count++;
	if (c != NULL && (c->paused || c->config->shm.rtx_ssrc == 0))
		c = NULL;
	for (unsigned i = 0; rtcp_read_nack(p, i, &nack); i++) {
		ask(w, s, c, nack.seq);
		for (unsigned bit = 0; bit < 16; bit++)
			if ((nack.following >> bit & 1) != 0)
				ask(w, s, c, (uint16_t)(nack.seq + bit + 1));
	}
}
