// SPDX-License-Identifier: Apache-2.0
// tests/fuzz/rpc/unpack_fuzz.c - any bytes as the request of any method: the first byte says which.
#include <glib.h>
#include <string.h>

#include "controlplane/rpc/unpack.h"
#include "proto/api/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_message(const ProtobufCMessage *message, unsigned depth_left);

static void check_field(const ProtobufCFieldDescriptor *field, const void *value,
			unsigned depth_left)
{
	if (value == NULL)
		return;
	if (field->type == PROTOBUF_C_TYPE_STRING)
		g_assert(g_utf8_validate(value, -1, NULL));
	else if (field->type == PROTOBUF_C_TYPE_MESSAGE)
		check_message(value, depth_left - 1);
}

// What unpack.h promises of a message it has let pass: no deeper than that, and all text is text.
static void check_message(const ProtobufCMessage *message, unsigned depth_left)
{
	const uint8_t *base = (const uint8_t *)message;

	g_assert(depth_left > 0);
	for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &message->descriptor->fields[i];
		uint32_t chosen;
		void *slot;

		if (f->type != PROTOBUF_C_TYPE_STRING && f->type != PROTOBUF_C_TYPE_MESSAGE)
			continue;
		memcpy(&slot, base + f->offset, sizeof(slot));
		memcpy(&chosen, base + f->quantifier_offset, sizeof(chosen));
		if (f->label == PROTOBUF_C_LABEL_REPEATED)
			for (uint32_t k = 0; k < chosen; k++)
				check_field(f, ((void **)slot)[k], depth_left);
		else if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0 || chosen == f->id)
			check_field(f, slot, depth_left);
	}
}

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
		check_message(message, UNPACK_DEPTH_MAX);
		// What was taken can be sent: reflection does so.
		uint8_t *bytes = g_malloc(protobuf_c_message_get_packed_size(message) + 1);

		protobuf_c_message_pack(message, bytes);
		g_free(bytes);
	}
	g_assert(arena.left <= BUDGET);
	unpack_arena_clear(&arena);
	return 0;
}
