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

enum {
	START_BPS = 5000000, // believed before the first feedback
	MIN_BPS = 50000,
	MAX_BPS = 100000000,
	PADDING_ONCE = 64, // packets a turn
};

struct bandwidth *bandwidth_new(void)
{
	return rte_zmalloc("bandwidth", sizeof(struct bandwidth), RTE_CACHE_LINE_SIZE);
}

void bandwidth_start(struct bandwidth *b, uint64_t now_us)
{
	static const struct estimator_limits limits = {START_BPS, MIN_BPS, MAX_BPS};

	estimator_init(&b->estimator, &limits, b->log, BANDWIDTH_LOG_SLOTS, now_us);
	pacer_init(&b->pacer, b->waiting, PACED_PACKETS_MAX, now_us);
}

void bandwidth_feedback(struct worker *w, struct transport *t, const struct rtcp_packet *p)
{
	struct twcc_feedback f;
	uint64_t bps;

	if (t->bandwidth == NULL)
		return;
	if (twcc_read(p, &f)) {
		estimator_feedback(&t->bandwidth->estimator, &f, w->now_us);
	} else if (rtcp_read_remb(p, &bps)) {
		t->stats.remb_bps = bps;
		estimator_remb(&t->bandwidth->estimator, bps);
	}
}

void bandwidth_report(struct worker *w, struct transport *t, uint8_t fraction_lost,
		      uint64_t round_trip_us)
{
	if (t->bandwidth != NULL)
		estimator_report(&t->bandwidth->estimator, fraction_lost, round_trip_us, w->now_us);
}

uint64_t bandwidth_bps(const struct transport *t)
{
	const struct bandwidth *b = t->bandwidth;

	if (b == NULL || !estimator_knows(&b->estimator))
		return ALLOCATE_UNBOUNDED_BPS;
	return estimator_bps(&b->estimator);
}

uint64_t bandwidth_waiting_bits(const struct transport *t)
{
	return t->bandwidth == NULL ? 0 : t->bandwidth->pacer.queued_bytes * 8;
}

void bandwidth_want(struct transport *t, uint64_t bps)
{
	if (t->bandwidth != NULL)
		estimator_set_wanted(&t->bandwidth->estimator, bps);
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

// As much as the probe's rate has it by now.
static void probe_due(struct worker *w, struct transport *t, struct bandwidth *b)
{
	const struct subscription_config *c = NULL;
	struct subscription *s = padded(w, t, &c);
	uint64_t due = b->probe.bps / 8 * (w->now_us - b->probe_us) / 1000000;

	for (unsigned i = 0; s != NULL && i < PADDING_ONCE && b->probe_bytes < due; i++) {
		if (b->probe_bytes >= b->probe.bytes && b->probe_pkts >= b->probe.pkts)
			break;
		if (!pad(w, t, s, c))
			break;
	}
	if ((b->probe_bytes >= b->probe.bytes && b->probe_pkts >= b->probe.pkts) ||
	    w->now_us - b->probe_us > PROBE_RESULT_US)
		b->probe_id = 0;
}

// Padding makes up a probe's rate, and media keeps to what is known; where there is no padding,
// media is not to wait for what the probe shall find out.
static void pace(struct worker *w, struct transport *t, struct bandwidth *b)
{
	const struct subscription_config *c;
	uint64_t bps = bandwidth_bps(t);

	b->paces = bps != ALLOCATE_UNBOUNDED_BPS;
	if (b->probe_id != 0 && b->probe.bps > bps && padded(w, t, &c) == NULL)
		bps = b->probe.bps;
	if (b->paces)
		pacer_set_rate(&b->pacer, bps);
}

// Where no packet has a transport-wide number, what left is the transport's to tell.
static void unnumbered(struct worker *w, struct transport *t, struct bandwidth *b)
{
	uint64_t bytes = t->stats.bytes_sent;

	if (b->estimator.log.next == 0 && bytes > b->counted_bytes)
		estimator_left(&b->estimator, bytes - b->counted_bytes, w->now_us);
	b->counted_bytes = bytes;
	estimator_unreported(&b->estimator, w->now_us);
}

void bandwidth_due(struct worker *w, struct transport *t)
{
	struct bandwidth *b = t->bandwidth;
	struct probe probe;

	if (b == NULL || t->phase != SHM_PHASE_ESTABLISHED)
		return;
	if (b->probe_id != 0)
		probe_due(w, t, b);
	if (w->now_us < b->poll_us)
		return;
	b->poll_us = w->now_us + ESTIMATOR_POLL_US;
	if (b->estimator.feedbacks == 0)
		unnumbered(w, t, b);
	estimator_account(&b->estimator);
	if (b->estimator.feedbacks != 0 && estimator_poll(&b->estimator, w->now_us, &probe)) {
		b->probe = probe;
		b->probe_id = probe.id;
		b->probe_us = w->now_us;
		b->probe_bytes = 0;
		b->probe_pkts = 0;
	}
	pace(w, t, b);
	resend_budget_set_rate(&t->resend, estimator_bps(&b->estimator));
	t->stats.available_outgoing_bps =
		estimator_knows(&b->estimator) ? estimator_bps(&b->estimator) : 0;
}
