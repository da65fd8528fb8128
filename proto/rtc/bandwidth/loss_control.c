// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/bandwidth/loss_control.c - windows of losses to a rate. Contract in loss_control.h.
#include "proto/rtc/bandwidth/loss_control.h"

#define GROWTH 1.08 // a window

void loss_control_init(struct loss_control *l, uint64_t start_bps, uint64_t min_bps,
		       uint64_t max_bps)
{
	*l = (struct loss_control){
		.limit_bps = (double)start_bps,
		.min_bps = (double)min_bps,
		.max_bps = (double)max_bps,
	};
}

static uint32_t inherent(const struct loss_control *l)
{
	uint32_t least = LOSS_INHERENT_MAX;
	uint32_t known = l->windows < LOSS_MEMORY ? l->windows : LOSS_MEMORY;

	for (uint32_t i = 0; i < known; i++)
		if (l->memory[i] < least)
			least = l->memory[i];
	return known == 0 ? 0 : least;
}

static void bound(struct loss_control *l)
{
	if (l->limit_bps < l->min_bps)
		l->limit_bps = l->min_bps;
	if (l->limit_bps > l->max_bps)
		l->limit_bps = l->max_bps;
}

static void finish_window(struct loss_control *l, uint64_t current_bps)
{
	uint32_t loss = 1000 * l->lost / l->sent;

	l->memory[l->windows++ % LOSS_MEMORY] = (uint16_t)loss;
	l->last = (uint16_t)loss;
	uint32_t excess = loss - (loss < inherent(l) ? loss : inherent(l));
	if (excess > LOSS_FALL_ABOVE)
		l->limit_bps = (double)current_bps * (1 - (double)excess / 2000);
	else if (excess < LOSS_RISE_BELOW)
		l->limit_bps *= GROWTH;
	bound(l);
}

void loss_control_feed(struct loss_control *l, uint32_t received, uint32_t lost,
		       uint64_t current_bps, uint64_t now_us)
{
	if (l->window_us == 0)
		l->window_us = now_us;
	l->sent += received + lost;
	l->lost += lost;
	if (l->sent == 0 || now_us - l->window_us < LOSS_WINDOW_US)
		return;
	if (l->sent < LOSS_WINDOW_PKTS && now_us - l->window_us < 5 * LOSS_WINDOW_US)
		return;
	finish_window(l, current_bps);
	l->window_us = now_us;
	l->sent = 0;
	l->lost = 0;
}

void loss_control_raise(struct loss_control *l, uint64_t bps)
{
	if ((double)bps > l->limit_bps)
		l->limit_bps = (double)bps;
	bound(l);
}
