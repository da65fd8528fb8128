// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/keyframe_gate.c - merging keyframe requests. Contract in keyframe_gate.h.
#include "proto/rtc/keyframe_gate.h"

#include <assert.h>

void keyframe_gate_init(struct keyframe_gate *g, uint64_t interval_us, uint32_t tries_max)
{
	assert(interval_us != 0 && tries_max != 0);
	*g = (struct keyframe_gate){.interval_us = interval_us, .tries_max = tries_max};
}

void keyframe_gate_request(struct keyframe_gate *g)
{
	g->tries_left = g->tries_max;
}

bool keyframe_gate_poll(struct keyframe_gate *g, uint64_t now_us)
{
	if (g->tries_left == 0 || now_us < g->next_us)
		return false;
	g->tries_left--;
	g->next_us = now_us + g->interval_us;
	return true;
}

void keyframe_gate_seen(struct keyframe_gate *g)
{
	g->tries_left = 0;
}

uint64_t keyframe_gate_deadline_us(const struct keyframe_gate *g)
{
	return g->tries_left == 0 ? UINT64_MAX : g->next_us;
}
