// SPDX-License-Identifier: Apache-2.0
//
// proto/shm/sizes.h - the sizes of the shared structs, as this program was built with them.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Fills 'sizes' (SHM_SIZES_MAX entries) and returns how many are used.
uint32_t shm_sizes_fill(uint32_t *sizes);

// 0, or -EPROTO with a sentence that names the first struct that differs. 'whose' starts it, such
// as "the segment".
int shm_sizes_check(const char *whose, const uint32_t *sizes, uint32_t count, char *why,
		    size_t why_size);
