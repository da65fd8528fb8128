// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/grpc_reply.c - see grpc_reply.h.
#include "controlplane/rpc/grpc_reply.h"

#include <string.h>

#include "controlplane/rpc/call.h"
#include "controlplane/rpc/cors.h"
#include "controlplane/rpc/grpc_frame.h"
#include "controlplane/rpc/grpc_gzip.h"
#include "controlplane/rpc/grpc_text.h"

enum { GRPC_FIELDS_MAX = 12 };

static bool grpc_type_is(const char *type, const char *base)
{
	size_t size = strlen(base);

	if (g_ascii_strncasecmp(type, base, size) != 0)
		return false;
	type += size;
	if (g_ascii_strncasecmp(type, "+proto", 6) == 0)
		type += 6;
	return *type == '\0' || *type == ';' || *type == ' ';
}

enum grpc_dialect grpc_dialect_of(const char *content_type)
{
	if (content_type == NULL)
		return GRPC_NONE;
	if (grpc_type_is(content_type, "application/grpc"))
		return GRPC_HTTP2;
	if (grpc_type_is(content_type, "application/grpc-web"))
		return GRPC_WEB;
	if (grpc_type_is(content_type, "application/grpc-web-text"))
		return GRPC_WEB_TEXT;
	return GRPC_NONE;
}

static const char *grpc_answer_type(enum grpc_dialect dialect)
{
	switch (dialect) {
	case GRPC_WEB:
		return "application/grpc-web+proto";
	case GRPC_WEB_TEXT:
		return "application/grpc-web-text+proto";
	default:
		return "application/grpc";
	}
}

// `fields` has room for GRPC_FIELDS_MAX; `count` of them are status fields already.
static void grpc_reply_head(struct grpc_reply *r, struct http_field *fields, size_t count, bool end)
{
	fields[count++] = (struct http_field){"content-type", grpc_answer_type(r->dialect)};
	fields[count++] = (struct http_field){"grpc-accept-encoding", "identity, gzip"};
	if (r->gzip && !end)
		fields[count++] = (struct http_field){"grpc-encoding", "gzip"};
	count += cors_fields(r->x, fields + count);
	http_answer(r->x, 200, fields, count, end);
	r->head_sent = true;
}

GBytes *grpc_reply_message_frame(const struct grpc_reply *r, const ProtobufCMessage *message)
{
	GBytes *plain = grpc_frame_message(message);
	gsize size;
	const uint8_t *bytes = g_bytes_get_data(plain, &size);
	GBytes *packed;

	if (!r->gzip || size - GRPC_PREFIX_BYTES < GRPC_GZIP_BYTES_MIN)
		return plain;
	packed = grpc_gzip_frame(bytes + GRPC_PREFIX_BYTES, size - GRPC_PREFIX_BYTES);
	g_bytes_unref(plain);
	return packed;
}

void grpc_reply_frame(struct grpc_reply *r, GBytes *frame)
{
	struct http_field fields[GRPC_FIELDS_MAX];

	if (!r->head_sent)
		grpc_reply_head(r, fields, 0, false);
	if (r->dialect == GRPC_WEB_TEXT) {
		gsize size;
		const void *bytes = g_bytes_get_data(frame, &size);
		char *text = g_base64_encode(bytes, size);

		g_bytes_unref(frame);
		frame = g_bytes_new_take(text, strlen(text));
	}
	http_body(r->x, frame);
}

static void grpc_reply_web_trailers(struct grpc_reply *r, const struct http_field *fields,
				    size_t count)
{
	GString *text = g_string_new(NULL);

	for (size_t i = 0; i < count; i++)
		g_string_append_printf(text, "%s: %s\r\n", fields[i].name, fields[i].value);
	grpc_reply_frame(r, grpc_frame_trailers(text->str));
	g_string_free(text, TRUE);
	http_end(r->x, NULL, 0);
}

void grpc_reply_status(struct grpc_reply *r, const struct rpc_error *error)
{
	struct http_field fields[GRPC_FIELDS_MAX];
	size_t count = 0;
	char number[12];
	char *encoded = NULL, *details = NULL;

	g_snprintf(number, sizeof(number), "%d", error != NULL ? (int)error->code : RPC_OK);
	fields[count++] = (struct http_field){"grpc-status", number};
	if (error != NULL) {
		char *text = rpc_error_text(error->text);

		encoded = grpc_message_encode(text, RPC_ERROR_TEXT_BYTES_MAX);
		details = rpc_error_details(error);
		g_free(text);
		fields[count++] = (struct http_field){"grpc-message", encoded};
		fields[count++] = (struct http_field){"grpc-status-details-bin", details};
	}
	if (!r->head_sent)
		grpc_reply_head(r, fields, count, true);
	else if (r->dialect == GRPC_HTTP2)
		http_end(r->x, fields, count);
	else
		grpc_reply_web_trailers(r, fields, count);
	r->status_sent = true;
	r->status = error != NULL ? error->code : RPC_OK;
	g_free(encoded);
	g_free(details);
}
