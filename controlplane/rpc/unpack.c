// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/unpack.c - see unpack.h. protobuf-c is given an allocator that runs dry, so that
// a small message which unpacks into a huge one fails instead of growing.
#include "controlplane/rpc/unpack.h"

#include <glib.h>

enum {
	UNPACK_BLOCK_BYTES = 16 * 1024,
	UNPACK_ALIGN = 16,
};

struct unpack_block {
	struct unpack_block *next;
	size_t used, size;
	_Alignas(UNPACK_ALIGN) uint8_t bytes[];
};

static struct unpack_block *unpack_block_new(struct unpack_arena *arena, size_t size)
{
	struct unpack_block *block = g_malloc(sizeof(*block) + MAX(size, UNPACK_BLOCK_BYTES));

	*block =
		(struct unpack_block){.next = arena->blocks, .size = MAX(size, UNPACK_BLOCK_BYTES)};
	arena->blocks = block;
	return block;
}

static void *unpack_alloc(void *data, size_t size)
{
	struct unpack_arena *arena = data;
	struct unpack_block *block = arena->blocks;
	uint8_t *at;

	if (size > arena->left) {
		arena->exhausted = true;
		return NULL;
	}
	size = (size + UNPACK_ALIGN - 1) / UNPACK_ALIGN * UNPACK_ALIGN;
	arena->left -= MIN(size, arena->left);
	if (block == NULL || block->size - block->used < size)
		block = unpack_block_new(arena, size);
	at = block->bytes + block->used;
	block->used += size;
	return at;
}

static void unpack_free(void *data, void *memory)
{
	(void)data, (void)memory; // goes with the arena
}

void unpack_arena_init(struct unpack_arena *arena, size_t byte_count)
{
	*arena = (struct unpack_arena){
		.allocator = {unpack_alloc, unpack_free, arena},
		.left = byte_count,
	};
}

void unpack_arena_clear(struct unpack_arena *arena)
{
	struct unpack_block *block = arena->blocks;

	while (block != NULL) {
		struct unpack_block *next = block->next;

		g_free(block);
		block = next;
	}
	arena->blocks = NULL;
	arena->left = 0;
}

static const char *unpack_bad_string(const ProtobufCMessage *message);

// `slot` is where the field's value, or one element of it, is.
static const char *unpack_bad_slot(const ProtobufCFieldDescriptor *field, const void *slot)
{
	void *value = *(void *const *)slot;

	if (value == NULL)
		return NULL;
	if (field->type == PROTOBUF_C_TYPE_STRING)
		return g_utf8_validate(value, -1, NULL) ? NULL : field->name;
	return unpack_bad_string(value);
}

static const char *unpack_bad_repeated(const ProtobufCFieldDescriptor *field, const uint8_t *base)
{
	size_t count = *(const size_t *)(const void *)(base + field->quantifier_offset);
	void *const *values = *(void *const *const *)(const void *)(base + field->offset);

	for (size_t i = 0; i < count; i++) {
		const char *bad = unpack_bad_slot(field, &values[i]);

		if (bad != NULL)
			return bad;
	}
	return NULL;
}

static const char *unpack_bad_field(const ProtobufCFieldDescriptor *field, const uint8_t *base)
{
	if (field->type != PROTOBUF_C_TYPE_STRING && field->type != PROTOBUF_C_TYPE_MESSAGE)
		return NULL;
	if (field->label == PROTOBUF_C_LABEL_REPEATED)
		return unpack_bad_repeated(field, base);
	// The members of a oneof share one place: only the chosen one is a pointer.
	if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
	    *(const uint32_t *)(const void *)(base + field->quantifier_offset) != field->id)
		return NULL;
	return unpack_bad_slot(field, base + field->offset);
}

// The name of the first string that is not UTF-8, or NULL. As deep as the protos are, no deeper.
static const char *unpack_bad_string(const ProtobufCMessage *message)
{
	const ProtobufCMessageDescriptor *type = message->descriptor;

	for (unsigned i = 0; i < type->n_fields; i++) {
		const char *bad = unpack_bad_field(&type->fields[i], (const uint8_t *)message);

		if (bad != NULL)
			return bad;
	}
	return NULL;
}

enum unpack_result unpack_message(struct unpack_arena *arena,
				  const ProtobufCMessageDescriptor *type, const uint8_t *bytes,
				  size_t byte_count, ProtobufCMessage **message, const char **field)
{
	*message = protobuf_c_message_unpack(type, &arena->allocator, byte_count, bytes);
	*field = NULL;
	if (*message == NULL)
		return arena->exhausted ? UNPACK_TOO_LARGE : UNPACK_MALFORMED;
	*field = unpack_bad_string(*message);
	return *field == NULL ? UNPACK_OK : UNPACK_NOT_UTF8;
}

static bool unpack_is_bounded(const ProtobufCMessageDescriptor *type, unsigned left)
{
	if (left == 0)
		return false;
	for (unsigned i = 0; i < type->n_fields; i++)
		if (type->fields[i].type == PROTOBUF_C_TYPE_MESSAGE &&
		    !unpack_is_bounded(type->fields[i].descriptor, left - 1))
			return false;
	return true;
}

bool unpack_depth_is_bounded(const ProtobufCMessageDescriptor *type)
{
	return unpack_is_bounded(type, UNPACK_DEPTH_MAX);
}
