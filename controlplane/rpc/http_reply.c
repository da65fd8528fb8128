// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/http_reply.c - see exchange.h: an answer in one piece.
#include <string.h>

#include "controlplane/rpc/cors.h"
#include "controlplane/rpc/exchange.h"

enum { HTTP_REPLY_FIELDS_MAX = 20 };

void http_reply(struct http_exchange *x, unsigned status, const struct http_field *fields,
		size_t count, GBytes *body)
{
	struct http_field all[HTTP_REPLY_FIELDS_MAX];
	bool head = g_strcmp0(x->method, "HEAD") == 0;
	bool bodiless = status == 204 || status == 304; // RFC 9110 8.6: no content-length either
	char size[24];

	g_assert(count + CORS_FIELDS_MAX < G_N_ELEMENTS(all));
	if (count > 0)
		memcpy(all, fields, count * sizeof(*fields));
	count += cors_fields(x, all + count);
	if (!bodiless) {
		g_snprintf(size, sizeof(size), "%" G_GSIZE_FORMAT,
			   body != NULL ? g_bytes_get_size(body) : 0);
		all[count++] = (struct http_field){"content-length", size};
	}
	if (head || bodiless)
		g_clear_pointer(&body, g_bytes_unref);
	http_answer(x, status, all, count, body == NULL);
	if (body != NULL) {
		http_body(x, body);
		http_end(x, NULL, 0);
	}
}
