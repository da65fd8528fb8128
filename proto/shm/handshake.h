// SPDX-License-Identifier: Apache-2.0
//
// proto/shm/handshake.h - what is said on the Unix socket (SOCK_SEQPACKET) between the processes.
//
//   1. control -> dataplane: shm_hello
//   2. dataplane -> control: shm_welcome with three descriptors (SCM_RIGHTS): the segment, the
//      eventfd the dataplane writes when it has pushed an event or ack, and the eventfd the control
//      plane writes when it has pushed a command. Or a shm_welcome with 'status' and a sentence,
//      no descriptors, and the socket is closed: another control plane is attached, or the sizes
//      differ.
//   3. Nothing more. Closing the socket is detaching: the dataplane drops punts for internal ports
//      by name from then on, and media goes on.
#pragma once

#include "proto/shm/segment.h"

#include <stdint.h>

enum { SHM_REASON_BYTES = 224, SHM_HANDSHAKE_FDS = 3 };

struct shm_hello {
	uint32_t magic; // SHM_MAGIC
	uint32_t abi_version;
	uint32_t size_count;
	uint32_t sizes[SHM_SIZES_MAX];
};
struct shm_welcome {
	uint32_t magic;
	uint32_t abi_version;
	int32_t status; // 0 or a negative errno
	char reason[SHM_REASON_BYTES]; // NUL-terminated sentence when status is not 0
};

// Fills in our own side's hello.
void shm_hello_make(struct shm_hello *hello);
// 0, or -EPROTO with a sentence that names what differs.
int shm_hello_check(const struct shm_hello *hello, char *why, size_t why_size);
