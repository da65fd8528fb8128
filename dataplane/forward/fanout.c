// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/fanout.c - one opened packet to every worker with consumers, and there to each
// of them.
//
// Path     ingress/rtp.c -> [fanout] -> forward/rewrite.c -> egress/rtp.c
// Thread   forward_rtp: the publisher's worker. forward_local: the consumers'.
// Shared   from here on the packet is read-only: other workers may hold references to it.
#include "dataplane/forward/consumer.h"

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

void forward_rtp(struct worker *w, struct rte_mbuf **pkts, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const struct track_config *c = track_config_of(w->dp, packet_of(pkts[i])->track);

		if (c == NULL || c->shm.muted || c->worker_mask == 0) {
			drop_ingress(w, pkts[i], SHM_INGRESS_DROP_MUTED);
			continue;
		}
		w->stats.packets_forwarded++;
		fan_out(w, pkts[i], c->worker_mask);
	}
}

bool consumer_find(struct worker *w, uint32_t index, struct shm_ref track, struct consumer *c)
{
	struct subscription *s = &w->dp->subscriptions[index];
	const struct subscription_config *config =
		atomic_load_explicit(&s->config, memory_order_acquire);

	// A config main has swapped in runs here only once its epoch was applied.
	if (config == NULL || config->generation != s->generation ||
	    config->shm.track.index != track.index ||
	    config->shm.track.generation != track.generation)
		return false;
	*c = (struct consumer){
		.subscription = s,
		.config = config,
		.transport = transport_owned(w, config->shm.transport),
	};
	return c->transport != NULL;
}

// False if the packet's track or payload type is gone.
static bool read_once(struct worker *w, struct rte_mbuf *m, struct forwarding *f)
{
	const struct packet *p = packet_of(m);
	const struct track_config *track = track_config_of(w->dp, p->track);
	const struct shm_track_codec *codec = track != NULL ? track->codec_by_pt[p->pt] : NULL;

	if (codec == NULL || w->fanout[p->track.index] == NULL)
		return false;
	*f = (struct forwarding){
		.mbuf = m,
		.packet = p,
		.track = track,
		.clock_rate = codec->clock_rate,
	};
	if (p->ext_offset != 0) {
		const struct rtp_view v = {
			.ext = rte_pktmbuf_mtod_offset(m, const uint8_t *, p->ext_offset),
			.ext_size = p->ext_size,
			.ext_profile = p->ext_profile,
		};
		rtp_ext_collect(&f->ext, &v, &track->shm.ext);
	}
	return true;
}

void forward_track_resumed(struct worker *w, struct shm_ref track)
{
	const struct fanout_list *list = w->fanout[track.index];
	struct consumer c;

	for (uint32_t i = 0; list != NULL && i < list->count; i++) {
		if (!consumer_find(w, list->subscription[i], track, &c))
			continue;
		c.subscription->started = false;
		c.subscription->waiting_us = 0;
	}
}

void forward_local(struct worker *w, struct rte_mbuf *m)
{
	struct forwarding f;

	if (!read_once(w, m, &f)) {
		drop_egress(w, SHM_EGRESS_DROP_FANOUT_STALE);
		rte_pktmbuf_free(m);
		return;
	}
	const struct fanout_list *list = w->fanout[f.packet->track.index];
	for (uint32_t i = 0; i < list->count; i++) {
		struct consumer c;

		if (consumer_find(w, list->subscription[i], f.packet->track, &c))
			consumer_send(w, &c, &f);
		else
			drop_egress(w, SHM_EGRESS_DROP_FANOUT_STALE);
	}
	rte_pktmbuf_free(m);
}
