// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/static_files.h - the built page, read whole at start and served from memory.
//
// Path     route.c -> [static_files]
// Owns     the files' bytes. A request can only name what was read at start, so no path of a
//          request ever reaches the file system.
// Spec     RFC 9110 (conditional requests), CSP level 3.
#ifndef SLUICE_CONTROLPLANE_RPC_STATIC_FILES_H
#define SLUICE_CONTROLPLANE_RPC_STATIC_FILES_H

#include <glib.h>

#include "controlplane/rpc/exchange.h"

enum {
	STATIC_FILES_MAX = 512,
	STATIC_BYTES_MAX = 32 << 20,
	STATIC_DEPTH_MAX = 8,
};

struct static_files;

// Reads every regular file below `directory`; hidden files and symbolic links are left out.
struct static_files *static_files_load(const char *directory, GError **error);
void static_files_free(struct static_files **files);

// Answers GET and HEAD; "/" is index.html.
void static_files_answer(const struct static_files *files, struct http_exchange *x);

#endif
