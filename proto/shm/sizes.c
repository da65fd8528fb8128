// SPDX-License-Identifier: Apache-2.0
//
// proto/shm/sizes.c - compares struct sizes: catches the stale binary that a forgotten version
// number misses.
#include "proto/shm/sizes.h"
#include "proto/shm/segment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static const struct {
	const char *name;
	uint32_t bytes;
} mine[] = {
#define X(type) {#type, (uint32_t)sizeof(struct type)},
	SHM_STRUCTS(X)
#undef X
};
enum { MINE = sizeof(mine) / sizeof(mine[0]) };
static_assert((int)MINE <= (int)SHM_SIZES_MAX, "the header has room for every size");

uint32_t shm_sizes_fill(uint32_t *sizes)
{
	for (uint32_t i = 0; i < SHM_SIZES_MAX; i++)
		sizes[i] = i < MINE ? mine[i].bytes : 0;
	return MINE;
}

int shm_sizes_check(const char *whose, const uint32_t *sizes, uint32_t count, char *why,
		    size_t why_size)
{
	if (count != MINE) {
		snprintf(why, why_size,
			 "%s lists %" PRIu32 " struct sizes and this program knows %d: run both "
			 "processes from one build",
			 whose, count, (int)MINE);
		return -EPROTO;
	}
	for (uint32_t i = 0; i < MINE; i++) {
		if (sizes[i] == mine[i].bytes)
			continue;
		snprintf(why, why_size,
			 "struct %s has %" PRIu32 " bytes for %s and %" PRIu32
			 " for this program: run both processes from one build",
			 mine[i].name, sizes[i], whose, mine[i].bytes);
		return -EPROTO;
	}
	return 0;
}
