// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/grpc_gzip.h - messages compressed by gzip, in and out.
//
// Path     grpc_frame.c -> [grpc_gzip] -> unpack.c; call.c -> [grpc_gzip] -> grpc_reply.c
// Owns     nothing.
// Spec     gRPC "Compression"; RFC 1952, by zlib.
#ifndef SLUICE_CONTROLPLANE_RPC_GRPC_GZIP_H
#define SLUICE_CONTROLPLANE_RPC_GRPC_GZIP_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	GRPC_GZIP_BYTES_MIN = 1024, // smaller messages go out as they are
};

// Whether a list such as grpc-accept-encoding, which may be NULL, has gzip in it.
bool grpc_gzip_accepted(const char *list);

enum grpc_gunzip {
	GRPC_GUNZIP_OK,
	GRPC_GUNZIP_BAD, // not gzip, or cut off, or more behind it
	GRPC_GUNZIP_TOO_LARGE, // more than `size_max` bytes unpacked
};

// Replaces the message by what it unpacks to. The buffer grows with what comes out.
enum grpc_gunzip grpc_gunzip(GByteArray *message, size_t size_max);

// Gives the message packed, behind a gRPC prefix that says so.
GBytes *grpc_gzip_frame(const uint8_t *bytes, size_t size);

#endif
