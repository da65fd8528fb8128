// SPDX-License-Identifier: Apache-2.0
//
// proto/shm/handshake.c - says and checks which structs the two processes share.
#include "proto/shm/handshake.h"
#include "proto/shm/sizes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

void shm_hello_make(struct shm_hello *hello)
{
	*hello = (struct shm_hello){.magic = SHM_MAGIC, .abi_version = SHM_ABI_VERSION};
	hello->size_count = shm_sizes_fill(hello->sizes);
}

int shm_hello_check(const struct shm_hello *hello, char *why, size_t why_size)
{
	if (hello->magic != SHM_MAGIC) {
		snprintf(why, why_size,
			 "the first message begins with 0x%08" PRIx32 " instead of 0x%08" PRIx32
			 ": connect a sluice-controlplane to this socket",
			 hello->magic, SHM_MAGIC);
		return -EPROTO;
	}
	if (hello->abi_version != SHM_ABI_VERSION) {
		snprintf(why, why_size,
			 "the control plane has ABI version %" PRIu32
			 " and the dataplane %d: run both processes from one build",
			 hello->abi_version, (int)SHM_ABI_VERSION);
		return -EPROTO;
	}
	return shm_sizes_check("the control plane", hello->sizes, hello->size_count, why, why_size);
}
