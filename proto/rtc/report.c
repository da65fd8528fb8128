// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/report.c - receive accounting (RFC 3550 6.4.1, A.3, A.8). Contract in report.h.
#include "proto/rtc/report.h"

#include <assert.h>

static uint32_t ticks(uint64_t us, uint32_t rate)
{
	return (uint32_t)(us / 1000000 * rate + us % 1000000 * rate / 1000000);
}

void report_init(struct report *r, uint32_t ssrc, uint32_t clock_rate)
{
	assert(clock_rate != 0);
	*r = (struct report){.ssrc = ssrc, .clock_rate = clock_rate};
}

static void update_jitter(struct report *r, uint32_t ts, uint64_t now_us)
{
	uint32_t transit = ticks(now_us, r->clock_rate) - ts;
	uint32_t change = transit - r->transit;
	r->transit = transit;
	if (r->received == 0)
		return;
	if (change > INT32_MAX)
		change = 0 - change;
	r->jitter_x16 += change - ((r->jitter_x16 + 8) >> 4);
}

void report_receive(struct report *r, uint64_t index, uint32_t ts, uint64_t now_us)
{
	if (!r->started) {
		r->base_index = index;
		r->highest_index = index;
		r->started = true;
	}
	if (index > r->highest_index)
		r->highest_index = index;
	if (index < r->base_index)
		r->base_index = index; // overtaken by the packet we saw first
	update_jitter(r, ts, now_us);
	r->received++;
}

void report_sender_report(struct report *r, const struct rtcp_sr *sr, uint64_t now_us)
{
	r->last_sr = (uint32_t)(sr->ntp >> 16);
	r->sr_arrival_us = now_us;
}

static uint64_t expected(const struct report *r)
{
	return r->started ? r->highest_index - r->base_index + 1 : 0;
}

int64_t report_lost(const struct report *r)
{
	return (int64_t)(expected(r) - r->received);
}

static uint8_t fraction_lost(struct report *r)
{
	uint64_t expected_now = expected(r);
	int64_t expected_interval = (int64_t)(expected_now - r->expected_prior);
	int64_t lost = expected_interval - (int64_t)(r->received - r->received_prior);
	r->expected_prior = expected_now;
	r->received_prior = r->received;
	if (expected_interval <= 0 || lost <= 0)
		return 0;
	int64_t fraction = lost * 256 / expected_interval;
	return fraction > UINT8_MAX ? UINT8_MAX : (uint8_t)fraction;
}

static int32_t clamp_lost(int64_t lost)
{
	if (lost > 0x7fffff)
		return 0x7fffff;
	return lost < -0x800000 ? -0x800000 : (int32_t)lost;
}

static uint32_t since_sender_report(const struct report *r, uint64_t now_us)
{
	if (r->last_sr == 0 || now_us < r->sr_arrival_us)
		return 0;
	uint64_t us = now_us - r->sr_arrival_us;
	return us / 1000000 > UINT16_MAX ? UINT32_MAX : ticks(us, 65536);
}

bool report_make(struct report *r, uint64_t now_us, struct rtcp_report_block *block)
{
	if (!r->started)
		return false;
	*block = (struct rtcp_report_block){
		.ssrc = r->ssrc,
		.fraction_lost = fraction_lost(r),
		.cumulative_lost = clamp_lost(report_lost(r)),
		.extended_highest = (uint32_t)r->highest_index,
		.jitter = (uint32_t)(r->jitter_x16 >> 4),
		.last_sr = r->last_sr,
		.delay_since_last_sr = since_sender_report(r, now_us),
	};
	return true;
}
