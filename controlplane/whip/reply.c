// SPDX-License-Identifier: Apache-2.0
// controlplane/whip/reply.c - see reply.h.
#include "controlplane/whip/reply.h"

#include <string.h>

static bool comes_back(unsigned status)
{
	return status == 409 || status == 429 || status == 503;
}

void whip_refuse_with(struct http_exchange *x, unsigned status, const char *name, const char *value,
		      const char *text)
{
	struct http_field fields[3] = {{"content-type", "text/plain; charset=utf-8"}};
	size_t count = 1;
	char *body = g_strconcat(text, "\n", NULL);

	if (comes_back(status))
		fields[count++] = (struct http_field){"retry-after", WHIP_RETRY_AFTER_S};
	if (name != NULL)
		fields[count++] = (struct http_field){name, value};
	http_reply(x, status, fields, count, g_bytes_new_take(body, strlen(body)));
}

void whip_refuse(struct http_exchange *x, unsigned status, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	whip_refuse_with(x, status, NULL, NULL, text);
	g_free(text);
}

static unsigned status_of(const struct rpc_error *error)
{
	switch ((int)error->reason) {
	case RPC_REASON(SDP_MALFORMED):
		return 400;
	case RPC_REASON(SDP_UNSUPPORTED):
	case RPC_REASON(SDP_WITHOUT_MEDIA):
		return 422;
	case RPC_REASON(OFFER_PENDING):
		return 409;
	default:
		break;
	}
	switch (error->code) {
	case RPC_UNAUTHENTICATED:
		return 401;
	case RPC_PERMISSION_DENIED:
		return 403;
	case RPC_NOT_FOUND:
		return 404;
	case RPC_RESOURCE_EXHAUSTED:
	case RPC_UNAVAILABLE:
	case RPC_ABORTED:
		return 503;
	default:
		return 500;
	}
}

void whip_refuse_error(struct http_exchange *x, const struct rpc_error *error)
{
	whip_refuse_with(x, status_of(error), NULL, NULL, error->text);
}

bool whip_content_is(const struct http_exchange *x, const char *type)
{
	const char *value = http_field_get(x, "content-type");
	size_t size = strlen(type);

	return value != NULL && g_ascii_strncasecmp(value, type, size) == 0 &&
	       strchr(" \t;", value[size]) != NULL; // its end, too
}
