// SPDX-License-Identifier: Apache-2.0
//
// tests/fuzz/rtc/red_fuzz.c - a RED payload: every block lies inside it, one behind the other.
#undef NDEBUG
#include "proto/rtc/loss/red.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct red r;

	if (!red_read(&r, data, size))
		return 0;
	assert(r.count >= 1 && r.count <= RED_BLOCKS_MAX);
	for (uint32_t i = 0; i + 1 < r.count; i++)
		assert(r.blocks[i].payload + r.blocks[i].size == r.blocks[i + 1].payload);
	assert(red_primary(&r)->payload + red_primary(&r)->size == data + size);
	assert(r.blocks[0].payload > data);
	return 0;
}
