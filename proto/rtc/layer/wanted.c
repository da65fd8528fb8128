// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/layer/wanted.c - wishes for encodings, merged and aged. Contract in wanted.h.
#include "proto/rtc/layer/wanted.h"

uint8_t layer_wishes_add(struct layer_wishes *w, uint8_t mask, uint64_t now_us)
{
	bool due = now_us - w->told_us >= LAYER_WANTED_REPEAT_US;
	uint8_t tell;

	w->gathered |= mask;
	if (!due && (mask & ~w->told) == 0)
		return 0;
	tell = w->gathered;
	w->told = tell;
	if (due) {
		w->told_us = now_us;
		w->gathered = 0;
	}
	return tell;
}

void layer_wanted_init(struct layer_wanted *w, uint64_t now_us)
{
	for (unsigned i = 0; i < LAYER_WANTED_ENCODINGS; i++)
		w->wanted_us[i] = now_us;
}

void layer_wanted_add(struct layer_wanted *w, uint8_t mask, uint64_t now_us)
{
	for (unsigned i = 0; i < LAYER_WANTED_ENCODINGS; i++)
		if ((mask & 1u << i) != 0)
			w->wanted_us[i] = now_us;
}

uint8_t layer_wanted_mask(const struct layer_wanted *w, unsigned encodings, uint64_t now_us)
{
	unsigned mask = 1;

	for (unsigned i = 1; i < encodings && i < LAYER_WANTED_ENCODINGS; i++)
		if (now_us - w->wanted_us[i] < LAYER_WANTED_STOP_US)
			mask |= 1u << i;
	return (uint8_t)mask;
}
