// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/unpack.h - turns a hostile message into a checked one: bounded memory, bounded
// depth, valid UTF-8.
//
// Path     grpc_frame.c -> [unpack] -> call.c
// Owns     the arena, in which every byte of the message lives.
// Spec     design: protobuf-c has no memory bound, no depth limit and no UTF-8 check.
#ifndef SLUICE_CONTROLPLANE_RPC_UNPACK_H
#define SLUICE_CONTROLPLANE_RPC_UNPACK_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UNPACK_DEPTH_MAX = 16 };

// Memory that is only given back as a whole.
struct unpack_arena {
	ProtobufCAllocator allocator;
	size_t left; // bytes that may still be had
	bool exhausted;
	struct unpack_block *blocks;
};

void unpack_arena_init(struct unpack_arena *arena, size_t byte_count);
void unpack_arena_clear(struct unpack_arena *arena);

enum unpack_result {
	UNPACK_OK,
	UNPACK_MALFORMED,
	UNPACK_TOO_LARGE, // needs more memory than the arena has left
	UNPACK_NOT_UTF8, // `field` names the string
};

// On UNPACK_OK *message lives in the arena until that is cleared. Borrows `bytes` for the call.
enum unpack_result unpack_message(struct unpack_arena *arena,
				  const ProtobufCMessageDescriptor *type, const uint8_t *bytes,
				  size_t byte_count, ProtobufCMessage **message,
				  const char **field);

// True if no message of this type can nest deeper than UNPACK_DEPTH_MAX: a check of our own protos.
bool unpack_depth_is_bounded(const ProtobufCMessageDescriptor *type);

#endif
