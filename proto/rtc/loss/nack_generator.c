// SPDX-License-Identifier: Apache-2.0
//
// proto/rtc/loss/nack_generator.c - the list of missing packets. Contract in nack_generator.h.
#include "proto/rtc/loss/nack_generator.h"

#include <assert.h>
#include <string.h>

void nack_generator_init(struct nack_generator *g)
{
	*g = (struct nack_generator){.reorder_us = NACK_REORDER_MIN_US};
}

static void remove_at(struct nack_generator *g, uint32_t at, uint32_t count)
{
	memmove(&g->missing[at], &g->missing[at + count],
		(g->count - at - count) * sizeof(g->missing[0]));
	g->count -= count;
}

static void give_up_oldest(struct nack_generator *g, uint32_t count)
{
	remove_at(g, 0, count);
	g->given_up += count;
}

static void open_gap(struct nack_generator *g, uint64_t end, uint64_t now_us)
{
	uint64_t gap = end - g->highest - 1;

	if (gap > NACK_MISSING_MAX) {
		give_up_oldest(g, g->count);
		g->given_up += gap;
		g->broken = true;
		return;
	}
	if (gap > NACK_MISSING_MAX - g->count) {
		give_up_oldest(g, (uint32_t)(gap - (NACK_MISSING_MAX - g->count)));
		g->broken = true;
	}
	for (uint64_t index = g->highest + 1; index < end; index++)
		g->missing[g->count++] = (struct nack_missing){
			.index = index,
			.noticed_us = now_us,
			.next_us = now_us + g->reorder_us,
		};
}

// Position of the first entry not below 'index'.
static uint32_t lower_bound(const struct nack_generator *g, uint64_t index)
{
	uint32_t low = 0, high = g->count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;
		if (g->missing[middle].index < index)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

// An overtaken packet came by itself: wait as long as that next time, with a quarter to spare, and
// forget it again over the next few.
static void learn_reordering(struct nack_generator *g, uint64_t late_us)
{
	uint64_t wanted = late_us + late_us / 4;
	uint64_t faded = g->reorder_us - g->reorder_us / 8;

	g->reorder_us = wanted > faded ? wanted : faded;
	if (g->reorder_us < NACK_REORDER_MIN_US)
		g->reorder_us = NACK_REORDER_MIN_US;
	if (g->reorder_us > NACK_REORDER_MAX_US)
		g->reorder_us = NACK_REORDER_MAX_US;
}

static void fill(struct nack_generator *g, uint64_t index, uint64_t now_us)
{
	uint32_t at = lower_bound(g, index);

	if (at == g->count || g->missing[at].index != index)
		return;
	const struct nack_missing *m = &g->missing[at];
	// Sooner than any answer can be: it was on its way already.
	if (m->tries == 0 || now_us - m->asked_us < g->rtt_us / 2)
		learn_reordering(g, now_us - m->noticed_us);
	g->recovered += m->tries != 0;
	remove_at(g, at, 1);
}

void nack_generator_receive(struct nack_generator *g, uint64_t index, uint64_t now_us)
{
	if (!g->started) {
		g->highest = index;
		g->started = true;
	} else if (index > g->highest) {
		open_gap(g, index, now_us);
		g->highest = index;
	} else {
		fill(g, index, now_us);
	}
}

bool nack_generator_repair(struct nack_generator *g, uint64_t index, uint64_t now_us)
{
	uint32_t at = lower_bound(g, index);

	if (at == g->count || g->missing[at].index != index)
		return false;
	const struct nack_missing *m = &g->missing[at];
	uint64_t took_us = now_us - m->asked_us;
	if (m->tries == 1)
		g->answer_us = g->answer_us == 0 ? took_us : (7 * g->answer_us + took_us) / 8;
	g->recovered += m->tries != 0;
	remove_at(g, at, 1);
	return true;
}

void nack_generator_keyframe(struct nack_generator *g, uint64_t index)
{
	uint32_t older = lower_bound(g, index);

	if (g->broken)
		give_up_oldest(g, older);
	else
		for (uint32_t i = 0; i < older; i++)
			if (g->missing[i].tries < NACK_TRIES_MAX - NACK_TRIES_OLD)
				g->missing[i].tries = NACK_TRIES_MAX - NACK_TRIES_OLD;
	g->keyframe = index;
	g->broken = false;
}

static uint64_t interval(uint64_t rtt_us)
{
	return rtt_us + NACK_MARGIN_US > NACK_INTERVAL_MIN_US ? rtt_us + NACK_MARGIN_US
							      : NACK_INTERVAL_MIN_US;
}

size_t nack_generator_poll(struct nack_generator *g, uint64_t now_us, uint64_t rtt_us,
			   uint16_t *seqs, size_t cap)
{
	size_t written = 0;
	uint32_t kept = 0;

	g->rtt_us = rtt_us;
	for (uint32_t i = 0; i < g->count; i++) {
		struct nack_missing *m = &g->missing[i];
		bool due = now_us >= m->next_us;
		if (due && m->tries == NACK_TRIES_MAX) {
			g->given_up++;
			g->broken = g->broken || m->index >= g->keyframe;
			continue;
		}
		if (due && written < cap) {
			seqs[written++] = (uint16_t)m->index;
			if (m->tries++ == 0)
				m->asked_us = now_us;
			m->next_us = now_us + interval(rtt_us);
		}
		g->missing[kept++] = *m;
	}
	g->count = kept;
	g->asked += written;
	return written;
}
