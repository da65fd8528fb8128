// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/budget.c - token buckets.
#include "dataplane/core/budget.h"

#include <rte_jhash.h>
#include <rte_random.h>
#include <stdlib.h>
#include <string.h>

enum {
	SOURCE_SETS = 1024, // power of two
	SOURCE_WAYS = 4,
	BURST_MIN = 16, // tokens a full bucket has at the least
	BURST_SHARE = 4, // a full bucket has a quarter of a second's
	SECOND_US = 1000000,
};

// 'level' is in millionths of a packet, so that small rates lose nothing to rounding.
struct bucket {
	uint64_t level;
	uint64_t filled_us;
};
struct source {
	uint8_t address[BUDGET_SOURCE_BYTES];
	struct bucket bucket; // filled_us 0: free
};
struct budget {
	uint32_t rate_total;
	uint32_t rate_class[BUDGET_CLASS_COUNT];
	uint32_t rate_source;
	uint32_t seed; // so that nobody outside can aim at one set
	struct bucket total;
	struct bucket classes[BUDGET_CLASS_COUNT];
	struct source sources[SOURCE_SETS][SOURCE_WAYS];
};

static uint64_t bucket_size(uint32_t rate)
{
	uint32_t packets = rate / BURST_SHARE;

	return (uint64_t)(packets < BURST_MIN ? BURST_MIN : packets) * SECOND_US;
}

static void bucket_fill(struct bucket *b, uint32_t rate, uint64_t now_us)
{
	uint64_t size = bucket_size(rate);
	uint64_t passed_us = now_us - b->filled_us;

	if (b->filled_us == 0 || passed_us >= SECOND_US)
		b->level = size;
	else
		b->level += passed_us * rate;
	if (b->level > size)
		b->level = size;
	b->filled_us = now_us;
}

struct budget *budget_new(const struct config *c)
{
	struct budget *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->rate_total = c->punt_total;
	b->rate_class[BUDGET_STUN] = c->punt_stun;
	b->rate_class[BUDGET_DTLS] = c->punt_dtls;
	b->rate_class[BUDGET_NEIGHBOUR] = c->punt_neighbour;
	b->rate_class[BUDGET_ICMP] = c->punt_icmp;
	b->rate_class[BUDGET_OTHER] = c->punt_other;
	b->rate_source = c->punt_source;
	b->seed = (uint32_t)rte_rand();
	return b;
}

void budget_free(struct budget *b)
{
	free(b);
}

// The entry of this source: its own, a free one, or that of the source unseen for longest.
static struct source *source_of(struct budget *b, const uint8_t *address)
{
	uint32_t words[BUDGET_SOURCE_BYTES / sizeof(uint32_t)];

	memcpy(words, address, sizeof(words)); // it lies at any address
	uint32_t hash = rte_jhash_32b(words, RTE_DIM(words), b->seed);
	struct source *set = b->sources[hash % SOURCE_SETS];
	struct source *oldest = &set[0];

	for (int way = 0; way < SOURCE_WAYS; way++) {
		struct source *s = &set[way];
		if (s->bucket.filled_us != 0 &&
		    memcmp(s->address, address, sizeof(s->address)) == 0)
			return s;
		if (s->bucket.filled_us < oldest->bucket.filled_us)
			oldest = s;
	}
	memcpy(oldest->address, address, sizeof(oldest->address));
	oldest->bucket = (struct bucket){0};
	return oldest;
}

enum budget_verdict budget_take(struct budget *b, enum budget_class class,
				const uint8_t source[BUDGET_SOURCE_BYTES], uint64_t now_us)
{
	struct bucket *from = &source_of(b, source)->bucket;

	bucket_fill(from, b->rate_source, now_us);
	bucket_fill(&b->classes[class], b->rate_class[class], now_us);
	bucket_fill(&b->total, b->rate_total, now_us);
	if (from->level < SECOND_US)
		return BUDGET_OVER_SOURCE;
	if (b->classes[class].level < SECOND_US)
		return BUDGET_OVER_CLASS;
	if (b->total.level < SECOND_US)
		return BUDGET_OVER_TOTAL;
	from->level -= SECOND_US;
	b->classes[class].level -= SECOND_US;
	b->total.level -= SECOND_US;
	return BUDGET_OK;
}
