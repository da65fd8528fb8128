// SPDX-License-Identifier: Apache-2.0
//
// proto/shm/command.h - control plane -> dataplane: epochs, and how they are acknowledged.
//
// An epoch is BEGIN followed by 'op_count' OPs in the command ring, published together. The
// dataplane applies all of it or nothing:
//   Control:   1. write the configs  2. push BEGIN and OPs, one release store  3. wait for the ack
//   Dataplane: 1. copy configs out, check the copies  2. build everything; refuse on the first
//   fault
//              3. every worker switches between two bursts and drains its rings  4. write the ack
// So after the ack of a removal nothing of the record is referred to any more: slot, keys, ufrag
// and internal port may be reused (the last two rest 60 s, design section 5). Replaying an applied
// epoch (same number) changes nothing and is acknowledged as before.
#pragma once

#include "proto/shm/abi.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>

enum shm_command_kind { SHM_COMMAND_BEGIN = 1, SHM_COMMAND_OP = 2 };
enum shm_record_type {
	SHM_RECORD_TRANSPORT = 1,
	SHM_RECORD_TRACK = 2,
	SHM_RECORD_SUBSCRIPTION = 3,
};
// APPLY creates the record, or changes it when its generation is the one that is running.
enum shm_action { SHM_ACTION_APPLY = 1, SHM_ACTION_REMOVE = 2 };

struct shm_command {
	uint32_t kind; // enum shm_command_kind
	uint32_t op_count; // BEGIN: 1..SHM_EPOCH_OPS_MAX
	uint64_t epoch; // starts at 1 and grows by one for the life of the segment
	uint32_t record_type; // OP: enum shm_record_type
	uint32_t action; // OP: enum shm_action
	struct shm_ref ref; // OP
	uint64_t reserved_zero[4];
};
static_assert(sizeof(struct shm_command) == 64, "one command, one line");

// Why an epoch was refused. The text goes into the API's error.
#define SHM_REFUSALS(X)                                                                            \
	X(NONE, "applied")                                                                         \
	X(MALFORMED, "the epoch's commands are malformed")                                         \
	X(BAD_INDEX, "the record's slot is outside its table")                                     \
	X(BAD_GENERATION, "the record's generation is not the one to apply or remove")             \
	X(BAD_FIELD, "a field of the record is out of range")                                      \
	X(DUPLICATE_UFRAG, "the local ufrag is in use")                                            \
	X(DUPLICATE_PORT, "the internal port is in use or outside the reserved range")             \
	X(DUPLICATE_SSRC, "the SSRC is or was in use on this transport")                           \
	X(NO_TRANSPORT, "the record refers to a transport that does not exist")                    \
	X(NO_TRACK, "the subscription refers to a track that does not exist")                      \
	X(NOT_ESTABLISHED, "the transport has no keys yet")                                        \
	X(DUPLICATE_TUPLE, "another plain transport has that remote address")                      \
	X(NO_TUPLE, "the transport cannot be established before a check has come in")              \
	X(KEY_CHANGE, "keys of an established transport cannot change")                            \
	X(IN_USE, "the record is still referred to by another")                                    \
	X(BAD_KEY, "the SRTP engine refused the key or suite")                                     \
	X(NO_MEMORY, "a limit of the memory plan is reached")
enum shm_refusal {
#define X(name, text) SHM_REFUSAL_##name,
	SHM_REFUSALS(X)
#undef X
};

// One slot per epoch modulo SHM_ACK_SLOTS, written by the dataplane: the other words first, then
// 'epoch' with release. The reader loads 'epoch' with acquire before and after.
struct shm_ack {
	_Atomic uint64_t epoch;
	_Atomic uint32_t refusal; // enum shm_refusal; NONE: applied
	_Atomic uint32_t op; // which op was refused, counted from 0
};
