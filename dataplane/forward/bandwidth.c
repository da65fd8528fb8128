// SPDX-License-Identifier: Apache-2.0
//
// dataplane/forward/bandwidth.c - feedback of a subscriber to the estimate of its path, and probes.
//
// Path     forward/feedback.c, core/path.c (housekeeping) -> [bandwidth] -> forward/allocation.c
// Thread   the worker that owns the transport.
// Probes   are media and, where that runs out, padding in the RTX stream of a consumer, which its
//          receiver reports on and throws away.
#include "dataplane/forward/bandwidth.h"

#include "dataplane/egress/rtx.h"
#include "dataplane/tables/bandwidth.h"
#include "proto/rtc/rtcp_remb.h"

#include <rte_malloc.h>

struct bandwidth *bandwidth_new(void)
{
	return rte_zmalloc("bandwidth", sizeof(struct bandwidth), RTE_CACHE_LINE_SIZE);
}

void bandwidth_start(struct bandwidth *b, uint64_t now_us)
{
	send_path_init(&b->path, b->log, BANDWIDTH_LOG_SLOTS, b->waiting, PACED_PACKETS_MAX,
		       now_us);
}

void bandwidth_feedback(struct worker *w, struct transport *t, const struct rtcp_packet *p)
{
	struct twcc_feedback f;
	uint64_t bps;

	if (t->bandwidth == NULL)
		return;
	if (twcc_read(p, &f)) {
		estimator_feedback(&t->bandwidth->path.estimator, &f, w->now_us);
	} else if (rtcp_read_remb(p, &bps)) {
		t->stats.remb_bps = bps;
		estimator_remb(&t->bandwidth->path.estimator, bps);
	}
}

void bandwidth_report(struct worker *w, struct transport *t, uint8_t fraction_lost,
		      uint64_t round_trip_us)
{
	if (t->bandwidth != NULL)
		estimator_report(&t->bandwidth->path.estimator, fraction_lost, round_trip_us,
				 w->now_us);
}

uint64_t bandwidth_bps(const struct transport *t)
{
	const struct bandwidth *b = t->bandwidth;

	if (b == NULL || !estimator_knows(&b->path.estimator))
		return ALLOCATE_UNBOUNDED_BPS;
	return estimator_bps(&b->path.estimator);
}

uint64_t bandwidth_waiting_bits(const struct transport *t)
{
	return t->bandwidth == NULL ? 0 : t->bandwidth->path.pacer.queued_bytes * 8;
}

void bandwidth_want(struct transport *t, uint64_t bps)
{
	if (t->bandwidth != NULL)
		estimator_set_wanted(&t->bandwidth->path.estimator, bps);
}

static uint8_t rtx_pt(const struct subscription_config *c)
{
	for (unsigned i = 0; i < c->shm.pt_count; i++)
		if (c->shm.pts[i].rtx != 0)
			return c->shm.pts[i].rtx;
	return 0;
}

// A consumer whose RTX stream can carry padding.
static struct subscription *padded(struct worker *w, struct transport *t,
				   const struct subscription_config **config)
{
	const struct transport_links *l = atomic_load_explicit(&t->links, memory_order_acquire);

	for (uint32_t i = 0; l != NULL && i < l->subscription_count; i++) {
		struct subscription *s = &w->dp->subscriptions[l->index[l->track_count + i]];
		const struct subscription_config *c =
			atomic_load_explicit(&s->config, memory_order_acquire);

		if (c == NULL || c->generation != s->generation || c->shm.rtx_ssrc == 0 ||
		    c->shm.ext.id[RTP_EXT_TRANSPORT_WIDE_CC] == 0 || rtx_pt(c) == 0)
			continue;
		*config = c;
		return s;
	}
	return NULL;
}

static bool pad(struct worker *w, struct transport *t, struct subscription *s,
		const struct subscription_config *c)
{
	const struct rtp_ext_set none = {0};
	const struct fanout_entry entry = {
		.transport = t, .subscription = s, .srtp = c->rtx, .ssrc = s->rtx.ssrc};
	const struct rtp_ext_own own = {
		.mid = c->shm.mid,
		.mid_size = (uint8_t)strnlen(c->shm.mid, sizeof(c->shm.mid)),
		.abs_send_time = rtp_ext_abs_send_time(w->now_us),
	};
	uint8_t block[RTP_EXT_BLOCK_BYTES_MAX];
	struct rtp_ext_built layout;

	if (!rtp_ext_build(&layout, block, sizeof(block), &none, &c->shm.ext, &own))
		return false;
	const uint16_t size = (uint16_t)(RTP_HEADER_BYTES + layout.size);
	const struct egress_rtp_head head = {.block = block, .size = size, .mid_at = size};
	const struct placement at = {.out.ts = s->continuity.ts_newest};
	uint8_t *rtp = egress_padding(w, &entry, &head, at, rtx_pt(c));
	if (rtp == NULL)
		return false;
	uint32_t bytes = head.size + EGRESS_PADDING_BYTES;
	bytes_store_be16(rtp + RTP_HEADER_BYTES + layout.twcc_offset,
			 bandwidth_number(t, PACKET_PADDING, bytes, w->now_us));
	t->stats.probe_bytes_sent += bytes;
	return true;
}

// Where no packet has a transport-wide number, what left is the transport's to tell.
static void unnumbered(struct worker *w, struct transport *t, struct bandwidth *b)
{
	uint64_t bytes = t->stats.bytes_sent;

	if (b->path.estimator.log.next == 0 && bytes > b->counted_bytes)
		estimator_left(&b->path.estimator, bytes - b->counted_bytes, w->now_us);
	b->counted_bytes = bytes;
	estimator_unreported(&b->path.estimator, w->now_us);
}

// What the probe under way is short of.
static void probe_due(struct worker *w, struct transport *t, const struct send_path *path)
{
	const struct subscription_config *c = NULL;
	struct subscription *s = padded(w, t, &c);

	for (unsigned i = 0; s != NULL && i < SEND_PATH_PADDING_ONCE; i++)
		if (!send_path_wants_padding(path, w->now_us) || !pad(w, t, s, c))
			return;
}

void bandwidth_due(struct worker *w, struct transport *t)
{
	const struct subscription_config *c;
	struct bandwidth *b = t->bandwidth;

	if (b == NULL || t->phase != SHM_PHASE_ESTABLISHED)
		return;
	struct send_path *path = &b->path;
	if (path->probe_id != 0)
		probe_due(w, t, path);
	if (!send_path_is_due(path, w->now_us))
		return;
	if (path->estimator.feedbacks == 0)
		unnumbered(w, t, b);
	send_path_poll(path, w->now_us);
	send_path_pace(path, path->probe_id != 0 && padded(w, t, &c) == NULL);
	resend_budget_set_rate(&t->resend, estimator_bps(&path->estimator));
	t->stats.available_outgoing_bps =
		estimator_knows(&path->estimator) ? estimator_bps(&path->estimator) : 0;
}
