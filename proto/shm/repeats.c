// SPDX-License-Identifier: Apache-2.0
//
// proto/shm/repeats.c - answers nobody may have any more. Contract in repeats.h.
#include "proto/shm/repeats.h"

#include <stddef.h>
#include <string.h>

// No further than 'size' goes, whatever the links say: the other process wrote them.
static void wipe_chain(struct shm_repeats *r, uint32_t at, uint32_t size)
{
	uint32_t left = size / SHM_REPEAT_BLOCK_BYTES + (size % SHM_REPEAT_BLOCK_BYTES != 0);

	for (; left != 0 && at < SHM_REPEAT_BLOCKS_MAX; left--) {
		uint32_t next = r->blocks[at].next;

		explicit_bzero(&r->blocks[at], sizeof(r->blocks[at]));
		at = next;
	}
}

void shm_repeats_expire(struct shm_repeats *r, uint64_t now_us)
{
	for (uint32_t i = 0; i < SHM_REPEATS_MAX; i++) {
		struct shm_repeat *e = &r->entries[i];

		if (atomic_load_explicit(&e->kept, memory_order_acquire) == 0 ||
		    e->until_us > now_us)
			continue;
		uint32_t first = e->first_block, size = e->size;
		atomic_store_explicit(&e->kept, 0, memory_order_release);
		explicit_bzero(e, sizeof(*e));
		wipe_chain(r, first, size);
	}
}
