// SPDX-License-Identifier: Apache-2.0
// controlplane/rpc/error.c - see error.h.
#include "controlplane/rpc/error.h"

#include <string.h>

#include "proto/api/google/rpc/error_details.pb-c.h"
#include "proto/api/google/rpc/status.pb-c.h"

static char error_domain[] = "sluice.v1";
static char error_type[] = "type.googleapis.com/google.rpc.ErrorInfo";

// A character that the cut goes through becomes U+FFFD.
static char *error_cut(const char *text, size_t size_max)
{
	return g_utf8_make_valid(text, (gssize)strnlen(text, size_max));
}

void rpc_facts_add(struct rpc_facts *facts, const char *key, char *value)
{
	if (facts->count < RPC_ERROR_FACTS_MAX) {
		facts->keys[facts->count] = key;
		facts->values[facts->count++] = error_cut(value, RPC_ERROR_FACT_BYTES_MAX);
	}
	g_free(value);
}

void rpc_facts_clear(struct rpc_facts *facts)
{
	while (facts->count > 0)
		g_free(facts->values[--facts->count]);
}

char *rpc_error_text(const char *text)
{
	return error_cut(text, RPC_ERROR_TEXT_BYTES_MAX);
}

// Unpadded base64 is what gRPC asks senders of "-bin" fields for.
static char *error_base64(const uint8_t *bytes, size_t size)
{
	char *text = g_base64_encode(bytes, size);

	text[strcspn(text, "=")] = '\0';
	return text;
}

static char *error_pack_status(const struct rpc_error *error, uint8_t *info, size_t info_size)
{
	Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	Google__Protobuf__Any *details[] = {&any};
	char *text = rpc_error_text(error->text);
	char *encoded;
	uint8_t *bytes;
	size_t size;

	any.type_url = error_type;
	any.value = (ProtobufCBinaryData){.len = info_size, .data = info};
	status.code = (int32_t)error->code;
	status.message = text;
	status.n_details = G_N_ELEMENTS(details);
	status.details = details;
	size = google__rpc__status__get_packed_size(&status);
	bytes = g_malloc(size);
	google__rpc__status__pack(&status, bytes);
	encoded = error_base64(bytes, size);
	g_free(bytes);
	g_free(text);
	return encoded;
}

char *rpc_error_details(const struct rpc_error *error)
{
	const ProtobufCEnumValue *reason = protobuf_c_enum_descriptor_get_value(
		&sluice__v1__error_reason__descriptor, (int)error->reason);
	Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
	Google__Rpc__ErrorInfo__MetadataEntry entries[RPC_ERROR_FACTS_MAX];
	Google__Rpc__ErrorInfo__MetadataEntry *metadata[RPC_ERROR_FACTS_MAX];
	char *encoded;
	uint8_t *bytes;
	size_t size;

	g_assert(reason != NULL);
	info.reason = (char *)(uintptr_t)reason->name;
	info.domain = error_domain;
	info.metadata = metadata;
	for (unsigned i = 0; error->facts != NULL && i < error->facts->count; i++) {
		google__rpc__error_info__metadata_entry__init(&entries[i]);
		entries[i].key = (char *)(uintptr_t)error->facts->keys[i];
		entries[i].value = error->facts->values[i];
		metadata[info.n_metadata++] = &entries[i];
	}
	size = google__rpc__error_info__get_packed_size(&info);
	bytes = g_malloc(size);
	google__rpc__error_info__pack(&info, bytes);
	encoded = error_pack_status(error, bytes, size);
	g_free(bytes);
	return encoded;
}
