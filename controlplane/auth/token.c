// SPDX-License-Identifier: Apache-2.0
// controlplane/auth/token.c - see token.h.
#include "controlplane/auth/token.h"

#include <errno.h>
#include <jwt.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

void *auth_refuse(struct auth_refusal *why, enum rpc_status code, Sluice__V1__ErrorReason reason,
		  const char *format, ...)
{
	va_list args;

	why->code = code;
	why->reason = reason;
	why->grant = NULL;
	va_start(args, format);
	g_vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	return NULL;
}

static void *unauthenticated(struct auth_refusal *why, Sluice__V1__ErrorReason reason,
			     const char *text)
{
	return auth_refuse(why, RPC_UNAUTHENTICATED, reason, "%s", text);
}

// The key the header names, if the header's algorithm is the key's.
static const struct token_key *key_of(const struct token_keys *keys, const char *token,
				      struct auth_refusal *why)
{
	const struct token_key *key = NULL;
	jwt_t *jwt = NULL;

	// Without a key libjwt parses and verifies nothing.
	if (jwt_decode(&jwt, token, NULL, 0) != 0)
		return unauthenticated(why, RPC_REASON(TOKEN_MALFORMED),
				       "the bearer token is no JWT");
	const char *kid = jwt_get_header(jwt, "kid");
	const char *algorithm = jwt_get_header(jwt, "alg");
	if (kid != NULL)
		key = token_keys_find(keys, kid);
	if (key == NULL) {
		unauthenticated(why, RPC_REASON(TOKEN_KEY_UNKNOWN),
				kid == NULL ? "the token names no key (kid)"
					    : "the token's kid names no key of this server");
	} else if (algorithm == NULL || strcmp(algorithm, key->algorithm) != 0) {
		auth_refuse(why, RPC_UNAUTHENTICATED, RPC_REASON(TOKEN_ALGORITHM_WRONG),
			    "the token's alg is not %s, which its key is configured with",
			    key->algorithm);
		key = NULL;
	}
	jwt_free(jwt);
	return key;
}

// A string, or an array that has it among its strings (RFC 7519 4.1.3).
static bool audience_matches(jwt_t *jwt, const char *audience)
{
	const char *one = jwt_get_grant(jwt, "aud");

	if (one != NULL)
		return strcmp(one, audience) == 0;
	char *many = jwt_get_grants_json(jwt, "aud");
	// token_audience has no character that JSON would write otherwise.
	char *quoted = g_strdup_printf("\"%s\"", audience);
	bool ok = many != NULL && many[0] == '[' && strstr(many, quoted) != NULL;
	g_free(quoted);
	free(many);
	return ok;
}

static bool has_number(jwt_t *jwt, const char *claim, int64_t *value)
{
	errno = 0;
	*value = jwt_get_grant_int(jwt, claim);
	return errno == 0;
}

static bool times_hold(jwt_t *jwt, int64_t now_s, int64_t *expires_s, struct auth_refusal *why)
{
	int64_t not_before_s;

	if (!has_number(jwt, "exp", expires_s) || *expires_s <= 0) {
		unauthenticated(why, RPC_REASON(TOKEN_MALFORMED),
				"the token has no exp: give it a time at which it ends");
		return false;
	}
	if (now_s - TOKEN_LEEWAY_S >= *expires_s) {
		unauthenticated(why, RPC_REASON(TOKEN_EXPIRED), "the token has expired");
		return false;
	}
	if (has_number(jwt, "nbf", &not_before_s) && now_s + TOKEN_LEEWAY_S < not_before_s) {
		unauthenticated(why, RPC_REASON(TOKEN_NOT_YET_VALID), "the token is not valid yet");
		return false;
	}
	return true;
}

static unsigned grants_of(jwt_t *jwt)
{
	static const struct {
		const char *claim;
		unsigned grant;
	} rows[] = {
		{"publish", GRANT_PUBLISH},
		{"subscribe", GRANT_SUBSCRIBE},
		{"observe", GRANT_OBSERVE},
		{"administer", GRANT_ADMINISTER},
	};
	unsigned grants = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		if (jwt_get_grant_bool(jwt, rows[i].claim) == 1)
			grants |= rows[i].grant;
	return grants;
}

static bool is_id(const char *text, size_t size)
{
	return size <= 64 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					  "0123456789-_") >= size;
}

static bool is_pattern(const char *text)
{
	size_t size = strlen(text);

	return is_id(text, size > 0 && text[size - 1] == '*' ? size - 1 : size);
}

static struct caller *caller_of(jwt_t *jwt, struct auth_refusal *why)
{
	const char *subject = jwt_get_grant(jwt, "sub"), *tenant = jwt_get_grant(jwt, "tenant");
	const char *room = jwt_get_grant(jwt, "room");

	if (subject != NULL && (strlen(subject) > 128 || !g_utf8_validate(subject, -1, NULL)))
		return unauthenticated(why, RPC_REASON(TOKEN_MALFORMED),
				       "the token's sub is longer than 128 bytes");
	if (tenant != NULL && (tenant[0] == '\0' || !is_id(tenant, strlen(tenant))))
		return unauthenticated(why, RPC_REASON(TOKEN_MALFORMED),
				       "the token's tenant is not 1 to 64 of [A-Za-z0-9_-]");
	if (room != NULL && !is_pattern(room))
		return unauthenticated(why, RPC_REASON(TOKEN_MALFORMED),
				       "the token's room is no id, nor a prefix and *");
	return caller_new(CALLER_TOKEN, grants_of(jwt), subject != NULL ? subject : "",
			  tenant != NULL ? tenant : "", room != NULL ? room : "");
}

// Of what is signed alone: whoever has one ECDSA signature can write it in another way, and it is
// still right. `token` has been verified: it has its two dots.
static uint64_t digest_of(const char *token)
{
	const char *signature = strchr(strchr(token, '.') + 1, '.');
	unsigned char hash[SHA256_DIGEST_LENGTH];
	uint64_t digest;

	SHA256((const unsigned char *)token, (size_t)(signature - token), hash);
	memcpy(&digest, hash, sizeof(digest));
	return digest | 1; // 0 means none
}

struct caller *token_verify(const struct token_keys *keys, const char *audience, const char *token,
			    int64_t now_s, struct auth_refusal *why)
{
	struct caller *caller = NULL;
	int64_t expires_s;
	jwt_t *jwt = NULL;

	if (strlen(token) > TOKEN_BYTES_MAX)
		return unauthenticated(why, RPC_REASON(TOKEN_MALFORMED),
				       "the bearer token is longer than 8192 bytes");
	const struct token_key *key = key_of(keys, token, why);
	if (key == NULL)
		return NULL;
	if (jwt_decode(&jwt, token, key->bytes, (int)key->size) != 0)
		return unauthenticated(why, RPC_REASON(TOKEN_SIGNATURE_WRONG),
				       "the token's signature is not its key's");
	if (!audience_matches(jwt, audience))
		auth_refuse(why, RPC_UNAUTHENTICATED, RPC_REASON(TOKEN_AUDIENCE_WRONG),
			    "the token's aud is not \"%s\"", audience);
	else if (times_hold(jwt, now_s, &expires_s, why))
		caller = caller_of(jwt, why);
	jwt_free(jwt);
	if (caller == NULL)
		return NULL;
	caller->token = digest_of(token);
	caller->expires_s = expires_s;
	return caller;
}
