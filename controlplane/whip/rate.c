// SPDX-License-Identifier: Apache-2.0
// controlplane/whip/rate.c - see rate.h.
#include "controlplane/whip/rate.h"

#include <glib.h>
#include <string.h>

struct bucket {
	double tokens;
	int64_t filled_us; // when 'tokens' was right
};

struct rate_limit {
	unsigned burst, per_s;
	GHashTable *buckets; // address -> struct bucket
};

struct rate_limit *rate_limit_new(unsigned burst, unsigned per_s)
{
	struct rate_limit *r = g_new(struct rate_limit, 1);

	r->burst = burst;
	r->per_s = per_s;
	r->buckets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return r;
}

void rate_limit_free(struct rate_limit **limit)
{
	if (*limit == NULL)
		return;
	g_hash_table_unref((*limit)->buckets);
	g_clear_pointer(limit, g_free);
}

static void fill(const struct rate_limit *r, struct bucket *b, int64_t now_us)
{
	double gained = (double)(now_us - b->filled_us) / G_USEC_PER_SEC * r->per_s;

	b->tokens = MIN(b->tokens + gained, (double)r->burst);
	b->filled_us = now_us;
}

static void drop_full(struct rate_limit *r, int64_t now_us)
{
	GHashTableIter i;
	gpointer bucket;

	g_hash_table_iter_init(&i, r->buckets);
	while (g_hash_table_iter_next(&i, NULL, &bucket)) {
		fill(r, bucket, now_us);
		if (((struct bucket *)bucket)->tokens >= r->burst)
			g_hash_table_iter_remove(&i);
	}
}

static struct bucket *bucket_of(struct rate_limit *r, const char *peer, int64_t now_us)
{
	const char *port = strrchr(peer, ':');
	bool ported = port != NULL && (peer[0] != '[' || port[-1] == ']');
	char *address = g_strndup(peer, ported ? (size_t)(port - peer) : strlen(peer));
	struct bucket *b = g_hash_table_lookup(r->buckets, address);

	if (b != NULL) {
		g_free(address);
		return b;
	}
	if (g_hash_table_size(r->buckets) >= RATE_PEERS_MAX)
		drop_full(r, now_us);
	if (g_hash_table_size(r->buckets) >= RATE_PEERS_MAX)
		g_hash_table_remove_all(r->buckets);
	b = g_new(struct bucket, 1);
	*b = (struct bucket){r->burst, now_us};
	g_hash_table_insert(r->buckets, address, b);
	return b;
}

bool rate_limit_take(struct rate_limit *limit, const char *peer, int64_t now_us)
{
	struct bucket *b = bucket_of(limit, peer, now_us);

	fill(limit, b, now_us);
	if (b->tokens < 1)
		return false;
	b->tokens -= 1;
	return true;
}
