// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/grpc_gzip.c - see grpc_gzip.h.
#include "controlplane/rpc/grpc_gzip.h"

#include <string.h>
#include <zlib.h>

#include "controlplane/rpc/grpc_frame.h"

enum {
	GZIP_WINDOW = 15 + 16, // zlib's way to ask for gzip
	GZIP_PIECE_BYTES = 16 * 1024,
	GZIP_MEMORY_LEVEL = 8,
};

bool grpc_gzip_accepted(const char *list)
{
	char **words = g_strsplit(list != NULL ? list : "", ",", 16);
	bool found = false;

	for (char **word = words; *word != NULL; word++)
		found = found || g_str_equal(g_strstrip(*word), "gzip");
	g_strfreev(words);
	return found;
}

static enum grpc_gunzip gunzip_into(z_stream *z, GByteArray *out, size_t size_max)
{
	uint8_t piece[GZIP_PIECE_BYTES];
	int result;

	do {
		z->next_out = piece;
		z->avail_out = sizeof(piece);
		result = inflate(z, Z_NO_FLUSH);
		if (result != Z_OK && result != Z_STREAM_END)
			return GRPC_GUNZIP_BAD;
		if (out->len + sizeof(piece) - z->avail_out > size_max)
			return GRPC_GUNZIP_TOO_LARGE;
		g_byte_array_append(out, piece, (guint)(sizeof(piece) - z->avail_out));
	} while (result != Z_STREAM_END);
	return z->avail_in == 0 ? GRPC_GUNZIP_OK : GRPC_GUNZIP_BAD;
}

enum grpc_gunzip grpc_gunzip(GByteArray *message, size_t size_max)
{
	GByteArray *out = g_byte_array_new();
	z_stream z = {.next_in = message->data, .avail_in = message->len};
	enum grpc_gunzip result;

	if (inflateInit2(&z, GZIP_WINDOW) != Z_OK)
		g_error("out of memory");
	result = gunzip_into(&z, out, size_max);
	inflateEnd(&z);
	if (result == GRPC_GUNZIP_OK) {
		g_byte_array_set_size(message, 0);
		g_byte_array_append(message, out->data, out->len);
	}
	g_byte_array_unref(out);
	return result;
}

GBytes *grpc_gzip_frame(const uint8_t *bytes, size_t size)
{
	z_stream z = {.next_in = (uint8_t *)(uintptr_t)bytes, .avail_in = (uInt)size};
	uint8_t *frame;
	size_t packed, bound;

	if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY_LEVEL,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		g_error("out of memory");
	bound = deflateBound(&z, (uLong)size);
	frame = g_malloc(GRPC_PREFIX_BYTES + bound);
	z.next_out = frame + GRPC_PREFIX_BYTES;
	z.avail_out = (uInt)bound;
	g_assert(deflate(&z, Z_FINISH) == Z_STREAM_END);
	packed = bound - z.avail_out;
	deflateEnd(&z);
	grpc_frame_prefix(frame, GRPC_FLAG_COMPRESSED, packed);
	return g_bytes_new_take(frame, GRPC_PREFIX_BYTES + packed);
}
