// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/layer/rates.c - bytes by layer in a ring of slots of time. Contract in rates.h.
#include "proto/rtc/layer/rates.h"

#include <stddef.h>
#include <string.h>

static unsigned at_most(unsigned value, unsigned max)
{
	return value < max ? value : max;
}

static bool is_silent(const struct layer_rates *r, unsigned spatial, uint64_t now_us)
{
	return now_us - r->newest_us[spatial] >= LAYER_RATES_SILENT_US;
}

static bool all_silent(const struct layer_rates *r, uint64_t now_us)
{
	for (unsigned s = 0; s < LAYER_RATES_SPATIAL; s++)
		if (!is_silent(r, s, now_us))
			return false;
	return true;
}

static void advance(struct layer_rates *r, uint64_t slot)
{
	if (slot - r->slot >= LAYER_RATES_SLOTS) {
		memset(r->bytes, 0, sizeof(r->bytes));
		r->slot = slot;
	}
	while (r->slot < slot) {
		r->slot++;
		memset(r->bytes[r->slot % LAYER_RATES_SLOTS], 0, sizeof(r->bytes[0]));
	}
}

void layer_rates_settle(struct layer_rates *r, uint64_t now_us)
{
	uint64_t slot = now_us / LAYER_RATES_SLOT_US;

	if (slot != r->slot)
		advance(r, slot);
	r->settled_us = now_us;
}

void layer_rates_add(struct layer_rates *r, unsigned spatial, unsigned temporal, uint32_t bytes,
		     uint64_t now_us)
{
	spatial = at_most(spatial, LAYER_RATES_SPATIAL - 1);
	temporal = at_most(temporal, LAYER_RATES_TEMPORAL - 1);
	if (now_us / LAYER_RATES_SLOT_US != r->slot)
		advance(r, now_us / LAYER_RATES_SLOT_US);
	if (r->since_us == 0 || all_silent(r, now_us)) {
		memset(r->bytes, 0, sizeof(r->bytes));
		r->since_us = now_us;
	}
	r->bytes[r->slot % LAYER_RATES_SLOTS][spatial][temporal] += bytes;
	r->newest_us[spatial] = now_us;
	if (spatial >= r->spatial_count)
		r->spatial_count = (uint8_t)(spatial + 1);
	if (temporal >= r->temporal_count)
		r->temporal_count = (uint8_t)(temporal + 1);
}

static uint64_t window_us(const struct layer_rates *r)
{
	uint64_t oldest = r->slot < LAYER_RATES_SLOTS ? 0 : r->slot - (LAYER_RATES_SLOTS - 1);
	uint64_t from_us = oldest * LAYER_RATES_SLOT_US;

	if (r->since_us > from_us)
		from_us = r->since_us;
	uint64_t us = r->settled_us - from_us;
	return us > LAYER_RATES_SLOT_US ? us : LAYER_RATES_SLOT_US;
}

uint64_t layer_rates_own_bps(const struct layer_rates *r, unsigned spatial, unsigned temporal)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < LAYER_RATES_SLOTS; i++)
		bytes += r->bytes[i][spatial][temporal];
	return bytes * 8 * 1000000 / window_us(r);
}

bool layer_rates_sent(const struct layer_rates *r, unsigned spatial, unsigned temporal)
{
	return !is_silent(r, spatial, r->settled_us) &&
	       layer_rates_own_bps(r, spatial, temporal) != 0;
}

uint64_t layer_rates_bps(const struct layer_rates *r, unsigned spatial, unsigned temporal)
{
	uint64_t bps = 0;

	for (unsigned s = 0; s <= spatial && s < LAYER_RATES_SPATIAL; s++)
		for (unsigned t = 0; t <= temporal && t < LAYER_RATES_TEMPORAL; t++)
			bps += layer_rates_own_bps(r, s, t);
	return bps;
}
