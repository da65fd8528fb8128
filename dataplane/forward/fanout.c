// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/fanout.c - one opened packet to every worker with consumers, and there to each
// of them.
//
// Path     ingress/rtp.c -> [fanout] -> forward/rewrite.c -> egress/rtp.c
// Thread   forward_rtp: the publisher's worker. forward_local: the consumers'.
// Shared   from here on the packet is read-only: other workers may hold references to it.
#include "dataplane/egress/egress.h"
#include "dataplane/forward/consumer.h"
#include "dataplane/forward/repair.h"

static void to_worker(struct worker *w, struct rte_mbuf *m, unsigned id)
{
	struct xmsg msg = {.kind = XMSG_FANOUT, .ref = packet_of(m)->track, .mbuf = m};

	rte_mbuf_refcnt_update(m, 1);
	if (xmsg_to_worker(w, id, &msg))
		return;
	drop_egress(w, SHM_EGRESS_DROP_FANOUT_FULL);
	rte_pktmbuf_free(m);
}

// Other cores first: they work while this one serves its own consumers.
static void fan_out(struct worker *w, struct rte_mbuf *m, uint32_t mask)
{
	for (unsigned id = 0; id < w->dp->worker_count; id++)
		if (id != w->id && (mask & (UINT32_C(1) << id)) != 0)
			to_worker(w, m, id);
	if ((mask & (UINT32_C(1) << w->id)) != 0)
		forward_local(w, m);
	else
		rte_pktmbuf_free(m);
}

// False: the packet goes no further.
static bool passes(struct worker *w, struct rte_mbuf *m, const struct track_config *c,
		   struct track *t)
{
	if (c == NULL || c->shm.muted || c->worker_mask == 0) {
		drop_ingress(w, m, SHM_INGRESS_DROP_MUTED);
		return false;
	}
	if (track_held_back(t)) {
		drop_ingress(w, m,
			     c->shm.kind == SHM_KIND_AUDIO ? SHM_INGRESS_DROP_OUTSIDE_TOP_N
							   : SHM_INGRESS_DROP_OUTSIDE_LAST_N);
		return false;
	}
	return true;
}

void forward_rtp(struct worker *w, struct rte_mbuf **pkts, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct packet *p = packet_of(pkts[i]);
		const struct track_config *c = track_config_of(w->dp, p->track);
		struct track *t = &w->dp->tracks[p->track.index];

		if (!passes(w, pkts[i], c, t)) {
			if (c != NULL) // else the slot may be another worker's by now
				t->silenced = true;
			continue;
		}
		if (t->silenced) {
			// To the listeners a talk spurt begins (RFC 3551 4.1).
			p->marker |= p->kind == SHM_KIND_AUDIO;
			t->silenced = false;
		}
		w->stats.packets_forwarded++;
		fan_out(w, pkts[i], c->worker_mask);
	}
}

// RED within RED is not undone.
static unsigned primary_of(const struct track_config *track, const struct packet *p)
{
	const struct shm_track_codec *codec = track->codec_by_pt[p->primary_pt];

	return codec != NULL && codec->codec != SHM_CODEC_RED
		       ? (unsigned)(codec - track->shm.codecs)
		       : SHM_CODECS_MAX;
}

bool forwarding_read(struct worker *w, struct rte_mbuf *m, struct forwarding *f)
{
	const struct packet *p = packet_of(m);
	const struct fanout_list *list = w->fanout[p->track.index];
	const struct track_config *track = track_config_of(w->dp, p->track);
	const struct shm_track_codec *codec = track != NULL ? track->codec_by_pt[p->pt] : NULL;

	if (codec == NULL || list == NULL || list->track_generation != p->track.generation)
		return false;
	f->packet = p;
	f->payload = rte_pktmbuf_mtod_offset(m, const uint8_t *, p->rtp_payload_offset);
	f->track = track;
	f->kind = p->kind == SHM_KIND_AUDIO ? PACKET_AUDIO : PACKET_VIDEO;
	f->codec = (unsigned)(codec - track->shm.codecs);
	f->red = codec->codec == SHM_CODEC_RED;
	f->primary = f->red ? primary_of(track, p) : SHM_CODECS_MAX;
	f->in = (struct rtp_continuity_in){
		.index = p->index,
		.now_us = p->arrival_us,
		.source = p->ssrc,
		.ts = p->timestamp,
		.clock_rate = codec->clock_rate,
	};
	f->kept = list->keeps_history;
	f->shared = false;
	f->edited = NULL;
	f->abs_send_time = rtp_ext_abs_send_time(w->now_us);
	for (unsigned i = 0; i < FANOUT_EXT_CLASSES; i++)
		f->heads[i].built = false;
	const struct rtp_view v = {
		.ext = p->ext_offset != 0
			       ? rte_pktmbuf_mtod_offset(m, const uint8_t *, p->ext_offset)
			       : NULL,
		.ext_size = p->ext_size,
		.ext_profile = p->ext_profile,
	};
	rtp_ext_collect(&f->ext, &v, &track->shm.ext);
	return true;
}

void forward_track_resumed(struct worker *w, struct shm_ref track)
{
	const struct fanout_list *list = w->fanout[track.index];

	for (uint32_t i = 0; list != NULL && i < list->count; i++) {
		struct subscription *s = list->entries[i].subscription;

		if (list->track_generation != track.generation)
			continue;
		s->started = false;
		s->waiting_us = 0;
	}
}

// The track was held back since the last packet: this one begins anew.
static void released(struct worker *w, struct fanout_list *list, struct shm_ref track)
{
	uint32_t holds =
		atomic_load_explicit(&w->dp->tracks[track.index].holds, memory_order_acquire);

	if (list->holds == holds || (holds & 1) != 0)
		return;
	list->holds = holds;
	forward_track_resumed(w, track);
}

void forward_local(struct worker *w, struct rte_mbuf *m)
{
	struct forwarding f;

	if (!forwarding_read(w, m, &f)) {
		drop_egress(w, SHM_EGRESS_DROP_FANOUT_STALE);
		rte_pktmbuf_free(m);
		return;
	}
	struct fanout_list *list = w->fanout[f.packet->track.index];
	released(w, list, f.packet->track);
	f.shared = list->count > 1;
	consumers_send(w, list, &f);
	if (list->keeps_history)
		repair_keep(w, m);
	if (f.edited != NULL)
		egress_release(w, f.edited);
	egress_release(w, m);
}
