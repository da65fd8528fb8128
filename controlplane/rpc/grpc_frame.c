// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/grpc_frame.c - see grpc_frame.h. The buffer grows with what arrives, never with
// what a prefix announces.
#include "controlplane/rpc/grpc_frame.h"

#include <string.h>

void grpc_deframer_init(struct grpc_deframer *d, size_t size_max)
{
	*d = (struct grpc_deframer){.size_max = size_max, .message = g_byte_array_new()};
}

void grpc_deframer_clear(struct grpc_deframer *d)
{
	if (d->message != NULL)
		g_byte_array_unref(d->message);
	*d = (struct grpc_deframer){0};
}

static enum grpc_deframe grpc_prefix_done(struct grpc_deframer *d)
{
	const uint8_t *p = d->prefix;

	d->size = (uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 | p[4];
	g_byte_array_set_size(d->message, 0);
	d->compressed = p[0] == GRPC_FLAG_COMPRESSED;
	if (d->compressed && !d->gzip)
		return GRPC_COMPRESSED;
	if (p[0] != 0 && !d->compressed)
		return GRPC_BAD_FLAGS;
	return d->size > d->size_max ? GRPC_TOO_LARGE : GRPC_MORE;
}

enum grpc_deframe grpc_deframer_feed(struct grpc_deframer *d, const uint8_t **bytes,
				     size_t *byte_count)
{
	size_t n;

	while (d->prefix_have < GRPC_PREFIX_BYTES) {
		enum grpc_deframe bad;

		if (*byte_count == 0)
			return GRPC_MORE;
		d->prefix[d->prefix_have++] = *(*bytes)++;
		--*byte_count;
		if (d->prefix_have == GRPC_PREFIX_BYTES && (bad = grpc_prefix_done(d)) != GRPC_MORE)
			return bad;
	}
	n = MIN(*byte_count, d->size - d->message->len);
	if (n > 0) {
		g_byte_array_append(d->message, *bytes, (guint)n);
		*bytes += n;
		*byte_count -= n;
	}
	if (d->message->len < d->size)
		return GRPC_MORE;
	d->prefix_have = 0;
	return GRPC_MESSAGE;
}

bool grpc_deframer_is_idle(const struct grpc_deframer *d)
{
	return d->prefix_have == 0;
}

void grpc_frame_prefix(uint8_t *prefix, uint8_t flags, size_t size)
{
	g_assert(size <= UINT32_MAX);
	prefix[0] = flags;
	prefix[1] = (uint8_t)(size >> 24);
	prefix[2] = (uint8_t)(size >> 16);
	prefix[3] = (uint8_t)(size >> 8);
	prefix[4] = (uint8_t)size;
}

static uint8_t *grpc_frame_new(uint8_t flags, size_t size)
{
	uint8_t *frame = g_malloc(GRPC_PREFIX_BYTES + size);

	grpc_frame_prefix(frame, flags, size);
	return frame;
}

GBytes *grpc_frame_message(const ProtobufCMessage *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	uint8_t *frame = grpc_frame_new(0, size);

	protobuf_c_message_pack(message, frame + GRPC_PREFIX_BYTES);
	return g_bytes_new_take(frame, GRPC_PREFIX_BYTES + size);
}

GBytes *grpc_frame_trailers(const char *text)
{
	size_t size = strlen(text);
	uint8_t *frame = grpc_frame_new(GRPC_FLAG_TRAILERS, size);

	memcpy(frame + GRPC_PREFIX_BYTES, text, size);
	return g_bytes_new_take(frame, GRPC_PREFIX_BYTES + size);
}
