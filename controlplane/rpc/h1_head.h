// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/h1_head.h - is a request's head one that every reader takes for the same?
//
// Path     h1_conn.c -> [h1_head] -> libsoup
// Owns     nothing.
// Spec     RFC 9112 2.2, 3, 5, 6.1, 6.3 and 11.2: whoever is lenient there, behind a proxy that is
// not,
//          lets one request be smuggled inside another. libsoup is lenient, and leaks on some of
//          it.
#ifndef SLUICE_CONTROLPLANE_RPC_H1_HEAD_H
#define SLUICE_CONTROLPLANE_RPC_H1_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Bytes up to and with the empty line that ends a head; 0: it is not there yet.
size_t h1_head_size(const char *bytes, size_t byte_count);

// How much of a body follows.
struct h1_framing {
	uint64_t body_bytes; // unless chunked
	bool chunked;
	bool last; // the client closes, or expects it of us
};

// `size` as h1_head_size gave it. 0: fine; else the status to refuse it with.
unsigned h1_head_check(const char *head, size_t size, struct h1_framing *framing);

#endif
