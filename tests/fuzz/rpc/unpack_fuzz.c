// SPDX-License-Identifier: Apache-2.0
// tests/fuzz/rpc/unpack_fuzz.c - any bytes as the request of any method: the first byte says which.
#include <glib.h>

#include "controlplane/rpc/unpack.h"
#include "proto/api/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { BUDGET = 1 << 20 };
	struct unpack_arena arena;
	ProtobufCMessage *message;
	const char *field;

	if (size == 0)
		return 0;
	unpack_arena_init(&arena, BUDGET);
	if (unpack_message(&arena, api_methods[data[0] % api_method_count].request, data + 1,
			   size - 1, &message, &field) == UNPACK_OK) {
		// What was taken can be sent: reflection does so.
		uint8_t *bytes = g_malloc(protobuf_c_message_get_packed_size(message) + 1);

		protobuf_c_message_pack(message, bytes);
		g_free(bytes);
	}
	unpack_arena_clear(&arena);
	return 0;
}
