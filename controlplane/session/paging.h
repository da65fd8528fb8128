// SPDX-License-Identifier: Apache-2.0
// controlplane/session/paging.h - lists in pages: room.proto, "Pages".
//
// A list has an order that nothing changes; a token is the place in it of the last item sent, so
// that what comes or goes meanwhile shifts nothing.
// Thread   any; pure functions.
#pragma once

#include "controlplane/rpc/call.h"
#include "controlplane/session/names.h"

#include <glib.h>

enum { PAGE_SIZE_DEFAULT = 100, PAGE_SIZE_MAX = 1000 };

static inline guint page_size_of(uint32_t asked)
{
	return asked == 0 ? PAGE_SIZE_DEFAULT : MIN(asked, PAGE_SIZE_MAX);
}

static inline void page_token_wrong(struct rpc_call *call, const char *token)
{
	rpc_call_fact(call, "field", "page_token");
	rpc_call_fail(call, RPC_INVALID_ARGUMENT, RPC_REASON(PAGE_TOKEN_INVALID),
		      "page_token: \"%.100s\" is not a token of this list: send next_page_token as "
		      "it came, or none.",
		      token);
}

// A token that is a number; empty is 0. False after failing the call.
static inline bool page_number_of(struct rpc_call *call, const char *token, uint64_t *number)
{
	guint64 n = 0;

	if (token[0] != '\0' && !g_ascii_string_to_unsigned(token, 10, 0, G_MAXUINT64, &n, NULL)) {
		page_token_wrong(call, token);
		return false;
	}
	*number = n;
	return true;
}

// A token that is an id, or empty. False after failing the call.
static inline bool page_id_ok(struct rpc_call *call, const char *token)
{
	if (token[0] == '\0' || name_id_ok(token))
		return true;
	page_token_wrong(call, token);
	return false;
}
