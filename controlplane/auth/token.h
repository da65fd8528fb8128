// SPDX-License-Identifier: Apache-2.0
// controlplane/auth/token.h - a bearer token (JWT) -> a caller, or the reason why not.
//
// Place    auth/gate.c and auth_exchange(), from the authorization field.
// Thread   the API's GMainContext.
// Spec     RFC 7519, RFC 7515; libjwt verifies. A token's alg must be the one its key (by kid) is
//          configured with, so neither "none" nor an algorithm swapped for another is ever tried.
//
// Claims   aud         must be, or contain, token_audience
//          exp         needed; nbf if there; both with TOKEN_LEEWAY_S
//          sub         whose it is, at most 128 characters; also the subject in logs
//          tenant      optional: [A-Za-z0-9_-]{1,64}; without one it speaks for every tenant
//          room        "*", an id, or a prefix and "*"; without one no room
//          publish, subscribe, observe, administer   true or absent
#pragma once

#include "controlplane/auth/caller.h"
#include "controlplane/auth/refusal.h"
#include "controlplane/auth/token_keys.h"

enum { TOKEN_LEEWAY_S = 30, TOKEN_BYTES_MAX = 8192 };

// 'now_s': Unix time. NULL with '*why'. The text never quotes the token.
struct caller *token_verify(const struct token_keys *keys, const char *audience, const char *token,
			    int64_t now_s, struct auth_refusal *why);
