// SPDX-License-Identifier: Apache-2.0
//
// dataplane/core/transactions.c - a set-associative table with ages.
#include "dataplane/core/transactions.h"

#include <rte_jhash.h>
#include <rte_random.h>
#include <stdlib.h>
#include <string.h>

enum { SETS = 2048, WAYS = 8 }; // an agent has some tens of checks under way

struct transaction {
	uint8_t id[STUN_TRANSACTION_BYTES];
	struct shm_ref transport; // generation 0: free
	uint64_t sent_us;
};
struct transactions {
	uint32_t seed;
	struct transaction sets[SETS][WAYS];
};

struct transactions *transactions_new(void)
{
	struct transactions *t = calloc(1, sizeof(*t));

	if (t != NULL)
		t->seed = (uint32_t)rte_rand();
	return t;
}

void transactions_free(struct transactions *t)
{
	free(t);
}

static uint32_t set_of(const struct transactions *t, const uint8_t *id)
{
	uint32_t words[STUN_TRANSACTION_BYTES / sizeof(uint32_t)];

	memcpy(words, id, sizeof(words)); // in a packet it lies at any address
	return rte_jhash_32b(words, RTE_DIM(words), t->seed) % SETS;
}

void transactions_add(struct transactions *t, const uint8_t id[STUN_TRANSACTION_BYTES],
		      struct shm_ref transport, uint64_t now_us)
{
	struct transaction *set = t->sets[set_of(t, id)];
	struct transaction *place = &set[0];

	for (int way = 0; way < WAYS; way++) {
		if (memcmp(set[way].id, id, sizeof(set[way].id)) == 0) {
			place = &set[way];
			break;
		}
		if (set[way].sent_us < place->sent_us)
			place = &set[way];
	}
	memcpy(place->id, id, sizeof(place->id));
	place->transport = transport;
	place->sent_us = now_us;
}

bool transactions_find(const struct transactions *t, const uint8_t id[STUN_TRANSACTION_BYTES],
		       uint64_t now_us, struct shm_ref *transport)
{
	const struct transaction *set = t->sets[set_of(t, id)];

	for (int way = 0; way < WAYS; way++) {
		const struct transaction *e = &set[way];
		if (e->transport.generation == 0 || memcmp(e->id, id, sizeof(e->id)) != 0)
			continue;
		*transport = e->transport;
		return now_us - e->sent_us <= TRANSACTION_US;
	}
	return false;
}
