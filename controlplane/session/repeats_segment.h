// SPDX-License-Identifier: Apache-2.0
// controlplane/session/repeats_segment.h - kept answers in the shared segment, for the control
// plane that comes after us.
//
// Place    repeats.c -> [repeats_segment] -> proto/shm/repeats.h
// Thread   the API's GMainContext.
// Owns     which slots and blocks are in use; the memory is the segment's.
// Trust    what is found was perhaps scribbled on: it is copied, bounded and checked by its crc.
#pragma once

#include "proto/shm/repeats.h"

#include <stdbool.h>
#include <stddef.h>

struct repeats_segment;
#define REPEATS_NO_SLOT UINT32_MAX

// Called for each valid entry that is found; 'bytes' (entry->size of them) is lent. Not taking it
// (false) wipes it.
typedef bool (*repeats_found_fn)(void *user, uint32_t slot, const struct shm_repeat *entry,
				 const uint8_t *bytes);

// Reads what an earlier control plane left; wipes what is torn or not taken.
struct repeats_segment *repeats_segment_new(struct shm_repeats *mapped, repeats_found_fn found,
					    void *user);
void repeats_segment_free(struct repeats_segment **segment); // wipes nothing

// Keeps an entry ('first_block', 'crc32' and 'kept' are set here). REPEATS_NO_SLOT: it is full.
uint32_t repeats_segment_put(struct repeats_segment *segment, const struct shm_repeat *entry,
			     const uint8_t *bytes);
void repeats_segment_wipe(struct repeats_segment *segment, uint32_t slot);
