// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/grpc_text.h - gRPC's small notations: grpc-timeout, grpc-message, base64 bodies.
//
// Path     call.c, grpc_reply.c -> [grpc_text]
// Spec     gRPC over HTTP/2 ("Timeout", "Status-Message", "Binary-Header"); gRPC-Web text; RFC 4648
//          section 4.
#ifndef SLUICE_CONTROLPLANE_RPC_GRPC_TEXT_H
#define SLUICE_CONTROLPLANE_RPC_GRPC_TEXT_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// "100m" -> 100000. False if it is not 1 to 8 digits and one of H M S m u n.
bool grpc_timeout_parse(const char *text, int64_t *us);

// Percent-encodes all but printable ASCII, and the percent sign. Cuts `text` at `max` bytes of
// input, between characters. Gives the string.
char *grpc_message_encode(const char *text, size_t max);

// Base64 as gRPC-Web text sends it: several padded pieces in a row, split anywhere.
struct grpc_base64 {
	uint32_t bits;
	unsigned have; // characters of the group so far
	unsigned padding; // of them '='
};
// Decodes into `out`, which has room for (byte_count + 3) / 4 * 3 bytes. Returns the number of
// bytes written, or -EINVAL.
long grpc_base64_decode(struct grpc_base64 *b, const uint8_t *bytes, size_t byte_count,
			uint8_t *out);

// The next of the values of a "-bin" field, which commas separate: base64, padded or not. Moves *at
// behind it, to NULL after the last. NULL: it is no base64.
GBytes *grpc_binary_next(const char **at);

#endif
