// SPDX-License-Identifier: Apache-2.0
// controlplane/auth/revoked.c - see revoked.h.
#include "controlplane/auth/revoked.h"

#include <glib.h>
#include <string.h>

enum { REVOKED_NO_SLOT = SHM_REVOKED_MAX };

struct entry {
	uint64_t token; // first: the key in 'by_token'
	int64_t until_s;
	unsigned slot; // in the segment; REVOKED_NO_SLOT: in none
};

struct revoked {
	GHashTable *by_token; // a set of struct entry, by their first member
	GSequence *by_end; // struct entry, the one that ends soonest first
	struct shm_revoked *mapped; // NULL: no segment
	bool used[SHM_REVOKED_MAX];
	unsigned next_slot; // where the search goes on
};

struct revoked *revoked_new(void)
{
	struct revoked *r = g_new0(struct revoked, 1);

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

static void slot_clear(struct revoked *r, unsigned slot)
{
	atomic_store_explicit(&r->mapped->tokens[slot].until_s, 0, memory_order_release);
	r->used[slot] = false;
}

// There are as many slots as entries may be.
static void slot_take(struct revoked *r, struct entry *e)
{
	while (r->used[r->next_slot])
		r->next_slot = (r->next_slot + 1) % SHM_REVOKED_MAX;
	e->slot = r->next_slot;
	r->used[e->slot] = true;
	struct shm_revoked_token *t = &r->mapped->tokens[e->slot];
	atomic_store_explicit(&t->digest, e->token, memory_order_relaxed);
	// Pairs with slot_find(): whoever sees the time sees the digest.
	atomic_store_explicit(&t->until_s, e->until_s, memory_order_release);
}

static void forget_first(struct revoked *r)
{
	GSequenceIter *first = g_sequence_get_begin_iter(r->by_end);
	struct entry *e = g_sequence_get(first);

	if (e->slot != REVOKED_NO_SLOT)
		slot_clear(r, e->slot);
	g_hash_table_remove(r->by_token, &e->token);
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

static struct entry *insert(struct revoked *r, uint64_t token, int64_t until_s)
{
	struct entry *e;

	if (g_hash_table_size(r->by_token) >= SHM_REVOKED_MAX)
		forget_first(r);
	e = g_new(struct entry, 1);
	*e = (struct entry){.token = token, .until_s = until_s, .slot = REVOKED_NO_SLOT};
	g_sequence_insert_sorted(r->by_end, e, by_end, NULL);
	g_hash_table_add(r->by_token, e);
	return e;
}

static void slot_find(struct revoked *r, unsigned slot, int64_t now_s)
{
	struct shm_revoked_token *t = &r->mapped->tokens[slot];
	int64_t until_s = atomic_load_explicit(&t->until_s, memory_order_acquire);
	uint64_t token = atomic_load_explicit(&t->digest, memory_order_relaxed);
	struct entry *e = g_hash_table_lookup(r->by_token, &token);

	if (until_s == 0)
		return;
	if (until_s <= now_s || (e != NULL && e->slot != REVOKED_NO_SLOT)) {
		slot_clear(r, slot);
		return;
	}
	if (e == NULL)
		e = insert(r, token, until_s);
	e->slot = slot;
	r->used[slot] = true;
}

static void unplace(gpointer entry, gpointer data)
{
	(void)data;
	((struct entry *)entry)->slot = REVOKED_NO_SLOT;
}

static void place(gpointer entry, gpointer revoked)
{
	if (((struct entry *)entry)->slot == REVOKED_NO_SLOT)
		slot_take(revoked, entry);
}

void revoked_attach(struct revoked *r, struct shm_revoked *mapped, int64_t now_s)
{
	r->mapped = mapped;
	memset(r->used, 0, sizeof(r->used));
	g_sequence_foreach(r->by_end, unplace, NULL);
	if (mapped == NULL)
		return;
	for (unsigned i = 0; i < SHM_REVOKED_MAX; i++)
		slot_find(r, i, now_s);
	g_sequence_foreach(r->by_end, place, r);
}

void revoked_add(struct revoked *r, uint64_t token, int64_t until_s)
{
	if (g_hash_table_contains(r->by_token, &token))
		return;
	struct entry *e = insert(r, token, until_s);
	if (r->mapped != NULL)
		slot_take(r, e);
}

bool revoked_has(struct revoked *r, uint64_t token, int64_t now_s)
{
	forget_ended(r, now_s);
	return g_hash_table_contains(r->by_token, &token);
}
