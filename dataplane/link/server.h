// SPDX-License-Identifier: Apache-2.0
//
// dataplane/link/server.h - the Unix socket control planes attach through, one at a time.
//
// Thread   main lcore, by polling; nothing here blocks.
// Spec     proto/shm/handshake.h.
#pragma once

#include "proto/shm/segment.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct server;

// Listens at 'path'. A socket file left by a dataplane that is gone is replaced; one that somebody
// answers on is refused. NULL with a sentence.
struct server *server_new(const char *path, int segment_fd, char *why, size_t why_size);

// Closes and removes the socket. Accepts NULL.
void server_free(struct server *s);

// Accepts, shakes hands, notices detaching. Call every few milliseconds. Until 'settled' a hello
// waits: what the last control plane pushed is still being applied, and the next one would take its
// slots for free.
void server_poll(struct server *s, uint64_t now_us, bool settled);

// True while a control plane is attached. 'since_us' (may be NULL): when it came.
bool server_attached(const struct server *s, uint64_t *since_us);

// The eventfd the control plane waits on.
int server_event_fd(const struct server *s);
