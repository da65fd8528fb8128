// SPDX-License-Identifier: Apache-2.0
//
// dataplane/tables/tuple.c - a worker's tuple map on rte_hash.

#include "dataplane/tables/tuple.h"

#include "dataplane/core/worker.h"
#include "dataplane/tables/transport.h"

#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_malloc.h>

enum { SWEEP_ENTRIES = 16 };

struct tuple_key {
	struct rtc_addr remote;
	struct rtc_addr local;
};
static_assert(sizeof(struct tuple_key) == 40, "hashed as bytes: no padding");

struct tuple_table {
	struct rte_hash *hash;
	uint32_t cursor; // of the sweep
};

static void *ref_pack(struct shm_ref ref)
{
	return (void *)(uintptr_t)((uint64_t)ref.generation << 32 | ref.index);
}

static struct shm_ref ref_unpack(const void *data)
{
	uint64_t v = (uintptr_t)data;

	return (struct shm_ref){.index = (uint32_t)v, .generation = (uint32_t)(v >> 32)};
}

struct tuple_table *tuple_table_new(const char *name, uint32_t transports)
{
	// Twice the checked tuples of every transport: the other half is what is gone and not yet
	// swept.
	struct rte_hash_parameters params = {
		.name = name,
		.entries = transports * 2 * SHM_CHECKED_TUPLES_MAX,
		.key_len = sizeof(struct tuple_key),
		.hash_func = rte_hash_crc,
		.socket_id = SOCKET_ID_ANY,
	};
	struct tuple_table *t = rte_zmalloc(NULL, sizeof(*t), 0);

	if (t == NULL)
		return NULL;
	t->hash = rte_hash_create(&params);
	if (t->hash == NULL) {
		rte_free(t);
		return NULL;
	}
	return t;
}

void tuple_table_free(struct tuple_table *t)
{
	if (t == NULL)
		return;
	rte_hash_free(t->hash);
	rte_free(t);
}

bool tuple_table_add(struct tuple_table *t, const struct rtc_addr *remote,
		     const struct rtc_addr *local, struct shm_ref transport)
{
	struct tuple_key key = {.remote = *remote, .local = *local};

	return rte_hash_add_key_data(t->hash, &key, ref_pack(transport)) == 0;
}

struct shm_ref tuple_table_find(const struct tuple_table *t, const struct rtc_addr *remote,
				const struct rtc_addr *local)
{
	struct tuple_key key = {.remote = *remote, .local = *local};
	void *data;

	return rte_hash_lookup_data(t->hash, &key, &data) >= 0 ? ref_unpack(data)
							       : (struct shm_ref){0};
}

bool tuple_table_add_vacant(struct tuple_table *t, const struct rtc_addr *remote,
			    const struct rtc_addr *local, struct shm_ref transport,
			    const struct dataplane *dp)
{
	return transport_config_of(dp, tuple_table_find(t, remote, local)) == NULL &&
	       tuple_table_add(t, remote, local, transport);
}

void tuple_table_remove(struct tuple_table *t, const struct rtc_addr *remote,
			const struct rtc_addr *local, struct shm_ref transport)
{
	struct tuple_key key = {.remote = *remote, .local = *local};
	void *data;

	if (rte_hash_lookup_data(t->hash, &key, &data) >= 0 && data == ref_pack(transport))
		rte_hash_del_key(t->hash, &key);
}

void tuple_table_lookup(const struct tuple_table *t, struct rte_mbuf **pkts, unsigned count)
{
	struct tuple_key keys[BURST_PKTS_MAX];
	const void *key_of[BURST_PKTS_MAX];
	void *data[BURST_PKTS_MAX];
	uint64_t hits = 0;

	if (count == 0)
		return;
	for (unsigned i = 0; i < count; i++) {
		const struct packet *p = packet_of(pkts[i]);
		keys[i] = (struct tuple_key){.remote = p->remote, .local = p->local};
		key_of[i] = &keys[i];
	}
	rte_hash_lookup_bulk_data(t->hash, key_of, count, &hits, data);
	for (unsigned i = 0; i < count; i++)
		packet_of(pkts[i])->transport =
			hits >> i & 1 ? ref_unpack(data[i]) : (struct shm_ref){0};
}

void tuple_table_sweep(struct tuple_table *t, const struct dataplane *dp)
{
	for (int i = 0; i < SWEEP_ENTRIES; i++) {
		const void *key;
		void *data;

		if (rte_hash_iterate(t->hash, &key, &data, &t->cursor) < 0) {
			t->cursor = 0;
			return;
		}
		if (transport_config_of(dp, ref_unpack(data)) == NULL)
			rte_hash_del_key(t->hash, key);
	}
}
