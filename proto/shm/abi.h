// SPDX-License-Identifier: Apache-2.0
//
// proto/shm/abi.h - limits and versions both processes must agree on before they share memory.
//
// Place   sluice-dataplane <-> sluice-controlplane. Everything in proto/shm is bytes two processes
//         see at once: fixed-width fields, offsets and generations, no pointers.
// Trust   each side treats the other's bytes as hostile: bounds are checked on a private copy.
#pragma once

#include <stdint.h>

enum {
	SHM_ABI_VERSION = 15, // bump whenever a struct of proto/shm changes its layout or meaning
};
#define SHM_MAGIC UINT32_C(0x31434c53) // "SLC1" in little-endian order

enum shm_limits {
	SHM_WORKERS_MAX = 16,
	SHM_TRANSPORTS_MAX = 65536,
	SHM_TRACKS_MAX = 65536,
	SHM_SUBSCRIPTIONS_MAX = 1 << 20,
	SHM_COMMAND_SLOTS = 8192, // power of two
	SHM_EVENT_SLOTS = 4096, // power of two
	SHM_ACK_SLOTS = 256, // epochs in flight stay below
	SHM_EPOCH_OPS_MAX = 2048,
	SHM_UFRAG_BYTES_MAX = 256, // RFC 8839 5.4
	SHM_PWD_BYTES_MAX = 256,
	SHM_LOCAL_UFRAG_BYTES_MAX = 32, // ours: at least 8, the demux key
	SHM_LOCAL_PWD_BYTES_MAX = 32, // ours: 24
	SHM_MASTER_BYTES_MAX = 48, // SRTP master key and salt, AES-256-GCM: 32 + 12
	SHM_MID_BYTES_MAX = 16,
	SHM_RID_BYTES_MAX = 16,
	SHM_CNAME_BYTES_MAX = 32,
	SHM_ENCODINGS_MAX = 4, // simulcast layers of one track
	SHM_CODECS_MAX = 16, // payload types of one track
	SHM_CHECKED_TUPLES_MAX = 8, // design section 5, order of trust
	SHM_INACTIVITY_MS_MAX = 3600000,
	SHM_BLOB_BYTES = 16384, // what the control plane keeps per transport to come back
	SHM_CACHE_LINE = 64,
};

// The slot of a record with the generation it is meant in: a stale one names nothing.
struct shm_ref {
	uint32_t index;
	uint32_t generation; // 0 names no record
};
