// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/cors.c - see cors.h. No cookie or other ambient credential is ever used, so
// access-control-allow-credentials is never sent.
#include "controlplane/rpc/cors.h"

#include <string.h>

static bool cors_is_own(const struct http_exchange *x, const char *origin)
{
	size_t scheme_size;

	if (x->scheme == NULL || x->authority == NULL)
		return false;
	scheme_size = strlen(x->scheme);
	return g_ascii_strncasecmp(origin, x->scheme, scheme_size) == 0 &&
	       strncmp(origin + scheme_size, "://", 3) == 0 &&
	       g_ascii_strcasecmp(origin + scheme_size + 3, x->authority) == 0;
}

bool cors_allows(const struct http_exchange *x, const char *const *allowed)
{
	const char *origin = http_field_get(x, "origin");

	if (origin == NULL || cors_is_own(x, origin))
		return true;
	for (size_t i = 0; allowed != NULL && allowed[i] != NULL; i++)
		if (g_str_equal(allowed[i], "*") || g_ascii_strcasecmp(allowed[i], origin) == 0)
			return true;
	return false;
}

size_t cors_fields(const struct http_exchange *x, struct http_field *out)
{
	const char *origin = http_field_get(x, "origin");

	if (origin == NULL || !x->cors_allowed)
		return 0;
	out[0] = (struct http_field){"access-control-allow-origin", origin};
	out[1] = (struct http_field){"vary", "origin"};
	if (x->cors_expose == NULL)
		return 2;
	out[2] = (struct http_field){"access-control-expose-headers", x->cors_expose};
	return CORS_FIELDS_MAX;
}

bool cors_is_preflight(const struct http_exchange *x)
{
	return g_strcmp0(x->method, "OPTIONS") == 0 && http_field_get(x, "origin") != NULL &&
	       http_field_get(x, "access-control-request-method") != NULL;
}

void cors_answer_preflight(struct http_exchange *x)
{
	const char *wanted = http_field_get(x, "access-control-request-headers");
	struct http_field fields[CORS_FIELDS_MAX + 3];
	size_t count = cors_fields(x, fields);

	fields[count++] = (struct http_field){"access-control-allow-methods", x->cors_methods};
	fields[count++] = (struct http_field){"access-control-max-age", "7200"};
	if (wanted != NULL)
		fields[count++] = (struct http_field){"access-control-allow-headers", wanted};
	http_answer(x, 204, fields, count, true);
}
