// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/bandwidth/probe_control.c - scheduling probes. Contract in probe_control.h.
#include "proto/rtc/bandwidth/probe_control.h"

void probe_control_init(struct probe_control *p, uint64_t start_bps)
{
	*p = (struct probe_control){
		.start_bps = start_bps,
		.interval_us = PROBE_INTERVAL_MIN_US,
		.openings = 2,
	};
}

static uint32_t bytes_of(uint64_t bps)
{
	uint64_t bytes = bps / 8 * PROBE_BYTES_US / 1000000;

	return bytes > PROBE_BYTES_MIN ? (uint32_t)bytes : PROBE_BYTES_MIN;
}

static void start(struct probe_control *p, uint64_t bps, uint64_t now_us, struct probe *out)
{
	*out = (struct probe){
		.bps = bps,
		.id = p->last_id % PROBE_ID_MAX + 1,
		.bytes = bytes_of(bps),
		.pkts = PROBE_PKTS_MIN,
	};
	p->last_id = out->id;
	p->sent_bps = bps;
	p->follow_bps = 0;
	p->waiting_us = now_us + PROBE_RESULT_US;
	p->next_us = now_us + p->interval_us;
}

// How long a probe takes, with full packets and as much again to spare.
static uint64_t lasts_us(const struct probe *p)
{
	uint64_t bytes = (uint64_t)p->pkts * PROBE_PACKET_BYTES;
	return 2 * (bytes > p->bytes ? bytes : p->bytes) * 8000000 / p->bps;
}

static uint64_t at_most(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

bool probe_control_poll(struct probe_control *p, uint64_t estimate_bps, uint64_t wanted_bps,
			bool calm, uint64_t now_us, struct probe *out)
{
	uint64_t useful_bps = wanted_bps + wanted_bps / 2;

	if (useful_bps <= estimate_bps)
		return false;
	if (p->openings != 0 && now_us >= p->next_us) {
		uint64_t factor = p->openings-- == 2 ? 3 : 6;
		start(p, at_most(factor * p->start_bps, useful_bps), now_us, out);
		if (p->openings != 0)
			p->next_us = now_us + lasts_us(out);
		return true;
	}
	if (!calm || p->openings != 0)
		return false;
	bool unanswered = p->waiting_us != 0 && now_us >= p->waiting_us;
	if (unanswered && p->follow_bps == 0 && p->repeats < PROBE_REPEATS_MAX) {
		p->repeats++;
		start(p, at_most(p->sent_bps, useful_bps), now_us, out);
		return true;
	}
	if (p->follow_bps > estimate_bps && now_us < p->waiting_us) {
		start(p, at_most(p->follow_bps, useful_bps), now_us, out);
		return true;
	}
	if (now_us < p->next_us)
		return false;
	start(p, at_most(2 * estimate_bps, useful_bps), now_us, out);
	return true;
}

void probe_control_result(struct probe_control *p, uint64_t bps, uint64_t estimate_bps,
			  uint64_t now_us)
{
	p->repeats = 0;
	p->waiting_us = 0;
	if (bps > p->sent_bps * 7 / 10 && bps > estimate_bps) {
		p->follow_bps = 2 * bps;
		p->waiting_us = now_us + PROBE_RESULT_US;
	}
	if (bps > estimate_bps + estimate_bps / 5)
		p->interval_us = PROBE_INTERVAL_MIN_US;
	else
		p->interval_us = at_most(p->interval_us * 3 / 2, PROBE_INTERVAL_MAX_US);
}

void probe_control_reset_interval(struct probe_control *p, uint64_t now_us)
{
	p->interval_us = PROBE_INTERVAL_MIN_US;
	p->next_us = at_most(p->next_us, now_us + PROBE_INTERVAL_MIN_US);
}
