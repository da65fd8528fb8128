// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/layer/ladder.c - layers of one track, lowest first. Contract in ladder.h.
#include "proto/rtc/layer/ladder.h"

static uint32_t kbps(uint64_t bps)
{
	return (uint32_t)(bps / 1000 + 1);
}

// An allocation wants no step cheaper than the one below it.
static void put(struct layer_ladder *l, struct layer_step step)
{
	if (l->count == ALLOCATE_STEPS_MAX)
		return;
	if (l->count != 0 && step.rate_kbps < l->step[l->count - 1].rate_kbps)
		step.rate_kbps = l->step[l->count - 1].rate_kbps;
	l->step[l->count++] = step;
}

void layer_ladder_add(struct layer_ladder *l, uint8_t encoding, const struct layer_rates *r)
{
	for (uint8_t s = 0; s < r->spatial_count; s++)
		for (uint8_t t = 0; t < r->temporal_count; t++)
			put(l, (struct layer_step){
				       .rate_kbps = kbps(layer_rates_bps(r, s, t)),
				       .encoding = encoding,
				       .spatial = s,
				       .temporal = t,
				       .active = layer_rates_sent(r, s, t),
			       });
}

static bool is_above(const struct layer_step *a, const struct layer_step *b)
{
	if (layer_step_picture(a) != layer_step_picture(b))
		return layer_step_picture(a) > layer_step_picture(b);
	return a->temporal > b->temporal;
}

int layer_step_find(const struct layer_step *steps, unsigned count, const struct layer_step *now)
{
	int found = ALLOCATE_PAUSED;

	for (unsigned i = 0; i < count; i++)
		if (!is_above(&steps[i], now))
			found = (int)i;
	return found;
}

void layer_step_costs(const struct layer_step *steps, unsigned count, int current,
		      struct allocate_step *costs)
{
	for (unsigned i = 0; i < count; i++)
		costs[i] = (struct allocate_step){
			.rate_bps = (uint64_t)steps[i].rate_kbps * 1000,
			.picture = layer_step_picture(&steps[i]),
			.active = steps[i].active != 0,
		};
	// What cannot be made smaller is not taken away before the path carries less than half.
	if (count == 1 && current == 0)
		costs[0].rate_bps /= 2;
}
