// SPDX-License-Identifier: Apache-2.0
// controlplane/auth/revoked.c - see revoked.h.
#include "controlplane/auth/revoked.h"

#include <glib.h>

struct entry {
	uint64_t token;
	int64_t until_s;
};

struct revoked {
	unsigned max;
	GHashTable *by_token; // token -> GSequenceIter of 'by_end'
	GSequence *by_end; // struct entry, the one that ends soonest first
};

struct revoked *revoked_new(unsigned max)
{
	struct revoked *r = g_new0(struct revoked, 1);

	r->max = max;
	r->by_token = g_hash_table_new(g_int64_hash, g_int64_equal);
	r->by_end = g_sequence_new(g_free);
	return r;
}

void revoked_free(struct revoked **where)
{
	struct revoked *r = *where;

	*where = NULL;
	if (r == NULL)
		return;
	g_hash_table_unref(r->by_token);
	g_sequence_free(r->by_end);
	g_free(r);
}

static int by_end(const void *a, const void *b, void *data)
{
	const struct entry *x = a, *y = b;

	(void)data;
	return (x->until_s > y->until_s) - (x->until_s < y->until_s);
}

static void forget_first(struct revoked *r)
{
	GSequenceIter *first = g_sequence_get_begin_iter(r->by_end);

	g_hash_table_remove(r->by_token, &((struct entry *)g_sequence_get(first))->token);
	g_sequence_remove(first);
}

static void forget_ended(struct revoked *r, int64_t now_s)
{
	while (!g_sequence_is_empty(r->by_end)) {
		const struct entry *first = g_sequence_get(g_sequence_get_begin_iter(r->by_end));

		if (first->until_s > now_s)
			return;
		forget_first(r);
	}
}

void revoked_add(struct revoked *r, uint64_t token, int64_t until_s)
{
	if (g_hash_table_contains(r->by_token, &token))
		return;
	if (g_hash_table_size(r->by_token) >= r->max)
		forget_first(r);
	struct entry *e = g_new(struct entry, 1);
	*e = (struct entry){.token = token, .until_s = until_s};
	g_sequence_insert_sorted(r->by_end, e, by_end, NULL);
	g_hash_table_add(r->by_token, &e->token);
}

bool revoked_has(struct revoked *r, uint64_t token, int64_t now_s)
{
	forget_ended(r, now_s);
	return g_hash_table_contains(r->by_token, &token);
}
