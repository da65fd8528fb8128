// SPDX-License-Identifier: Apache-2.0
//
// dataplane/tables/ufrag.h - local ICE ufrag -> transport: the demux key of STUN requests.
//
// Thread   main adds and removes; every worker looks up, without locks (rte_hash, lock-free
// readers). Order    a removed ufrag's place is given back (ufrag_table_release) only after every
// worker has
//          acknowledged the epoch, since a reader may still be looking at it.
#pragma once

#include "proto/shm/abi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ufrag_table;

struct ufrag_table *ufrag_table_new(uint32_t transports);
void ufrag_table_free(struct ufrag_table *t);

// Main. 'size' 1..SHM_LOCAL_UFRAG_BYTES_MAX. False if the table is full.
bool ufrag_table_add(struct ufrag_table *t, const char *ufrag, size_t size,
		     struct shm_ref transport);

// Main. Returns the place to release later, or negative if it was not there.
int32_t ufrag_table_remove(struct ufrag_table *t, const char *ufrag, size_t size);
void ufrag_table_release(struct ufrag_table *t, int32_t place);

// Any worker. False if nobody has this ufrag.
bool ufrag_table_lookup(const struct ufrag_table *t, const char *ufrag, size_t size,
			struct shm_ref *transport);
