// SPDX-License-Identifier: Apache-2.0
//
// dataplane/tables/ufrag.c - local ufrags on rte_hash with lock-free readers.

#include "dataplane/tables/ufrag.h"

#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_malloc.h>
#include <string.h>

struct ufrag_key {
	char bytes[SHM_LOCAL_UFRAG_BYTES_MAX]; // zero-padded
};

struct ufrag_table {
	struct rte_hash *hash;
};

static bool key_make(struct ufrag_key *key, const char *ufrag, size_t size)
{
	if (size == 0 || size > sizeof(key->bytes))
		return false;
	memset(key, 0, sizeof(*key));
	memcpy(key->bytes, ufrag, size);
	return true;
}

struct ufrag_table *ufrag_table_new(uint32_t transports)
{
	// Two generations of credentials per transport, and as many places that wait for release.
	struct rte_hash_parameters params = {
		.name = "ufrags",
		.entries = transports * 4,
		.key_len = sizeof(struct ufrag_key),
		.hash_func = rte_hash_crc,
		.socket_id = SOCKET_ID_ANY,
		.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF,
	};
	struct ufrag_table *t = rte_zmalloc(NULL, sizeof(*t), 0);

	if (t == NULL)
		return NULL;
	t->hash = rte_hash_create(&params);
	if (t->hash == NULL) {
		rte_free(t);
		return NULL;
	}
	return t;
}

void ufrag_table_free(struct ufrag_table *t)
{
	if (t == NULL)
		return;
	rte_hash_free(t->hash);
	rte_free(t);
}

bool ufrag_table_add(struct ufrag_table *t, const char *ufrag, size_t size,
		     struct shm_ref transport)
{
	struct ufrag_key key;
	uint64_t data = (uint64_t)transport.generation << 32 | transport.index;

	return key_make(&key, ufrag, size) &&
	       rte_hash_add_key_data(t->hash, &key, (void *)(uintptr_t)data) == 0;
}

int32_t ufrag_table_remove(struct ufrag_table *t, const char *ufrag, size_t size)
{
	struct ufrag_key key;

	return key_make(&key, ufrag, size) ? rte_hash_del_key(t->hash, &key) : -1;
}

void ufrag_table_release(struct ufrag_table *t, int32_t place)
{
	rte_hash_free_key_with_position(t->hash, place);
}

bool ufrag_table_lookup(const struct ufrag_table *t, const char *ufrag, size_t size,
			struct shm_ref *transport)
{
	struct ufrag_key key;
	void *data;

	if (!key_make(&key, ufrag, size) || rte_hash_lookup_data(t->hash, &key, &data) < 0)
		return false;
	uint64_t v = (uintptr_t)data;
	*transport = (struct shm_ref){.index = (uint32_t)v, .generation = (uint32_t)(v >> 32)};
	return true;
}
