// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/bandwidth/probe_result.c - rates of a probe. Contract in probe_result.h.
#include "proto/rtc/bandwidth/probe_result.h"

enum {
	COMPLETE_PERCENT = 80, // of packets and bytes make a result
	SPAN_MAX_US = 1000000,
	RECEIVED_RATIO_MAX = 2, // arrived this much faster than sent: they were held up together
	SATURATED_PERCENT = 90, // arrived slower than this: it found the path's capacity
	CAPACITY_PERCENT = 95, // of which this is used
};

void probe_results_init(struct probe_results *r)
{
	*r = (struct probe_results){.clusters = {{.pkts = 0}}};
}

void probe_results_start(struct probe_results *r, const struct probe *p)
{
	r->clusters[p->id % PROBE_CLUSTERS] = (struct probe_cluster){.probe = *p};
}

static void extend(struct probe_cluster *c, const struct sent_result *s)
{
	bool first = c->pkts == 0;

	if (first || s->sent_us < c->first_sent_us)
		c->first_sent_us = s->sent_us;
	if (first || s->sent_us >= c->last_sent_us) {
		c->last_sent_us = s->sent_us;
		c->last_sent_size = s->size;
	}
	if (first || s->arrival_us < c->first_arrival_us) {
		c->first_arrival_us = s->arrival_us;
		c->first_arrival_size = s->size;
	}
	if (first || s->arrival_us > c->last_arrival_us)
		c->last_arrival_us = s->arrival_us;
	c->bytes += s->size;
	c->pkts++;
}

static uint64_t measure(const struct probe_cluster *c)
{
	int64_t sent_us = (int64_t)(c->last_sent_us - c->first_sent_us);
	int64_t arrived_us = c->last_arrival_us - c->first_arrival_us;

	if (sent_us <= 0 || sent_us > SPAN_MAX_US || arrived_us <= 0 || arrived_us > SPAN_MAX_US)
		return 0;
	// The last packet sent and the first received lie outside the time measured.
	// The few lost count as if they had come: a probe is too short to tell a full queue by
	// loss.
	uint64_t bytes = c->bytes + c->lost_bytes;
	uint64_t sent_bps = (bytes - c->last_sent_size) * 8000000 / (uint64_t)sent_us;
	uint64_t got_bps = (bytes - c->first_arrival_size) * 8000000 / (uint64_t)arrived_us;
	if (got_bps > RECEIVED_RATIO_MAX * sent_bps)
		return 0;
	if (got_bps * 100 < sent_bps * SATURATED_PERCENT)
		return got_bps / 100 * CAPACITY_PERCENT;
	return got_bps < sent_bps ? got_bps : sent_bps;
}

uint64_t probe_results_feed(struct probe_results *r, const struct sent_result *s)
{
	struct probe_cluster *c = &r->clusters[s->probe % PROBE_CLUSTERS];

	if (s->probe == 0 || c->probe.id != s->probe || c->reported)
		return 0;
	if (!s->received) {
		c->lost_bytes += s->size;
		return 0;
	}
	if (s->was_lost)
		c->lost_bytes -= s->size < c->lost_bytes ? s->size : c->lost_bytes;
	extend(c, s);
	if (c->pkts * 100 < c->probe.pkts * COMPLETE_PERCENT ||
	    c->bytes * 100 < (uint64_t)c->probe.bytes * COMPLETE_PERCENT)
		return 0;
	uint64_t bps = measure(c);
	c->reported = bps != 0;
	return bps;
}
