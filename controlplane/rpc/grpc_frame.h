// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/grpc_frame.h - the five-byte prefix of gRPC messages, in and out.
//
// Path     exchange body -> [grpc_frame] -> unpack.c; call.c -> [grpc_frame] -> exchange body
// Owns     the message being collected.
// Spec     gRPC over HTTP/2, "Length-Prefixed-Message"; gRPC-Web, "trailers in the body".
#ifndef SLUICE_CONTROLPLANE_RPC_GRPC_FRAME_H
#define SLUICE_CONTROLPLANE_RPC_GRPC_FRAME_H

#include <glib.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	GRPC_PREFIX_BYTES = 5,
	GRPC_FLAG_COMPRESSED = 0x01,
	GRPC_FLAG_TRAILERS = 0x80, // gRPC-Web
};

enum grpc_deframe {
	GRPC_MORE, // all bytes used, message not complete
	GRPC_MESSAGE, // one message complete, in `message`
	GRPC_COMPRESSED, // flagged as compressed, and `gzip` is not set
	GRPC_BAD_FLAGS, // flags nobody knows: not a gRPC message at all
	GRPC_TOO_LARGE, // announces more than the limit; see `size`
};

struct grpc_deframer {
	uint8_t prefix[GRPC_PREFIX_BYTES];
	unsigned prefix_have;
	uint32_t size; // of the message, valid once the prefix is whole
	size_t size_max;
	bool gzip; // set by the owner: messages may be compressed
	bool compressed; // this one is
	GByteArray *message; // borrowed by the caller until the next feed
};

void grpc_deframer_init(struct grpc_deframer *d, size_t size_max);
void grpc_deframer_clear(struct grpc_deframer *d);

// Uses bytes from the front of *bytes up to the end of one message, moving both forward. After an
// error the deframer is not to be fed again.
enum grpc_deframe grpc_deframer_feed(struct grpc_deframer *d, const uint8_t **bytes,
				     size_t *byte_count);
// True between messages: the only place where a body may end.
bool grpc_deframer_is_idle(const struct grpc_deframer *d);

// Writes the five bytes before a message of `size` bytes.
void grpc_frame_prefix(uint8_t *prefix, uint8_t flags, size_t size);

// One message, prefix and all. Gives the bytes.
GBytes *grpc_frame_message(const ProtobufCMessage *message);
// The last frame of a gRPC-Web body. Gives the bytes.
GBytes *grpc_frame_trailers(const char *text);

#endif
