// SPDX-License-Identifier: Apache-2.0
//
// proto/shm/repeats.h - answers kept under their request_id, so that a repeat after a restart of
// the control plane still gets the first one.
//
// Writer   the control plane, and while there is none the dataplane's main lcore, which wipes what
//          has expired. Reader: the next control plane.
// Torn     'kept' is stored last and cleared first; the crc covers key, texts and lengths, so that
//          what a control plane was writing when it ended is not believed.
// Secrets  answers carry session secrets: entry and blocks are wiped when they expire.
#pragma once

#include "proto/shm/abi.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>

enum shm_repeat_limits {
	SHM_REPEATS_MAX = 16384, // answers
	SHM_REPEAT_BLOCKS_MAX = 16384,
	SHM_REPEAT_BLOCK_BYTES = 508, // of an answer, in one block
	SHM_REPEAT_DIGEST_BYTES = 32, // SHA-256
	SHM_REPEAT_TENANT_BYTES = 16,
};
#define SHM_REPEAT_NO_BLOCK UINT32_MAX

struct shm_repeat {
	_Atomic uint32_t kept; // 1: all of the rest is valid
	uint32_t crc32; // of what follows, and then of the answer's bytes
	uint64_t until_us; // CLOCK_MONOTONIC
	uint8_t key[SHM_REPEAT_DIGEST_BYTES]; // of caller, method and request_id
	uint8_t body[SHM_REPEAT_DIGEST_BYTES]; // of the request
	uint8_t tenant[SHM_REPEAT_TENANT_BYTES]; // a digest; zeros: none
	uint32_t code; // canonical gRPC code
	uint32_t reason; // ErrorReason, 0 with code OK
	uint32_t size; // bytes: the packed answer, or the error's sentence and facts
	uint32_t first_block; // SHM_REPEAT_NO_BLOCK if size is 0
	uint8_t reserved_zero[16];
};
static_assert(sizeof(struct shm_repeat) == 128, "two lines");

struct shm_repeat_block {
	uint32_t next; // SHM_REPEAT_NO_BLOCK: the last
	uint8_t bytes[SHM_REPEAT_BLOCK_BYTES];
};
static_assert(sizeof(struct shm_repeat_block) == 512, "eight lines");

struct shm_repeats {
	struct shm_repeat entries[SHM_REPEATS_MAX];
	struct shm_repeat_block blocks[SHM_REPEAT_BLOCKS_MAX];
};

// Wipes what has expired by 'now_us', entries and blocks. For when no control plane is there to.
void shm_repeats_expire(struct shm_repeats *repeats, uint64_t now_us);
